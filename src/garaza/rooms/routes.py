"""HTTP in and out of rooms."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from garaza.accounts.dependencies import SignedIn
from garaza.kit.blobs.port import Blobs, Place, StorageUnavailableError, result_key
from garaza.kit.conditional import check_write, is_conditional
from garaza.kit.database import Database
from garaza.kit.fields import Selection, fields_of, picked
from garaza.kit.lines import LINES_TOO, lines_answer, lines_wanted
from garaza.kit.pagination import Paging, pages, paging, paging_headers
from garaza.kit.sessions import Reading, Writing
from garaza.kit.stored_files import FILE_ROUTE, stored_file_answer
from garaza.rooms.repository import StoredFile
from garaza.rooms.schemas import (
    RoomAnswer,
    RoomChange,
    RoomList,
    RoomRequest,
    ShareAnswer,
    SharedRoomAnswer,
    ShareRequest,
)
from garaza.rooms.service import Fits, RoomService
from garaza.rooms.sharing import Opened, ShareService

MAX_BODY_BYTES = 1 << 16
"""Of the small JSON documents taken here."""

RoomId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Wanted = Annotated[Paging, Depends(paging(float, int))]
ListFields = Annotated[Selection | None, Depends(fields_of(RoomList))]
RoomFields = Annotated[Selection | None, Depends(fields_of(RoomAnswer))]
Remove = Callable[[int], Awaitable[None]]
"""Takes the files and the row of a room that is marked as deleted."""

_SHARED = {"Referrer-Policy": "no-referrer", "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
"""Of answers to a link, which is itself the secret, and may be revoked at any time."""


_IF_MATCH: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": text}
        for name, text in (
            ("If-Match", "The ETag that it must have; 412 otherwise"),
            ("If-Unmodified-Since", "What it must not have changed since, to the second; 412 otherwise"),
        )
    ]
}


def _fits(request: Request) -> Fits | None:
    headers = request.headers
    return (lambda there: check_write(headers, there)) if is_conditional(headers) else None


def make_router(
    rooms: RoomService, shares: ShareService, database: Database, blobs: Blobs, remove: Remove
) -> APIRouter:
    """The routes of rooms and of their links, for owners."""
    router = APIRouter(prefix="/api/rooms", tags=["rooms"], max_body_size=MAX_BODY_BYTES)

    @router.get("", summary="One's own rooms, newest first", response_model=RoomList, responses=LINES_TOO)
    async def own_rooms(
        viewer: SignedIn,
        wanted: Wanted,
        request: Request,
        response: Response,
        session: Reading,
        wanted_fields: ListFields,
    ) -> RoomList | Response:
        if (kind := lines_wanted(request)) is not None:
            user_id = viewer.user_id
            fields = wanted_fields and wanted_fields.within("rooms")
            return lines_answer(request, kind, wanted, lambda session, part: rooms.page(session, user_id, part), fields)
        answers, page = await rooms.page(session, viewer.user_id, wanted)
        response.headers.update(paging_headers(request, wanted, page))
        answer = RoomList(
            rooms=answers,
            total=page.total,
            page=wanted.page if wanted.place is None else None,
            page_size=wanted.page_size,
            total_pages=pages(page.total, wanted.page_size) if page.total is not None else None,
            next_cursor=page.next,
        )
        return picked(answer, wanted_fields, response)

    @router.post("", status_code=201, summary="Keep a finished scan as a room")
    async def save(viewer: SignedIn, wanted: RoomRequest, response: Response) -> RoomAnswer:
        """One's own scan, or a guest's by its id. The room stays when the scan is deleted or expires."""
        room = await rooms.save(viewer, wanted)
        response.headers["Location"] = f"/api/rooms/{room.id}"
        return room

    @router.get("/{room_id}", summary="One room", response_model=RoomAnswer)
    async def room(
        room_id: RoomId, viewer: SignedIn, session: Reading, response: Response, wanted_fields: RoomFields
    ) -> RoomAnswer | Response:
        """Its ETag, sent as If-Match with a change, prevents that somebody else's is lost."""
        found, validators = await rooms.get(session, viewer.user_id, room_id)
        response.headers["ETag"] = validators.tags[0]
        return picked(found, wanted_fields, response)

    @router.put("/{room_id}", summary="Give a room another name or description", openapi_extra=_IF_MATCH)
    async def change(
        room_id: RoomId, wanted: RoomChange, viewer: SignedIn, session: Writing, request: Request, response: Response
    ) -> RoomAnswer:
        """With If-Match only if it still has this ETag; 412 if somebody has changed it meanwhile."""
        found, validators = await rooms.change(session, viewer.user_id, room_id, wanted, _fits(request))
        response.headers["ETag"] = validators.tags[0]
        return found

    @router.delete("/{room_id}", status_code=204, summary="Delete a room", openapi_extra=_IF_MATCH)
    async def delete(room_id: RoomId, viewer: SignedIn, request: Request) -> None:
        """The scan that it was made from stays. With If-Match only if it still has this ETag."""
        async with database.write() as session:
            await rooms.delete(session, viewer.user_id, room_id, _fits(request))
        # It is deleted in any case: what stays where it is, the next round of housekeeping removes.
        with contextlib.suppress(StorageUnavailableError):
            await remove(room_id)

    @router.head("/{room_id}/assets/{filename:path}", include_in_schema=False)
    @router.get("/{room_id}/assets/{filename:path}", summary="A file of a room", **FILE_ROUTE)
    async def asset(
        room_id: RoomId, filename: str, request: Request, viewer: SignedIn, session: Reading, v: str = ""
    ) -> Response:
        found = await rooms.file(session, viewer.user_id, room_id, filename)
        return await _file_answer(blobs, request, found, v)

    @router.head("/{room_id}/thumbnail", include_in_schema=False)
    @router.get("/{room_id}/thumbnail", summary="A picture of a room", **FILE_ROUTE)
    async def thumbnail(room_id: RoomId, request: Request, viewer: SignedIn, session: Reading, v: str = "") -> Response:
        return await _file_answer(blobs, request, await rooms.thumbnail(session, viewer.user_id, room_id), v)

    _add_links(router, shares)
    return router


def _add_links(router: APIRouter, shares: ShareService) -> None:
    @router.post("/{room_id}/shares", status_code=201, summary="Make a link that opens a room to whoever has it")
    async def share(
        room_id: RoomId, viewer: SignedIn, session: Writing, wanted: ShareRequest | None = None
    ) -> ShareAnswer:
        """To read, and nothing else of yours; until it expires or is revoked."""
        return await shares.share(session, viewer.user_id, room_id, wanted or ShareRequest())

    @router.get("/{room_id}/shares", summary="The links to a room that are good")
    async def links(room_id: RoomId, viewer: SignedIn, session: Reading) -> list[ShareAnswer]:
        return await shares.links(session, viewer.user_id, room_id)

    @router.delete("/{room_id}/shares/{share_id}", status_code=204, summary="Close a link")
    async def revoke(room_id: RoomId, share_id: str, viewer: SignedIn, session: Writing) -> None:
        await shares.revoke(session, viewer.user_id, room_id, share_id)


def make_shared_router(shares: ShareService, blobs: Blobs) -> APIRouter:
    """The routes of whoever has a link."""

    async def read_link(token: str) -> Opened:
        return shares.read(token)

    # Of the router, so that it comes before any session: what was made up, or has expired, costs no query.
    opened = Depends(read_link)
    router = APIRouter(prefix="/api/shared", tags=["rooms"], dependencies=[opened])

    @router.get("/{token}", summary="The room that a link opens")
    async def shared(session: Reading, response: Response, link: Opened = opened) -> SharedRoomAnswer:
        response.headers.update(_SHARED)
        return await shares.room(session, link)

    @router.head("/{token}/assets/{filename:path}", include_in_schema=False)
    @router.get("/{token}/assets/{filename:path}", summary="A file of the room that a link opens", **FILE_ROUTE)
    async def asset(filename: str, request: Request, session: Reading, v: str = "", link: Opened = opened) -> Response:
        return await _file_answer(blobs, request, await shares.file(session, link, filename), v, shared=True)

    @router.head("/{token}/thumbnail", include_in_schema=False)
    @router.get("/{token}/thumbnail", summary="A picture of the room that a link opens", **FILE_ROUTE)
    async def thumbnail(request: Request, session: Reading, v: str = "", link: Opened = opened) -> Response:
        return await _file_answer(blobs, request, await shares.thumbnail(session, link), v, shared=True)

    return router


async def _file_answer(
    blobs: Blobs, request: Request, found: StoredFile, version: str, *, shared: bool = False
) -> Response:
    answer = await stored_file_answer(
        request.headers,
        Place(blobs, result_key(found.job_id, found.version)) / found.file.path,
        digest=found.file.sha256,
        media_type=found.file.media_type,
        version=version,
        private=True,
        revocable=shared,
    )
    if shared:
        answer.headers.update(_SHARED)
    return answer

"""HTTP in and out of imports. Every call is for admins, and for machines that may stand for one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect

from garaza.accounts.dependencies import AdminOnly
from garaza.furniture.importing.receiving import Body, CatalogueUploads
from garaza.furniture.importing.rows import MAX_NOTES
from garaza.furniture.importing.schemas import ImportAnswer, ImportList, NoteAnswer, NoteList
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.states import MAX_COLUMNS, BadMappingError, Options, mapping_of
from garaza.furniture.models import CatalogueImport, ImportNote
from garaza.kit.database import ReadSession
from garaza.kit.lines import LINES_TOO, lines_answer, lines_wanted
from garaza.kit.lists import about_list
from garaza.kit.pagination import Page, Paging, paging
from garaza.kit.sessions import Reading
from garaza.uploads.answers import broke_off, content_length_of

PATH = "/api/admin/catalogue/imports"
ImportId = Annotated[str, Path(max_length=64)]
ByTime = Annotated[Paging, Depends(paging(float, str))]
ByRow = Annotated[Paging, Depends(paging(int, int))]

# The body is read as it comes, so FastAPI must not parse it: it is described by hand.
_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE}}
_KINDS = {"multipart/form-data": _FORM, "text/csv": _FILE, "application/octet-stream": _FILE}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {kind: {"schema": schema} for kind, schema in _KINDS.items()}}
}


def _options(
    replace: Annotated[bool, Query(description="Products that the file doesn't have leave the catalogue.")] = False,
    keep_sample: Annotated[bool, Query(description="The sample stays beside it.")] = False,
    columns: Annotated[
        list[str] | None,
        Query(alias="map", max_length=MAX_COLUMNS, description="COLUMN=FIELD, for columns of unknown names."),
    ] = None,
) -> Options:
    try:
        mapping = mapping_of(columns or ())
    except BadMappingError as error:
        wrong = {"loc": ("query", "map"), "msg": str(error), "type": "mapping", "input": None}
        raise RequestValidationError([wrong]) from None
    return Options(mapping, replace, keep_sample, uploaded=True)


def make_router(imports: ImportService, uploads: CatalogueUploads) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix=PATH, tags=["admin"])

    @router.post("", status_code=202, summary="Import a catalogue", openapi_extra=_BODY)
    async def begin(
        admin: AdminOnly,
        request: Request,
        response: Response,
        options: Annotated[Options, Depends(_options)],
        name: Annotated[str, Query(max_length=255, description="Of the file, where it is the body itself.")] = "",
    ) -> ImportAnswer:
        """CSV, JSON Lines or Parquet; in the field `file` of a form, or as the body. The catalogue stays as it is
        until the whole file is in it.
        """
        media_type = request.headers.get("content-type", "")
        body = Body(request.stream(), media_type, content_length_of(request), name)
        try:
            begun = await uploads.receive(admin, body, options)
        except ClientDisconnect:
            raise broke_off() from None
        response.headers["Location"] = f"{PATH}/{begun.id}"
        return ImportAnswer.of(begun)

    @router.get("", summary="Imports, newest first", response_model=ImportList, responses=LINES_TOO)
    async def listed(
        _admin: AdminOnly, wanted: ByTime, request: Request, response: Response, session: Reading
    ) -> ImportList | Response:
        async def part(session: ReadSession, wanted: Paging) -> tuple[list[ImportAnswer], Page[CatalogueImport]]:
            page = await imports.page(session, wanted)
            return [ImportAnswer.of(one) for one in page.rows], page

        if (kind := lines_wanted(request)) is not None:
            return lines_answer(request, kind, wanted, part)
        found, page = await part(session, wanted)
        return ImportList(imports=found, **about_list(request, response, wanted, page, page.total))

    @router.get("/{import_id}", summary="How far an import has come")
    async def one(import_id: ImportId, _admin: AdminOnly, session: Reading) -> ImportAnswer:
        return ImportAnswer.of(await imports.get(session, import_id))

    @router.delete("/{import_id}", summary="Cancel an import")
    async def cancel(import_id: ImportId, admin: AdminOnly) -> ImportAnswer:
        """What it wrote is taken away soon after; the catalogue stays as it is."""
        return ImportAnswer.of(await uploads.cancel(admin, import_id))

    _add_notes(router, imports)
    return router


def _add_notes(router: APIRouter, imports: ImportService) -> None:
    @router.get("/{import_id}/notes", summary="What became of its rows", response_model=NoteList, responses=LINES_TOO)
    async def notes(
        import_id: ImportId, _admin: AdminOnly, wanted: ByRow, request: Request, response: Response, session: Reading
    ) -> NoteList | Response:
        """What was mended, refused, or given twice; the first 20,000 are kept."""
        of = await imports.get(session, import_id)

        async def part(session: ReadSession, wanted: Paging) -> tuple[list[NoteAnswer], Page[ImportNote]]:
            page = await imports.notes(session, of.id, wanted)
            return [NoteAnswer.of(note) for note in page.rows], page

        if (kind := lines_wanted(request)) is not None:
            return lines_answer(request, kind, wanted, part)
        found, page = await part(session, wanted)
        count = min(of.counts.get("notes", 0), MAX_NOTES) if wanted.place is None else None
        return NoteList(notes=found, **about_list(request, response, wanted, page, count))

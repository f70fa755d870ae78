"""Server-sent events, for those to whom WebSockets don't get through; and tickets for both."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.types import Receive, Scope, Send

from garaza.accounts.dependencies import MaybeUser, SignedIn
from garaza.accounts.principal import Principal
from garaza.errors import GarazaError
from garaza.jobs.news import Mark
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import DatabaseUnavailableError
from garaza.live.connection import CLOSE_NORMAL, CLOSE_TRY_AGAIN, Connection, goodbye
from garaza.live.cursors import MAX_LETTERS, mark_of
from garaza.live.identity import Ways, identify_at_once
from garaza.live.lines import StreamLine
from garaza.live.schemas import TicketAnswer
from garaza.live.service import LiveService, place_of, place_of_account
from garaza.live.tickets import LIFE_SECONDS, Tickets
from garaza.live.told import PING

_RETRY = b"retry: 2000\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # For nginx, which would gather what comes.
    (b"x-accel-buffering", b"no"),
]
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events as they come", "content": {"text/event-stream": {}}},
    204: {"description": "The scan has ended, and the client knows of it: don't connect again."},
}


class EventStream(Response):
    """An answer that goes on."""

    def __init__(
        self,
        live: LiveService,
        viewer: Principal | None,
        job_id: str | None,
        last: Mark | None,
        seconds: float,
        *,
        details: bool,
    ) -> None:
        super().__init__()
        self._live = live
        self._viewer = viewer
        self._job_id = job_id
        self._last = last
        self._seconds = seconds
        self._details = details

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Response`. What goes wrong before the answer begins is answered as everywhere.

        Raises:
            GarazaError: 404, 429, 503.
        """
        live, viewer, job_id = self._live, self._viewer, self._job_id
        with live.places.take(place_of(Request(scope)) if viewer is None else place_of_account(viewer)):
            if job_id is not None and await live.has_seen_the_end(job_id, viewer, self._last):
                await Response(status_code=204)(scope, receive, send)
                return
            endings = None if job_id is None else live.endings
            line = StreamLine(receive, send, endings, viewer, details=self._details)
            connection = live.connect(line, beat=PING)
            if viewer is not None:
                connection.lasts_as(viewer)
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            ending = asyncio.get_running_loop().call_later(self._seconds, connection.end, CLOSE_NORMAL)
            try:
                await self._follow(connection)
            except (GarazaError, DatabaseUnavailableError, PoolTimeoutError, StorageUnavailableError):
                # Clients come back by themselves, and are told then.
                await goodbye(line, CLOSE_TRY_AGAIN, "", None)
            finally:
                ending.cancel()

    async def _follow(self, connection: Connection) -> None:
        if self._job_id is not None:
            await self._live.follow_job(connection, self._job_id, self._viewer, self._last)
        else:
            assert self._viewer is not None, "the route has made sure of it"
            await self._live.follow_account(connection, self._viewer.user_id, self._last)


def make_router(live: LiveService, ways: Ways, tickets: Tickets, stream_seconds: float) -> APIRouter:
    """The routes of streams and tickets."""
    router = APIRouter(prefix="/api", tags=["live"])

    @router.post("/live/ticket", summary="A ticket for one connection")
    async def ticket(account: SignedIn) -> TicketAnswer:
        """For browsers, which can send no token with a WebSocket or a stream of events but in the address."""
        return TicketAnswer(ticket=tickets.issue(account), expires_in=LIFE_SECONDS)

    @router.get(
        "/events",
        summary="What happens, as server-sent events",
        responses=_EVENTS,
        response_class=Response,
    )
    async def events(
        request: Request,
        account: MaybeUser,
        job_id: Annotated[
            str | None, Query(max_length=64, description="One scan, to its end; else all one's own.")
        ] = None,
        last_event_id: Annotated[
            str | None, Query(max_length=MAX_LETTERS, description="Go on after this `id`.")
        ] = None,
        again: Annotated[
            str | None, Header(alias="Last-Event-ID", max_length=MAX_LETTERS, description="The same, by browsers.")
        ] = None,
        log: Annotated[bool, Query(description="Stages and lines of the log as well.")] = False,
        ticket: Annotated[str | None, Query(max_length=1024, description="Instead of a token.")] = None,
    ) -> EventStream:
        """Each has an `id` to go on from, as `event` what messages of the WebSocket have as `type`, and as `data` that
        message. A guest's scan needs no token. It ends with the scan, with the token or after an hour; browsers connect
        again by themselves.
        """
        viewer = account or await (identify_at_once(request, ways) if ticket is None else ways.ticket(ticket))
        if job_id is not None:
            viewer = await live.may_follow(job_id, lambda: _somebody(viewer))
        elif viewer is None:
            await _somebody(None)
        last = mark_of(again or last_event_id or "")
        return EventStream(live, viewer, job_id, last, stream_seconds, details=log)

    return router


async def _somebody(viewer: Principal | None) -> Principal:
    if viewer is None:
        raise GarazaError(
            401, "not_signed_in", "Sign in first, or name a guest's scan.", {"WWW-Authenticate": "Bearer"}
        )
    return viewer

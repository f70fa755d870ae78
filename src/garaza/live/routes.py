"""The WebSockets: of a scan, and of all one's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError
from garaza.jobs.news import Mark
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import DatabaseUnavailableError
from garaza.live.connection import CLOSE_TRY_AGAIN, Connection, goodbye, refusal
from garaza.live.cursors import MAX_LETTERS, mark_of
from garaza.live.identity import (
    Ways,
    first_message,
    identify,
    identify_at_once,
    parsed,
    subprotocol,
    token_in,
)
from garaza.live.lines import JobLine, ManyLine
from garaza.live.places import Place
from garaza.live.service import MOST_SCANS, LiveService, place_of, place_of_account
from garaza.live.told import PING, PONG


class Sockets:
    """Follows with a WebSocket what its client asks for."""

    def __init__(self, live: LiveService, ways: Ways, auth_seconds: float) -> None:
        self._live = live
        self._ways = ways
        self._auth_seconds = auth_seconds

    async def one(self, socket: WebSocket, place: Place, job_id: str) -> None:
        """A scan, to its end.

        Raises:
            GarazaError: 401, 404, 429.
        """

        async def who() -> Principal:
            found = await identify(socket, self._ways, self._auth_seconds)
            place.move(place_of_account(found))
            return found

        live = self._live
        viewer = await live.may_follow(job_id, who)
        line = JobLine(socket, live.endings, viewer, details=wants_details(socket))
        connection = live.connect(line, _answer_pings, **_beat(socket))
        await live.follow_job(connection, job_id, viewer, last_of(socket))

    async def many(self, socket: WebSocket, place: Place) -> None:
        """All scans of an account, or some of a guest's.

        Raises:
            GarazaError: 401, 404, 429.
        """
        live = self._live
        line = ManyLine(socket, details=wants_details(socket))
        who = await identify_at_once(socket, self._ways)
        if who is None:
            said = await first_message(socket, self._auth_seconds)
            if said.get("type") == "subscribe":
                connection = live.connect(line, _answer_pings, **_beat(socket))
                await live.follow_guests(connection, _scans_in(said), last_of(socket))
                return
            who = await self._ways.token(token_in(said))
        place.move(place_of_account(who))
        connection = live.connect(line, partial(self._heard, who.user_id), **_beat(socket))
        connection.lasts_as(who)
        await live.follow_account(connection, who.user_id, last_of(socket))

    async def _heard(self, user_id: int, connection: Connection, text: str) -> None:
        said = parsed(text)
        if said is None or said.get("type") != "auth":
            _answer(connection, said)
            return
        try:
            connection.lasts_as(await self._again(said, user_id))
        except GarazaError as error:
            connection.refuse(error)

    async def _again(self, said: dict[str, Any], user_id: int) -> Principal:
        """Who sends the next token."""
        who = await self._ways.token(token_in(said))
        if who.user_id != user_id:
            raise GarazaError(401, "another_account", "This connection is another account's.")
        return who

    async def admit(self, socket: WebSocket, follow: Callable[[Place], Awaitable[None]]) -> None:
        """Let a client in, if there is a place, and tell it how it ended if it couldn't be followed."""
        # Browsers are told nothing of what is refused before.
        await socket.accept(subprotocol(socket))
        last_words = ManyLine(socket, details=False)
        try:
            with self._live.places.take(place_of(socket)) as place:
                await follow(place)
        except GarazaError as error:
            await goodbye(last_words, *refusal(error))
        except WebSocketDisconnect:
            pass
        except (DatabaseUnavailableError, PoolTimeoutError, StorageUnavailableError):
            # Clients come back by themselves, with the last that they have.
            await goodbye(last_words, CLOSE_TRY_AGAIN, "try again later", None)


def make_router(live: LiveService, ways: Ways, auth_seconds: float) -> APIRouter:
    """The WebSockets' routes."""
    router = APIRouter()
    sockets = Sockets(live, ways, auth_seconds)

    async def follow_job(socket: WebSocket) -> None:
        socket.scope["route"] = one
        await sockets.admit(socket, lambda place: sockets.one(socket, place, socket.path_params["job_id"]))

    async def follow_all(socket: WebSocket) -> None:
        socket.scope["route"] = many
        await sockets.admit(socket, lambda place: sockets.many(socket, place))

    # Not FastAPI's way, which keeps some kilobytes for each, for parameters that these don't have; but figures and the
    # log name routes as it does.
    one, many = WebSocketRoute("/ws/{job_id}", follow_job), WebSocketRoute("/ws", follow_all)
    router.routes += [one, many]
    return router


async def _answer_pings(connection: Connection, text: str) -> None:
    _answer(connection, parsed(text))


def _answer(connection: Connection, said: dict[str, Any] | None) -> None:
    # All else is read past: a full buffer would hide the client's goodbye.
    if said is not None and said.get("type") == "ping":
        connection.feed.say(PONG)


def _beat(socket: WebSocket) -> dict[str, Any]:
    """Programs in browsers see nothing of the protocol's own pings."""
    return {"beat": PING, "answers": True} if socket.query_params.get("heartbeat") == "app" else {}


def _scans_in(said: dict[str, Any]) -> list[str]:
    ids = said.get("job_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_SCANS or not all(isinstance(one, str) for one in ids):
        detail = f'Send {{"type": "subscribe", "job_ids": ["…"]}} with up to {MOST_SCANS} ids.'
        raise GarazaError(401, "not_authenticated", detail)
    return ids


def wants_details(connection: HTTPConnection) -> bool:
    """Whether a client wants to know of stages and lines of the log too."""
    return connection.query_params.get("log") == "true"


def last_of(connection: HTTPConnection) -> Mark | None:
    """How far the client has come; None: nothing that could be understood."""
    return mark_of(connection.query_params.get("last_event_id", "")[: MAX_LETTERS + 1])

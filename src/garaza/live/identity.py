"""Who is at the other end of a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError

Identify = Callable[[str], Awaitable[Principal]]
"""Who an access token, or a ticket, stands for; raises GarazaError 401."""

SUBPROTOCOL = "garaza"
"""What a client names that sends its token as a subprotocol too, and all that it is answered."""
MAX_MESSAGE_LETTERS = 8192
_BEARER = "bearer."
_NOT_IN_ADDRESSES = ("token", "access_token")


@dataclass(frozen=True, slots=True)
class Ways:
    """To find out who somebody is."""

    token: Identify
    ticket: Identify


def subprotocol(socket: WebSocket) -> str | None:
    """The one to accept."""
    return SUBPROTOCOL if SUBPROTOCOL in socket.scope.get("subprotocols", ()) else None


async def identify_at_once(connection: HTTPConnection, ways: Ways) -> Principal | None:
    """Who has said who they are by the request itself: a header, a subprotocol or a ticket. None: nobody has.

    Raises:
        GarazaError: 401.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await ways.token(token.strip())
    for offered in connection.scope.get("subprotocols", ()):
        if offered.startswith(_BEARER):
            return await ways.token(offered.removeprefix(_BEARER))
    query = connection.query_params
    if (ticket := query.get("ticket")) is not None:
        return await ways.ticket(ticket)
    if any(name in query for name in _NOT_IN_ADDRESSES):
        detail = "Never put an access token into an address, which ends up in logs. Send it as docs/live.md says."
        raise GarazaError(401, "token_in_address", detail)
    return None


async def identify(socket: WebSocket, ways: Ways, patience_seconds: float) -> Principal:
    """The same, or who says so in the first message, which is all that browsers can: `{"type": "auth", "token": "…"}`.

    Raises:
        GarazaError: 401.
        WebSocketDisconnect: the client went away.
    """
    who = await identify_at_once(socket, ways)
    if who is not None:
        return who
    said = await first_message(socket, patience_seconds)
    return await ways.token(token_in(said))


async def first_message(socket: WebSocket, patience_seconds: float) -> dict[str, Any]:
    """What a client begins with.

    Raises:
        GarazaError: 401, it says nothing, or nothing that can be understood.
        WebSocketDisconnect: the client went away.
    """
    try:
        async with asyncio.timeout(patience_seconds):
            said = parsed(await socket.receive_text())
    except TimeoutError:
        raise _unknown() from None
    except KeyError:
        # A message of bytes, where one of text was due.
        raise _unknown() from None
    if said is None:
        raise _unknown()
    return said


def parsed(text: str) -> dict[str, Any] | None:
    """What a message says; None: nothing that could be understood."""
    try:
        said = json.loads(text[:MAX_MESSAGE_LETTERS])
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def token_in(said: dict[str, Any]) -> str:
    """The token of a message that says who somebody is.

    Raises:
        GarazaError: 401, it is another kind of message.
    """
    token = said.get("token") if said.get("type") == "auth" else None
    if not isinstance(token, str):
        raise _unknown()
    return token


def _unknown() -> GarazaError:
    detail = 'This needs somebody who has signed in. Send {"type": "auth", "token": "…"} first.'
    return GarazaError(401, "not_authenticated", detail)

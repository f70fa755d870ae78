"""Who is at the other end of a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError

Identify = Callable[[str], Awaitable[Principal]]
"""Who an access token stands for; raises GarazaError 401."""

_MAX_MESSAGE_LETTERS = 8192


async def identify(socket: WebSocket, identify_token: Identify, patience_seconds: float) -> Principal:
    """The sender of a token: in the header where the client can set one, else in the first message, which browsers
    need: `{"type": "auth", "token": "…"}`. Never in the address, which ends up in logs.

    Raises:
        GarazaError: 401.
        WebSocketDisconnect: the client went away.
    """
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await identify_token(token.strip())
    try:
        async with asyncio.timeout(patience_seconds):
            return await identify_token(_token_in(await socket.receive_text()))
    except TimeoutError:
        raise _unknown() from None
    except KeyError:
        # A message of bytes, where one of text was due.
        raise _unknown() from None


def _token_in(message: str) -> str:
    try:
        parsed = json.loads(message[:_MAX_MESSAGE_LETTERS])
    except (ValueError, RecursionError):
        raise _unknown() from None
    token = parsed.get("token") if isinstance(parsed, dict) and parsed.get("type") == "auth" else None
    if not isinstance(token, str):
        raise _unknown()
    return token


def _unknown() -> GarazaError:
    detail = 'This scan belongs to an account. Send {"type": "auth", "token": "…"} first.'
    return GarazaError(401, "not_authenticated", detail)

"""How clients are reached: by WebSocket or by a stream of events, and what each wants to know."""

from __future__ import annotations

from starlette.types import Receive, Send
from starlette.websockets import WebSocket

from garaza.accounts.principal import Principal
from garaza.errors import not_found
from garaza.live.endings import Endings
from garaza.live.told import DETAILS, ENDS, PING, Note, Told


class ManyLine:
    """A WebSocket that is told of many jobs, and never of the end."""

    __slots__ = ("_details", "_socket")

    def __init__(self, socket: WebSocket, *, details: bool) -> None:
        self._socket = socket
        self._details = details

    async def receive(self) -> str | None:
        """See `Line`. Bytes say nothing."""
        said = await self._socket.receive()
        return None if said["type"] == "websocket.disconnect" else said.get("text") or ""

    async def tell(self, told: Told) -> bool:
        """See `Line`."""
        if self._details or told.news.kind not in DETAILS:
            await self._write(told.of_many())
        return False

    async def say(self, note: Note) -> None:
        """See `Line`."""
        await self._write(note.text())

    async def _write(self, text: str) -> None:
        await self._socket.send({"type": "websocket.send", "text": text})

    async def close(self, code: int, reason: str) -> None:
        """See `Line`."""
        await self._socket.close(code, reason)


class JobLine(ManyLine):
    """A WebSocket that follows one job to its end."""

    __slots__ = ("_endings", "_viewer")

    def __init__(self, socket: WebSocket, endings: Endings, viewer: Principal | None, *, details: bool) -> None:
        super().__init__(socket, details=details)
        self._endings = endings
        self._viewer = viewer

    async def tell(self, told: Told) -> bool:
        """See `Line`.

        Raises:
            GarazaError: 404, the job has gone.
        """
        kind = told.news.kind
        if kind in ENDS:
            text = await self._endings.of(told.news, self._viewer)
            if text is not None:
                await self._write(text)
            return text is not None
        if kind == "deleted":
            raise not_found()
        # Who follows a job has seen it come.
        if kind != "uploaded" and (self._details or kind not in DETAILS):
            await self._write(told.of_a_job())
        return False


class StreamLine:
    """Server-sent events, of many jobs or of one to its end."""

    __slots__ = ("_details", "_endings", "_receive", "_send", "_viewer")

    def __init__(
        self, receive: Receive, send: Send, endings: Endings | None, viewer: Principal | None, *, details: bool
    ) -> None:
        """`endings`: of the job that is followed alone."""
        self._receive = receive
        self._send = send
        self._endings = endings
        self._viewer = viewer
        self._details = details

    async def receive(self) -> str | None:
        """See `Line`. Nothing is said but goodbye."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        return None

    async def tell(self, told: Told) -> bool:
        """See `Line`."""
        kind = told.news.kind
        if kind not in DETAILS or self._details:
            # An event without an id is none that one could go on from.
            await self._write(told.type, told.of_many(), told.cursor if told.news.id else None)
        if self._endings is None:
            return False
        return kind == "deleted" or (kind in ENDS and await self._endings.is_one(told.news, self._viewer))

    async def say(self, note: Note) -> None:
        """See `Line`. A sign of life is a comment, which no client is told of."""
        if note is PING:
            await self._send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        else:
            await self._write(note.type, note.text(), note.cursor)

    async def _write(self, kind: str, text: str, cursor: str | None) -> None:
        place = "" if cursor is None else f"id: {cursor}\n"
        body = f"{place}event: {kind}\ndata: {text}\n\n".encode()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def close(self, _code: int, _reason: str) -> None:
        """See `Line`. Of these there is only the end."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

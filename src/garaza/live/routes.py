"""The WebSocket of a job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.status import WS_1013_TRY_AGAIN_LATER
from starlette.websockets import WebSocket, WebSocketDisconnect

from garaza.accounts.principal import Principal
from garaza.errors import GarazaError
from garaza.jobs.models import JobEvent
from garaza.jobs.service import JobService
from garaza.kit.blobs.port import StorageUnavailableError
from garaza.kit.database import Database, DatabaseUnavailableError, ReadSession
from garaza.live.hub import Hub
from garaza.live.identity import Identify, identify
from garaza.settings import LiveSettings

ReadResult = Callable[[ReadSession, str, Principal | None], Awaitable[BaseModel]]
"""Gives RESULT of a completed job."""

CLOSE_NORMAL = 1000
CLOSE_NOT_AUTHENTICATED = 4401
CLOSE_NOT_FOUND = 4404

_CLOSE_CODES = {401: CLOSE_NOT_AUTHENTICATED, 404: CLOSE_NOT_FOUND}

CANCELLED = {
    "reason": "cancelled",
    "message": "The work on this scan was cancelled.",
    "advice": "Ask for it again whenever you like: the video is still here.",
    "details": {},
}

_BATCH = 200
_ENDS = {"completed", "failed", "cancelled"}
_MAX_EVENT_ID = 2**53


class Follower:
    """Sends one client what happens to one job, from where the client left off."""

    def __init__(
        self, socket: WebSocket, job_id: str, database: Database, jobs: JobService, result: ReadResult
    ) -> None:
        self._socket = socket
        self._job_id = job_id
        self._database = database
        self._jobs = jobs
        self._result = result
        self._wants_log = socket.query_params.get("log") == "true"
        self._viewer: Principal | None = None
        self._last = 0

    async def admit(self, who: Callable[[], Awaitable[Principal]]) -> None:
        """Let the client see the scan, if it may. Only who asks for an account's scan has to say `who` it is.

        Raises:
            GarazaError: 401, 404.
        """
        async with self._database.read() as session:
            owned = await self._jobs.is_owned(session, self._job_id)
        if owned:
            self._viewer = await who()

    async def begin(self, last_event_id: int | None) -> None:
        """Where to start: after what the client has seen, or else at the latest event, which says how things stand.

        Raises:
            GarazaError: 404.
        """
        async with self._database.read() as session:
            await self._jobs.get(session, self._job_id, self._viewer)
            latest = await self._jobs.latest_event(session, self._job_id)
        if latest is None:
            return
        # A number from the future is none of ours (another data directory's, say). And who has seen the end already
        # is told it again: there is nothing else to wait for.
        unknown = last_event_id is None or last_event_id > latest.id
        seen_all = last_event_id == latest.id and latest.kind in _ENDS
        self._last = latest.id - 1 if unknown or seen_all else last_event_id or 0

    async def follow(self, news: asyncio.Event) -> None:
        """Send until the job has ended; returns after the message that says how."""
        while True:
            news.clear()
            async with self._database.read() as session:
                job = await self._jobs.get(session, self._job_id, self._viewer)
                events = await self._jobs.events_after(session, self._last, _BATCH, self._job_id)
            for event in events:
                self._last = event.id
                if event.kind in _ENDS and event.kind != job.state:
                    # It failed, and was asked for again since.
                    continue
                if await self._send(event):
                    return
            if not events:
                await news.wait()

    async def _send(self, event: JobEvent) -> bool:
        """True when this was the last message."""
        match event.kind:
            case "completed":
                async with self._database.read() as session:
                    result = await self._result(session, self._job_id, self._viewer)
                await self._message("complete", event.id, result.model_dump(mode="json"))
                return True
            case "failed":
                await self._message("error", event.id, event.data)
                return True
            case "cancelled":
                await self._message("error", event.id, CANCELLED)
                return True
            case "progress":
                await self._message("progress", event.id, event.data)
            case "stage" | "log":
                # Clients that don't ask for these may take a kind that they don't know for an error.
                if self._wants_log:
                    await self._message(event.kind, event.id, event.data)
            case _:
                await self._message("progress", event.id, _state_as_progress(event))
        return False

    async def _message(self, kind: str, event_id: int, data: dict[str, Any]) -> None:
        await self._socket.send_json({"type": kind, "event_id": event_id, "data": data})


def _state_as_progress(event: JobEvent) -> dict[str, Any]:
    """Changes of state in the form that existing clients know: a progress that names a stage of its own."""
    message = {
        "queued": "Waiting for its turn",
        "running": "Starting",
        "retrying": "Stopped unexpectedly; trying again",
    }.get(event.kind, event.kind)
    return {"stage": event.kind, "progress": 0, "current_frame": None, "total_frames": None, "message": message}


def make_router(
    hub: Hub,
    database: Database,
    jobs: JobService,
    result: ReadResult,
    identify_token: Identify,
    settings: LiveSettings,
) -> APIRouter:
    """The WebSocket's route."""
    router = APIRouter()

    @router.websocket("/ws/{job_id}")
    async def follow_job(socket: WebSocket, job_id: str) -> None:
        await socket.accept()
        if hub.listeners >= settings.max_sockets:
            await socket.close(WS_1013_TRY_AGAIN_LATER, "too many connections")
            return
        follower = Follower(socket, job_id, database, jobs, result)
        with hub.listen(job_id) as news:
            try:
                await follower.admit(lambda: identify(socket, identify_token, settings.auth_seconds))
                await follower.begin(_last_event_id(socket))
                await _until_closed(socket, follower.follow(news))
            except GarazaError as error:
                await _refuse(socket, error)
                return
            except WebSocketDisconnect:
                return
            except (DatabaseUnavailableError, PoolTimeoutError, StorageUnavailableError):
                # Clients come back by themselves, with the last event that they have.
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.close(WS_1013_TRY_AGAIN_LATER, "try again later")
                return
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(CLOSE_NORMAL)

    return router


def _last_event_id(socket: WebSocket) -> int | None:
    text = socket.query_params.get("last_event_id", "")[:20]
    return min(int(text), _MAX_EVENT_ID) if text.isascii() and text.isdigit() else None


async def _until_closed(socket: WebSocket, following: Any) -> None:
    """Send until done, or until the client goes. What it sends is read past: a full buffer would hide its goodbye."""
    sending = asyncio.create_task(following)
    reading = asyncio.create_task(_read_past(socket))
    try:
        await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            with contextlib.suppress(WebSocketDisconnect):
                sending.result()
    finally:
        for task in (sending, reading):
            task.cancel()
        await asyncio.gather(sending, reading, return_exceptions=True)


async def _read_past(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _refuse(socket: WebSocket, error: GarazaError) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json({"type": "error", "data": {"reason": error.code, "message": error.detail}})
        await socket.close(_CLOSE_CODES.get(error.status, CLOSE_NORMAL))

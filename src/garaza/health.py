"""Whether the service lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Response

import garaza
from garaza.jobs.queue import BrokerUnavailableError, Dispatcher
from garaza.jobs.supervisor import Supervisor
from garaza.kit.answers import Answer
from garaza.kit.blobs.port import Blobs, StorageUnavailableError
from garaza.kit.storage import DataDirectory
from garaza.wiring import Parts

_CHECK_SECONDS = 5
_REMEMBERED_SECONDS = 1.0


class HealthAnswer(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = garaza.__version__


class ReadyAnswer(Answer):
    """Each part that a scan needs: "ok", or what is wrong with it."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    queue: dict[str, int]
    notes: dict[str, str]
    """What is worse than it could be, and no reason to send requests elsewhere."""


def make_router(
    parts: Parts,
    supervisor: Supervisor | None,
    dispatcher: Dispatcher,
    notes: Mapping[str, Callable[[], str | None]],
) -> APIRouter:
    """The routes that operators and load balancers ask.

    Args:
        dispatcher: what tells workers of jobs.
        notes: see the answer; None: nothing.
    """
    router = APIRouter(tags=["operations"])
    disk = _Remembered(lambda: asyncio.to_thread(_disk, parts.data, parts.settings.uploads.min_free_bytes))
    broker = _Remembered(lambda: _broker(dispatcher)) if dispatcher.needs_messages else None

    @router.head("/health", include_in_schema=False)
    @router.get("/health", summary="Alive?")
    async def health() -> HealthAnswer:
        return HealthAnswer()

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", summary="Able to work?", responses={503: {"model": ReadyAnswer}})
    async def ready(response: Response) -> ReadyAnswer:
        queue, database = await _ask_database(parts)
        checks = {"database": database, "disk": await disk()}
        if supervisor is not None:
            checks["worker"] = "ok" if supervisor.worker_pid is not None else "not running"
        if not parts.blobs.on_disk:
            checks["storage"] = await _storage(parts.blobs)
        if broker is not None:
            checks["broker"] = await broker()
        good = all(state == "ok" for state in checks.values())
        response.status_code = 200 if good else 503
        told = {name: text for name, note in notes.items() if (text := note()) is not None}
        return ReadyAnswer(status="ready" if good else "not ready", checks=checks, queue=queue, notes=told)

    return router


async def _ask_database(parts: Parts) -> tuple[dict[str, int], str]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS), parts.database.read() as session:
            return await parts.jobs.queue_lengths(session), "ok"
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that it isn't ready
        return {}, type(error).__name__


def _disk(data: DataDirectory, wanted: int) -> str:
    try:
        free = data.free_bytes()
    except OSError as error:
        return type(error).__name__
    if free < wanted:
        return "too little free space"
    return "ok" if data.is_writable() else "can't be written to"


async def _storage(blobs: Blobs) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await blobs.check()
    except StorageUnavailableError as error:
        return str(error)
    except TimeoutError:
        return "can't be reached"
    return "ok"


async def _broker(dispatcher: Dispatcher) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await dispatcher.backlog()
    except (BrokerUnavailableError, TimeoutError):
        return "can't be reached"
    return "ok"


class _Remembered:
    """What a check came to, for a moment: anybody may ask, as often as they like."""

    def __init__(self, check: Callable[[], Awaitable[str]]) -> None:
        self._check = check
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._state = ""

    async def __call__(self) -> str:
        async with self._lock:
            if time.monotonic() >= self._until:
                self._state = await self._check()
                self._until = time.monotonic() + _REMEMBERED_SECONDS
            return self._state

"""Whether the service lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Response

import garaza
from garaza.jobs.supervisor import Supervisor
from garaza.kit.answers import Answer
from garaza.wiring import Parts

_CHECK_SECONDS = 5


class HealthAnswer(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = garaza.__version__


class ReadyAnswer(Answer):
    """Each part that a scan needs: "ok", or what is wrong with it."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
    queue: dict[str, int]


def make_router(parts: Parts, supervisor: Supervisor | None) -> APIRouter:
    """The routes that operators and load balancers ask."""
    router = APIRouter(tags=["operations"])

    @router.get("/health", summary="Alive?")
    async def health() -> HealthAnswer:
        return HealthAnswer()

    @router.get("/ready", summary="Able to work?", responses={503: {"model": ReadyAnswer}})
    async def ready(response: Response) -> ReadyAnswer:
        queue, database = await _ask_database(parts)
        free = await asyncio.to_thread(parts.data.free_bytes)
        checks = {
            "database": database,
            "disk": "ok" if free >= parts.settings.uploads.min_free_bytes else "too little free space",
        }
        if supervisor is not None:
            checks["worker"] = "ok" if supervisor.worker_pid is not None else "not running"
        good = all(state == "ok" for state in checks.values())
        response.status_code = 200 if good else 503
        return ReadyAnswer(status="ready" if good else "not ready", checks=checks, queue=queue)

    return router


async def _ask_database(parts: Parts) -> tuple[dict[str, int], str]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS), parts.database.read() as session:
            return await parts.jobs.queue_lengths(session), "ok"
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that it isn't ready
        return {}, type(error).__name__


async def queue_lengths(parts: Parts) -> dict[str, int] | None:
    """Jobs by state; None if the database doesn't say so soon."""
    lengths, state = await _ask_database(parts)
    return lengths if state == "ok" else None

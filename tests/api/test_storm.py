"""Everything at once, on the same things: whatever order rows are locked in, nobody waits for somebody who waits.

A deadlock would be answered 503. That all of it takes long on a machine with much else to do is none.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from tests.accounts.house import PASSWORD
from tests.api.whole import VIDEO, StartWhole, Visitor, Whole

pytestmark = pytest.mark.anyio

CALLS = 60


async def some_call(
    chance: random.Random, callers: list[Visitor], admin: Visitor, jobs: list[str], rooms: list[int]
) -> int:
    """One of everything that changes something, by somebody who may; its status."""
    who, job_id, room_id = chance.choice(callers), chance.choice(jobs), chance.choice(rooms)
    key = {"Idempotency-Key": chance.choice("abc")}
    form = {"file": ("room.mp4", VIDEO)}
    user = {"user_id": chance.choice(callers).user_id}
    calls: list[tuple[Visitor, str, str, dict[str, Any]]] = [
        (who, "POST", f"/api/process/{job_id}", {"headers": key}),
        (who, "POST", f"/api/jobs/{job_id}/cancel", {}),
        (who, "DELETE", f"/api/job/{job_id}", {}),
        (who, "PUT", f"/api/scans/{job_id}/scale", {"json": {"metres_per_unit": 1.5}}),
        (who, "POST", "/api/rooms", {"json": {"job_id": job_id, "name": "Kitchen"}}),
        (who, "PUT", f"/api/rooms/{room_id}", {"json": {"name": "Hall"}}),
        (who, "DELETE", f"/api/rooms/{room_id}", {}),
        (who, "POST", f"/api/rooms/{room_id}/shares", {}),
        (who, "POST", "/api/upload", {"files": form, "headers": key}),
        (who, "POST", "/api/upload?process=true", {"files": form, "headers": key}),
        (who, "POST", "/api/auth/login", {"json": {"email": who.email, "password": PASSWORD}}),
        (who, "POST", "/api/profile/increment-scan", {}),
        (who, "GET", "/api/profile", {}),
        (admin, "PUT", "/api/profile/plan", {"json": {"plan": chance.choice(["pro", "enterprise"]), **user}}),
        (admin, "PATCH", f"/api/admin/users/{user['user_id']}", {"json": {"plan": "enterprise", "is_active": True}}),
        (admin, "POST", "/api/admin/cleanup", {"params": {"max_age_hours": 0, "dry_run": "false"}}),
        (admin, "GET", "/api/admin/jobs", {}),
    ]
    caller, method, path, options = chance.choice(calls)
    return (await caller.call(method, path, **options)).status_code


@pytest.mark.parametrize("seed", [1, 2, pytest.param(range(3, 40), marks=pytest.mark.slow)])
async def test_a_storm_is_weathered(start: StartWhole, fake_probe: None, seed: int | range) -> None:
    whole = await start(timeouts={"enabled": False})
    for number in [seed] if isinstance(seed, int) else seed:
        await storm(whole, random.Random(number), number)


async def storm(whole: Whole, chance: random.Random, number: int) -> None:
    admin = await whole.register(role="admin", plan="enterprise")
    callers = [await whole.register(plan="enterprise") for _ in range(2)]
    rooms, jobs = [], []
    for owner in callers:
        finished = [await whole.finished(owner), await whole.finished(None)]
        rooms += [await saved(owner, job_id) for job_id in finished]
        jobs += [*finished, await whole.uploaded(owner), await whole.queued(owner), await whole.uploaded(None)]
    answers = await asyncio.gather(*(some_call(chance, callers, admin, jobs, rooms) for _ in range(CALLS)))
    counts = Counter(answers)
    assert max(counts) < 500, (number, counts)
    assert counts[200] > 5, "something was done"


async def saved(caller: Visitor, job_id: str) -> int:
    answer = await caller.post("/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
    assert answer.status_code == 201, answer.text
    room_id: int = answer.json()["id"]
    return room_id

"""What is kept of the database saves asking it, and is never seen to be old by whom it concerns."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import URL

from garaza.jobs.claims import Report
from garaza.kit.current_request import current_request
from garaza.settings import CacheSettings, RedisSettings
from tests.accounts.house import PASSWORD, SettableClock
from tests.api.whole import StartWhole, Visitor, Whole, whole_service
from tests.cli.command import ENVIRONMENT
from tests.queries import Queries
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

ME = "/api/auth/me"


def redis(server: Valkey) -> dict[str, Any]:
    return {"redis": RedisSettings(url=SecretStr(server.url))}


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not probe():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def figures(whole: Whole) -> str:
    return (await whole.guest("127.0.0.1").get("/metrics")).text


async def status_figures(whole: Whole) -> tuple[float, float]:
    """What came from copies in memory, and what didn't."""
    told_of = await figures(whole)
    names = ('hits_total{subject="status",tier="memory"}', 'misses_total{subject="status"}')
    found = (re.search(rf"^garaza_cache_{re.escape(name)} (\S+)$", told_of, re.MULTILINE) for name in names)
    hits, misses = (0.0 if one is None else float(one[1]) for one in found)
    return hits, misses


async def told(whole: Whole) -> Whole:
    assert whole._parts.caching is not None
    cache = whole._parts.caching.cache
    await until(lambda: cache.is_told)
    return whole


@pytest.fixture
async def shared(start: StartWhole, valkey: Valkey) -> AsyncIterator[Whole]:
    """With a Valkey."""
    yield await told(await start(**redis(valkey)))
    valkey.flush()


class Asked(Queries):
    """What requests ask, without what is done beside them."""

    def _note(self, *given: Any) -> None:
        if current_request.get() is not None:
            super()._note(*given)


async def queries(whole: Whole, visitor: Visitor, path: str) -> int:
    with Asked(whole.database) as seen:
        assert (await visitor.get(path)).status_code == 200
    return len(seen)


# What is saved ---------------------------------------------------------------------------------------------------


async def test_what_is_kept_costs_no_query(shared: Whole) -> None:
    ann = await shared.register()
    job_id = await shared.finished(ann)
    asked = [await queries(shared, ann, ME) for _ in range(3)]
    assert asked == [1, 0, 0]
    for path in (f"/api/status/{job_id}", f"/api/assets/{job_id}/model.glb"):
        asked = [await queries(shared, ann, path) for _ in range(3)]
        assert asked == [1, 0, 0]


async def test_without_a_valkey_who_signed_in_is_kept_too(whole: Whole) -> None:
    ann = await whole.register()
    # On PostgreSQL another process could change it, and nobody would tell.
    assert [await queries(whole, ann, ME) for _ in range(2)] == [1, 0 if whole.database.dialect == "sqlite" else 1]


async def test_a_hundred_who_ask_at_once_make_one_query(shared: Whole) -> None:
    ann = await shared.register()
    job_id = await shared.finished(ann)
    with Asked(shared.database) as seen:
        answers = await asyncio.gather(*(ann.get(f"/api/status/{job_id}") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(seen) == 2, seen


async def test_a_file_that_is_kept_is_for_its_owner_and_gone_with_its_scan(shared: Whole) -> None:
    ann, bea = await shared.register(), await shared.register()
    job_id = await shared.finished(ann)
    path = f"/api/assets/{job_id}/model.glb"
    first = await ann.get(path)
    assert [await queries(shared, ann, path), (await bea.get(path)).status_code] == [0, 404]
    assert (await shared.guest("192.0.2.9").get(path)).status_code == 404
    # Another scale is another file.
    assert (await ann.call("PUT", f"/api/scans/{job_id}/scale", json={"metres_per_unit": 2.0})).status_code == 200
    assert (await ann.get(path)).headers["etag"] != first.headers["etag"]
    assert (await ann.call("DELETE", f"/api/job/{job_id}")).status_code == 200
    assert (await ann.get(path)).status_code == 404


async def test_turned_off_it_is_not_there(start: StartWhole) -> None:
    whole = await start(cache=CacheSettings(enabled=False))
    ann = await whole.register()
    assert [await queries(whole, ann, ME) for _ in range(3)] == [1, 1, 1]
    assert "garaza_cache" not in await figures(whole)


async def test_it_is_told_what_came_from_copies(shared: Whole) -> None:
    ann = await shared.register()
    job_id = await shared.finished(ann)
    answer = await ann.get(f"/api/status/{job_id}")
    assert re.search(r"\bcache;dur=[0-9.]+", answer.headers["server-timing"])
    # That the scan has ended may be told only now, which takes the first copy away.
    for _ in range(100):
        before = await status_figures(shared)
        for _ in range(2):
            await ann.get(f"/api/status/{job_id}")
        hits, misses = np.subtract(await status_figures(shared), before)
        if (hits, misses) == (2, 0):
            break
    else:
        pytest.fail("nothing comes from copies")
    assert before[1] >= 1
    told_of = await figures(shared)
    assert re.search(r'^garaza_cache_misses_total\{subject="identity"\} [1-9]', told_of, re.MULTILINE)
    assert re.search(r"^garaza_cache_memory_bytes [1-9]", told_of, re.MULTILINE)
    assert "garaza_cache_told 1.0" in told_of


async def test_an_admin_can_empty_it(shared: Whole) -> None:
    admin = await shared.register(role="admin")
    assert [await queries(shared, admin, ME) for _ in range(2)] == [1, 0]
    assert (await admin.post("/api/admin/clear-memory")).status_code == 200
    # What is in the Valkey, which SQLite has no use for, stays.
    assert await queries(shared, admin, ME) == (1 if shared.database.dialect == "sqlite" else 0)


# Who signed in ---------------------------------------------------------------------------------------------------


async def change(admin: Visitor, somebody: Visitor, **values: Any) -> None:
    answer = await admin.call("PATCH", f"/api/admin/users/{somebody.user_id}", json=values)
    assert answer.status_code == 200, answer.text


async def log_out(ann: Visitor, _admin: Visitor) -> None:
    assert (await ann.post("/api/auth/logout")).status_code == 200


async def log_out_everywhere(ann: Visitor, _admin: Visitor) -> None:
    assert (await ann.post("/api/auth/logout-all")).status_code == 200


async def end_the_login(ann: Visitor, _admin: Visitor) -> None:
    (login,) = (await ann.get("/api/auth/sessions")).json()
    assert (await ann.call("DELETE", f"/api/auth/sessions/{login['id']}")).status_code == 200


async def change_the_password(ann: Visitor, _admin: Visitor) -> None:
    body = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    assert (await ann.call("PUT", "/api/auth/password", json=body)).status_code == 200


async def use_a_refresh_token_twice(ann: Visitor, _admin: Visitor) -> None:
    body = {"refresh_token": ann.refresh_token}
    codes = [(await ann.post("/api/auth/refresh", json=body)).status_code for _ in range(2)]
    assert codes == [200, 401]


async def close_the_account(ann: Visitor, admin: Visitor) -> None:
    await change(admin, ann, is_active=False)


async def delete_the_account(ann: Visitor, _admin: Visitor) -> None:
    answer = await ann.call("DELETE", ME, json={"password": PASSWORD})
    assert answer.is_success, answer.text


ENDS = [
    (log_out, 401),
    (log_out_everywhere, 401),
    (end_the_login, 401),
    (change_the_password, 401),
    (use_a_refresh_token_twice, 401),
    (close_the_account, 403),
    (delete_the_account, 401),
]


@pytest.mark.parametrize(("end", "code"), ENDS)
async def test_a_token_that_was_taken_back_opens_nothing_from_then_on(whole: Whole, end: Any, code: int) -> None:
    ann, admin = await whole.register(), await whole.register(role="admin")
    assert [(await ann.get(ME)).status_code for _ in range(2)] == [200, 200]
    await end(ann, admin)
    assert [(await ann.get(ME)).status_code for _ in range(2)] == [code, code]


@pytest.mark.parametrize(("end", "code"), ENDS)
async def test_nor_at_another_process(shared: Whole, start: StartWhole, valkey: Valkey, end: Any, code: int) -> None:
    other = await told(await start(**redis(valkey)))
    ann, admin = await shared.register(), await shared.register(role="admin")
    there = other.again(ann)
    assert [(await there.get(ME)).status_code for _ in range(2)] == [200, 200]
    await end(ann, admin)
    if shared.database.dialect == "sqlite":
        assert (await there.get(ME)).status_code == code
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await there.get(ME)).status_code != code:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    assert [(await there.get(ME)).status_code for _ in range(3)] == [code] * 3


async def test_without_a_valkey_another_process_knows_at_once_or_within_moments(
    whole: Whole, start: StartWhole
) -> None:
    other = await start(cache=CacheSettings(untold_seconds=0.1))
    ann, bob = await whole.register(), await whole.register()
    there = other.again(ann)
    assert [await queries(other, there, ME) for _ in range(2)] == [1, 0]
    await log_out(bob, bob)
    await log_out(ann, ann)
    if whole.database.dialect == "sqlite":
        assert (await there.get(ME)).status_code == 401
    else:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await there.get(ME)).status_code != 401:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)


async def test_a_change_is_seen_in_the_next_request(whole: Whole) -> None:
    ann, admin = await whole.register(), await whole.register(role="admin")
    assert (await ann.get("/api/admin/users")).status_code == 403
    await change(admin, ann, role="admin")
    assert (await ann.get("/api/admin/users")).status_code == 200
    await change(admin, ann, role="user")
    assert (await ann.get("/api/admin/users")).status_code == 403
    answer = await admin.call("PUT", "/api/profile/plan", json={"plan": "pro", "user_id": ann.user_id})
    assert answer.status_code == 200, answer.text
    assert (await ann.get(ME)).json()["plan"] == "pro"


async def test_what_does_not_concern_somebody_costs_nothing(shared: Whole) -> None:
    ann, bob = await shared.register(), await shared.register()
    await ann.get(ME)
    await log_out(bob, bob)
    assert await queries(shared, ann, ME) == 0


async def test_a_command_in_another_process_is_heard_of(whole: Whole, database_url: URL) -> None:
    if database_url.get_backend_name() != "sqlite":
        # There it is told through a Redis, or after a moment.
        return
    ann = await whole.register()
    assert [(await ann.get("/api/admin/users")).status_code for _ in range(2)] == [403, 403]
    command = [sys.executable, "-m", "garaza", "admin", "create", ann.email, "--promote"]
    given = {**ENVIRONMENT, "GARAZA_DATA_DIR": str(whole.data.root)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=given, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert (await ann.get("/api/admin/users")).status_code == 200


# How far a scan is -----------------------------------------------------------------------------------------------


async def test_each_change_of_a_scan_is_seen_in_the_next_answer(
    shared: Whole, start: StartWhole, valkey: Valkey
) -> None:
    """Whether it was made here or in another process, as workers are."""
    worker = await told(await start(**redis(valkey)))
    ann = await shared.register()
    job_id = await shared.uploaded(ann)

    async def phase() -> str:
        found = {(await ann.get(f"/api/status/{job_id}")).json()["phase"] for _ in range(3)}
        assert len(found) == 1
        return found.pop()

    async def soon(wanted: str) -> None:
        # In this process at once; what another one changes is told by a server in between.
        if shared.database.dialect == "sqlite":
            assert await phase() == wanted
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await ann.get(f"/api/status/{job_id}")).json()["phase"] != wanted:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        assert await phase() == wanted

    assert await phase() == "uploaded"
    assert (await ann.post(f"/api/process/{job_id}")).status_code == 200
    assert await phase() == "queued"
    async with worker.database.write() as session:
        claim = await worker.jobs.claim_job(session, "worker", job_id)
    assert claim is not None
    await soon("running")
    for percent in (10.0, 20.0, 30.0):
        progress = {"stage": "depth", "progress": percent, "message": ""}
        async with worker.database.write() as session:
            await worker.jobs.renew(session, claim, Report(progress))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while ((await ann.get(f"/api/status/{job_id}")).json()["progress"] or {}).get("progress") != percent:
                assert shared.database.dialect != "sqlite"
                await asyncio.sleep(0)
    async with worker.database.write() as session:
        await worker.jobs.fail(session, claim, {"reason": "x", "message": "y", "advice": "z"}, permanent=True)
    await soon("failed")
    assert (await ann.post(f"/api/process/{job_id}")).status_code == 200
    assert await phase() == "queued"
    assert (await ann.post(f"/api/jobs/{job_id}/cancel")).status_code == 200
    assert await phase() == "cancelled"
    assert (await ann.call("DELETE", f"/api/job/{job_id}")).status_code == 200
    assert (await ann.get(f"/api/status/{job_id}")).status_code == 404


async def test_a_place_in_the_queue_is_never_a_copy(shared: Whole) -> None:
    ann = await shared.register()
    both = [await shared.queued(ann), await shared.queued(ann)]
    found = {(await ann.get(f"/api/status/{job_id}")).json()["queue_position"]: job_id for job_id in both}
    await ann.post(f"/api/jobs/{found[1]}/cancel")
    assert (await ann.get(f"/api/status/{found[2]}")).json()["queue_position"] == 1


async def test_a_copy_is_for_those_alone_who_may_see_the_scan(shared: Whole) -> None:
    ann, bob, admin = await shared.register(), await shared.register(), await shared.register(role="admin")
    job_id = await shared.finished(ann)
    path = f"/api/status/{job_id}"
    for _ in range(2):
        asked = [(await who.get(path)).status_code for who in (ann, bob, shared.guest(), admin)]
        assert asked == [200, 404, 404, 200]


async def test_a_copy_does_not_outlive_the_scan(shared: Whole, clock: SettableClock) -> None:
    guest = shared.guest()
    job_id = await shared.uploaded()
    assert [(await guest.get(f"/api/status/{job_id}")).status_code for _ in range(2)] == [200, 200]
    clock.now += shared.settings.accounts.guest_hours * 3600
    assert (await guest.get(f"/api/status/{job_id}")).status_code == 404


async def test_many_who_read_while_somebody_writes_never_see_what_was_before_it_was_told(shared: Whole) -> None:
    ann = await shared.register()
    job_id = await shared.uploaded(ann)
    done = asyncio.Event()
    known = "uploaded"

    async def read() -> None:
        while not done.is_set():
            # Copies are given out without waiting for anything.
            await asyncio.sleep(0)
            before = known
            found = (await ann.get(f"/api/status/{job_id}")).json()["phase"]
            if known == before and not changing:
                assert found == before

    changing = False

    async def write() -> None:
        nonlocal known, changing
        for _ in range(5):
            for call, phase in ((f"/api/process/{job_id}", "queued"), (f"/api/jobs/{job_id}/cancel", "cancelled")):
                changing = True
                assert (await ann.post(call)).status_code == 200
                known, changing = phase, False
                for _ in range(3):
                    assert (await ann.get(f"/api/status/{job_id}")).json()["phase"] == phase
        done.set()

    await asyncio.gather(write(), *(read() for _ in range(5)))


# Without the Valkey ----------------------------------------------------------------------------------------------


async def test_a_valkey_that_dies_or_falls_silent_fails_no_request(
    database_url: URL, tmp_path: Path, template: Path
) -> None:
    async with AsyncExitStack() as ending:
        server = ending.enter_context(Valkey(tmp_path / "log"))
        folder = tmp_path if database_url.get_backend_name() == "sqlite" else tmp_path / "data"
        whole = await ending.enter_async_context(whole_service(database_url, folder, template, **redis(server)))
        await told(whole)
        ann = await whole.register()
        job_id = await whole.finished(ann)
        done = asyncio.Event()
        codes: list[int] = []

        async def poll() -> None:
            while not done.is_set():
                codes.append((await ann.get(f"/api/status/{job_id}")).status_code)
                codes.append((await ann.get(ME)).status_code)
                await asyncio.sleep(0)

        async def trouble() -> None:
            for hurt, help_ in ((server.kill, server.restart), (server.pause, server.resume)):
                await poll_more()
                hurt()
                # In the middle of it, things change.
                bob = await whole.register()
                assert (await bob.get(ME)).status_code == 200
                assert (await bob.post("/api/auth/logout")).status_code == 200
                assert (await bob.get(ME)).status_code == 401
                await poll_more()
                help_()
                await told(whole)
                assert (await bob.get(ME)).status_code == 401
            done.set()

        async def poll_more() -> None:
            wanted = len(codes) + 50
            await until(lambda: len(codes) >= wanted)

        await asyncio.gather(trouble(), *(poll() for _ in range(4)))
        assert set(codes) == {200}
        assert whole._parts.caching is not None
        assert whole._parts.caching.cache.is_told

"""Whose a job is, and what may be done with it: cancelled, deleted, kept for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from garaza.errors import GarazaError
from garaza.jobs.claims import Report
from garaza.jobs.states import LEGAL, JobState
from garaza.kit.pagination import Paging, Place, read_cursor
from garaza.scans.files import ScanFiles
from tests.jobs.queue import FAILURE, Queue, Somebody
from tests.queries import Queries

pytestmark = pytest.mark.anyio

FILE = {"path": "model.glb", "media_type": "model/gltf-binary", "size_bytes": 5, "sha256": "0" * 64}
DAY = 24 * 3600


async def refused(awaitable: Any) -> tuple[int, str]:
    with pytest.raises(GarazaError) as caught:
        await awaitable
    return caught.value.status, caught.value.code


async def test_an_accounts_job_is_there_for_its_owner_and_for_admins(queue: Queue) -> None:
    ada, bob = await queue.user("ada"), await queue.user("bob")
    job_id = await queue.add(user_id=ada.user_id)
    admin = Somebody(0, is_admin=True)
    for viewer in (ada, admin):
        assert (await queue.read(queue.jobs.get, job_id, viewer)).id == job_id
        assert len(await queue.read(queue.jobs.get_many, [job_id], viewer)) == 1
    for viewer in (None, bob, Somebody(0)):
        assert await refused(queue.read(queue.jobs.get, job_id, viewer)) == (404, "not_found")
        assert await queue.read(queue.jobs.get_many, [job_id], viewer) == []
        assert await refused(queue.write(queue.jobs.ask, job_id, {}, viewer=viewer)) == (404, "not_found")
        assert await refused(queue.write(queue.jobs.cancel, job_id, viewer)) == (404, "not_found")
    assert await queue.read(queue.jobs.is_owned, job_id)


async def test_a_guests_job_is_there_for_whoever_knows_its_id(queue: Queue) -> None:
    ada = await queue.user()
    job_id = await queue.add(guest="address", expires_at=queue.clock.now + DAY)
    for viewer in (None, ada):
        assert (await queue.read(queue.jobs.get, job_id, viewer)).id == job_id
    assert not await queue.read(queue.jobs.is_owned, job_id)
    assert await refused(queue.read(queue.jobs.get, "no id at all")) == (404, "not_found")


async def test_files_are_for_the_eyes_of_who_may_see_the_job(queue: Queue) -> None:
    ada = await queue.user()
    mine, guests = await queue.add(user_id=ada.user_id), await queue.add(expires_at=queue.clock.now + 10)
    for claim in (await queue.claimed(), await queue.claimed()):
        assert await queue.write(queue.jobs.complete, claim, "1", [FILE])
    files = ScanFiles(queue.database, queue.jobs, lambda: queue.clock.now)
    with Queries(queue.database) as seen:
        own = await files.find(mine, "model.glb", ada)
    assert len(seen.statements) == 1
    assert (own.version, own.user_id, own.path) == ("1", ada.user_id, "model.glb")
    assert (await files.find(guests, "model.glb", None)).user_id is None
    assert (await files.find(guests, "model.glb", ada)).user_id is None
    bea = await queue.user("bea")
    for path, viewer in (("model.glb", None), ("model.glb", bea), ("secret", ada), ("x" * 5000, ada)):
        assert await refused(files.find(mine, path, viewer)) == (404, "not_found")
    queue.clock.now += 10
    assert await refused(files.find(guests, "model.glb", None)) == (404, "not_found")


async def test_how_long_a_job_is_kept(queue: Queue) -> None:
    ada = await queue.user()
    own = await queue.add(queued=False, user_id=ada.user_id)
    assert (await queue.get(own)).expires_at == queue.clock.now + 7 * DAY
    queue.clock.now += 100
    await queue.ask(own)
    assert (await queue.get(own)).expires_at == queue.clock.now + 3650 * DAY
    guests = await queue.add(queued=False, expires_at=queue.clock.now + DAY)
    await queue.ask(guests)
    assert (await queue.get(guests)).expires_at == queue.clock.now + DAY


async def test_an_expired_job_is_gone_for_clients_before_it_is_swept(queue: Queue) -> None:
    job_id = await queue.add(expires_at=queue.clock.now + 10)
    claim = await queue.claimed()
    queue.clock.now += 10
    assert await refused(queue.state(job_id)) == (404, "not_found")
    assert await queue.read(queue.jobs.still_there, [job_id]) == set()
    assert await queue.write(queue.jobs.mark_expired, 10) == [job_id]
    assert await queue.write(queue.jobs.mark_expired, 10) == []
    assert not await queue.write(queue.jobs.renew, claim)


@pytest.mark.parametrize("running", [False, True])
async def test_cancelling_stops_the_work_and_it_can_be_asked_for_again(queue: Queue, running: bool) -> None:
    job_id = await queue.add()
    claim = await queue.claimed() if running else None
    cancelled = await queue.write(queue.jobs.cancel, job_id)
    assert cancelled.state == "cancelled"
    assert await queue.claim() is None
    assert queue.ended == [(job_id, "cancelled")]
    if claim is not None:
        assert not await queue.write(queue.jobs.renew, claim, Report({"stage": "depth", "progress": 1}))
        assert not await queue.write(queue.jobs.complete, claim, "1", [])
        assert not await queue.write(queue.jobs.fail, claim, FAILURE, permanent=False)
        assert not await queue.write(queue.jobs.release, claim)
        assert await queue.outcomes(job_id) == [(1, "cancelled")]
    assert not await queue.read(queue.jobs.is_active, job_id)
    kinds = ["queued", "running", "cancelled"] if running else ["queued", "cancelled"]
    assert await queue.kinds(job_id) == kinds
    assert (await queue.write(queue.jobs.cancel, job_id)).state == "cancelled", "asking twice is no mistake"
    assert await queue.kinds(job_id) == kinds
    assert not await queue.ask(job_id)
    assert (await queue.claimed()).attempt == 1


async def test_there_has_to_be_something_to_cancel(queue: Queue) -> None:
    job_id = await queue.add(queued=False)
    assert await refused(queue.write(queue.jobs.cancel, job_id)) == (409, "not_processing")
    await queue.ask(job_id)
    await queue.write(queue.jobs.complete, await queue.claimed(), "1", [])
    assert await refused(queue.write(queue.jobs.cancel, job_id)) == (409, "not_processing")
    assert await queue.state(job_id) == "completed"


@pytest.mark.parametrize("state", ["uploaded", "queued", "running", "completed"])
async def test_a_deleted_job_is_gone_at_once_and_never_claimed(queue: Queue, state: str) -> None:
    job_id = await queue.add(queued=state != "uploaded")
    claim = await queue.claimed() if state in {"running", "completed"} else None
    if state == "completed":
        await queue.write(queue.jobs.complete, claim, "1", [FILE])
    assert await queue.write(queue.jobs.mark_deleted, job_id)
    assert not await queue.write(queue.jobs.mark_deleted, job_id)
    assert await refused(queue.state(job_id)) == (404, "not_found")
    assert await refused(queue.write(queue.jobs.ask, job_id, {})) == (404, "not_found")
    assert await refused(queue.read(queue.jobs.file_and_version, job_id, "model.glb")) == (404, "not_found")
    assert await queue.read(queue.jobs.get_many, [job_id], any=True) == []
    assert await queue.read(queue.jobs.still_there, [job_id]) == set()
    assert (await queue.read(queue.jobs.list_all, Paging())).rows == []
    assert await queue.claim() is None
    if claim is not None:
        assert not await queue.write(queue.jobs.renew, claim)
        assert not await queue.write(queue.jobs.fail, claim, FAILURE, permanent=False)
        assert not await queue.write(queue.jobs.release, claim)
    assert await queue.read(queue.jobs.marked, 10) == [job_id]
    assert await queue.write(queue.jobs.finish_deleted, job_id)
    assert await queue.read(queue.jobs.marked, 10) == []
    assert await queue.kinds(job_id) == []


async def test_only_a_marked_job_loses_its_row(queue: Queue) -> None:
    job_id = await queue.add()
    assert not await queue.write(queue.jobs.finish_deleted, job_id)
    assert await queue.state(job_id) == "queued"


async def test_all_jobs_of_an_account_are_marked_some_at_a_time(queue: Queue) -> None:
    ada, bob = await queue.user("ada"), await queue.user("bob")
    mine = [await queue.add(user_id=ada.user_id) for _ in range(3)]
    others = await queue.add(user_id=bob.user_id)
    some = await queue.write(queue.jobs.mark_deleted_of, ada.user_id, 2)
    rest = await queue.write(queue.jobs.mark_deleted_of, ada.user_id, 2)
    assert len(some) == 2
    assert sorted(some + rest) == sorted(mine)
    assert await queue.state(others) == "queued"


async def test_the_same_upload_sent_twice_is_one_job(queue: Queue) -> None:
    ada, bob = await queue.user("ada"), await queue.user("bob")
    job_id = await queue.add(queued=False, user_id=ada.user_id, upload_key="k")
    with pytest.raises(IntegrityError):
        await queue.add(queued=False, user_id=ada.user_id, upload_key="k")
    found = await queue.read(queue.jobs.by_upload_key, "k", user_id=ada.user_id)
    assert found.id == job_id
    assert await queue.read(queue.jobs.by_upload_key, "other", user_id=ada.user_id) is None
    assert await queue.read(queue.jobs.by_upload_key, "k", user_id=bob.user_id) is None
    await queue.add(queued=False, user_id=bob.user_id, upload_key="k")
    await queue.add(queued=False, guest="here", upload_key="k")
    with pytest.raises(IntegrityError):
        await queue.add(queued=False, guest="here", upload_key="k")


@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_the_key_of_an_upload_that_has_gone_can_be_used_again(queue: Queue, how: str) -> None:
    ada = await queue.user()
    job_id = await queue.add(queued=False, user_id=ada.user_id, upload_key="k")
    if how == "deleted":
        await queue.write(queue.jobs.mark_deleted, job_id)
    else:
        queue.clock.now += 7 * DAY
    assert await queue.read(queue.jobs.by_upload_key, "k", user_id=ada.user_id) is None
    again = await queue.add(queued=False, user_id=ada.user_id, upload_key="k")
    assert (await queue.read(queue.jobs.by_upload_key, "k", user_id=ada.user_id)).id == again


async def test_a_scan_is_counted_once(queue: Queue) -> None:
    job = await queue.get(await queue.add())
    assert await queue.write(queue.jobs.count_once, job)
    assert not await queue.write(queue.jobs.count_once, job)


async def test_ones_own_jobs_are_listed_newest_first_in_one_query(queue: Queue) -> None:
    ada, bob = await queue.user("ada"), await queue.user("bob")
    ids = []
    for _ in range(5):
        queue.clock.now += 1
        ids.append(await queue.add(queued=False, user_id=ada.user_id))
    await queue.add(queued=False, user_id=bob.user_id)
    with Queries(queue.database) as seen:
        first = await queue.read(queue.jobs.list_own, ada.user_id, Paging(1, 2))
    assert len(seen.statements) == 1
    assert ([job.id for job in first.rows], first.total) == ([ids[4], ids[3]], 5)
    assert first.next is not None
    place = read_cursor(first.next, (float, str))
    assert isinstance(place, Place)
    second = await queue.read(queue.jobs.list_own, ada.user_id, Paging(1, 2, place))
    assert [job.id for job in second.rows] == [ids[2], ids[1]]
    assert len((await queue.read(queue.jobs.list_all, Paging())).rows) == 6


async def test_lists_by_status(queue: Queue) -> None:
    ada = await queue.user()
    waiting = await queue.add(user_id=ada.user_id)
    await queue.claimed()
    queue.clock.now += 1
    queued = await queue.add(user_id=ada.user_id)
    queue.clock.now += 1
    uploaded = await queue.add(queued=False, user_id=ada.user_id)

    async def listed(status: str | None) -> list[str]:
        return [job.id for job in (await queue.read(queue.jobs.list_own, ada.user_id, Paging(), status)).rows]

    assert await listed("processing") == [queued, waiting]
    assert await listed("running") == [waiting]
    assert await listed("uploaded") == [uploaded]
    assert await listed(None) == [uploaded, queued, waiting]
    with pytest.raises(ValueError, match="no such"):
        await listed("no such")


async def test_bytes_on_disk_are_those_of_videos_and_results(queue: Queue) -> None:
    ada = await queue.user()

    async def used() -> int:
        async with queue.database.read() as session:
            return int(await session.scalar(select(queue.jobs.stored_bytes(ada.user_id))) or 0)

    assert await used() == 0
    job_id = await queue.add(user_id=ada.user_id, upload_bytes=100)
    await queue.add(queued=False, guest="here", upload_bytes=1000)
    assert await queue.write(queue.jobs.lock_guest_storage, "here") == 1000
    assert await queue.write(queue.jobs.lock_guest_storage, "elsewhere") == 0
    await queue.write(queue.jobs.complete, await queue.claimed(), "1", [FILE, {**FILE, "path": "other"}])
    assert await used() == 110
    job = await queue.get(job_id)
    assert await queue.write(queue.jobs.new_result_version, job, "scaled", [FILE])
    assert await used() == 105
    assert not await queue.write(queue.jobs.new_result_version, job, "again", [FILE]), "it has another version by now"
    await queue.write(queue.jobs.mark_deleted, job_id)
    assert await used() == 105, "until the files are gone"
    await queue.write(queue.jobs.finish_deleted, job_id)
    assert await used() == 0


async def test_the_sweep_keeps_what_is_being_worked_with(queue: Queue) -> None:
    work, results = Path("/data/work"), Path("/data/results")
    job_id = await queue.add()
    known = await queue.read(queue.jobs.known)
    assert known.has(work / f"{job_id}.checkpoints"), "the next attempt goes on from there"
    claim = await queue.claimed()
    known = await queue.read(queue.jobs.known)
    folder = f"{job_id}.{claim.fence}"
    for kept in (work / folder, work / f".{folder}.partial.12", work / f"{job_id}.checkpoints"):
        assert known.has(kept)
    assert known.has(results / job_id / str(claim.fence)), "in place for a moment before the row says so"
    assert not known.has(work / f"{job_id}.{claim.fence + 1}")
    await queue.write(queue.jobs.complete, claim, str(claim.fence), [])
    known = await queue.read(queue.jobs.known)
    assert known.has(results / job_id / str(claim.fence))
    for gone in (work / folder, work / f"{job_id}.checkpoints", work / "checkpoints", work / ".DS_Store"):
        assert not known.has(gone)


def test_whatever_is_legal_begins_and_ends_somewhere() -> None:
    assert set(LEGAL) == set(JobState)
    assert all(ways <= set(JobState) for ways in LEGAL.values())


async def test_an_illegal_move_is_a_bug_and_stops_there(queue: Queue) -> None:
    job_id = await queue.add(queued=False)
    with pytest.raises(AssertionError, match="no way"):
        await queue.write(queue.jobs._jobs.move, job_id, [JobState.UPLOADED], {"state": "running"})

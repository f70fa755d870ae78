"""Resumable uploads as tus 1.0.0 has them: what is answered, to whom, and what is left on the disk."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from garaza.accounts.plans import LIMITS, Plan
from garaza.jobs.models import Job
from garaza.kit import receiving
from garaza.uploads.models import Upload
from garaza.uploads.upkeep import UploadUpkeep
from tests.accounts.house import PASSWORD, SettableClock
from tests.api.test_at_once import Pair, pair, together
from tests.api.tus_client import PART, TUS, begin, checksum, create, look, offset, send, told
from tests.api.whole import VIDEO, StartWhole, Whole

__all__ = ["pair"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fake_probe")]

HALF = len(VIDEO) // 2


async def count(whole: Whole, table: type) -> int:
    async with whole.database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


def kept(whole: Whole) -> list[bytes]:
    """The videos that are here."""
    return [path.read_bytes() for path in whole.data.uploads.iterdir()]


def partial(whole: Whole) -> list[Path]:
    return list(whole.data.partial.iterdir())


# What it is ---------------------------------------------------------------------------------------------------------


async def test_a_video_in_parts_becomes_the_same_scan_as_in_one(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest, Upload_Metadata=told(filename="Küche.mp4", filetype="video/mp4"))
    first = await send(guest, place, 0, VIDEO[:HALF])
    assert (first.status_code, first.headers["Upload-Offset"], first.content) == (204, str(HALF), b"")
    assert await offset(guest, place) == HALF
    last = await send(guest, place, HALF, VIDEO[HALF:])
    assert last.status_code == 200, last.text
    in_one = (await guest.post("/api/upload", files={"file": ("Küche.mp4", VIDEO)})).json()
    assert set(last.json()) == set(in_one)
    changing = {"job_id", "expires_at"}
    assert {k: v for k, v in last.json().items() if k not in changing} == {
        k: v for k, v in in_one.items() if k not in changing
    }
    assert last.headers["Garaza-Job-Id"] == last.json()["job_id"]
    assert (await guest.get(f"/api/status/{last.json()['job_id']}")).json()["status"] == "uploaded"
    assert kept(whole) == [VIDEO, VIDEO]
    assert partial(whole) == []


async def test_what_is_told_of_one(whole: Whole, clock: SettableClock) -> None:
    guest, metadata = whole.guest(), told(filename="a.mp4", other="x") + ",flag"
    answer = await create(guest, Upload_Metadata=metadata)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    expires = parsedate_to_datetime(answer.headers["Upload-Expires"]).timestamp()
    assert expires == pytest.approx(clock() + 24 * 3600, abs=1)
    place = answer.headers["Location"]
    head = await look(guest, place)
    assert (head.headers["Upload-Length"], head.headers["Upload-Metadata"]) == (str(len(VIDEO)), metadata)
    assert head.headers["Cache-Control"] == "no-store"
    done = await send(guest, place, 0, VIDEO)
    head = await look(guest, place)
    assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(len(VIDEO)))
    assert head.headers["Garaza-Job-Id"] == done.json()["job_id"]


@pytest.mark.parametrize("path", ["/api/uploads", "/api/uploads/anything"])
async def test_what_it_can_do_is_told_without_a_version(whole: Whole, path: str) -> None:
    answer = await whole.guest().call("OPTIONS", path)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
        "checksum",
    }
    assert answer.headers["Tus-Max-Size"] == str(2 << 30)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


@pytest.mark.parametrize("upto", [0, 1, HALF, len(VIDEO)])
async def test_a_first_part_may_come_with_the_beginning(whole: Whole, upto: int) -> None:
    headers = {**PART, "Upload-Length": str(len(VIDEO))}
    answer = await whole.guest().post("/api/uploads", content=VIDEO[:upto], headers=headers)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(upto))
    if upto == len(VIDEO):
        assert answer.json()["status"] == "uploaded"
    else:
        done = await send(whole.guest(), answer.headers["Location"], upto, VIDEO[upto:])
        assert done.status_code == 200
    assert kept(whole) == [VIDEO]


async def test_those_who_can_only_post_say_what_they_mean(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest)
    head = {**PART, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await guest.post(place, content=VIDEO[:HALF], headers=head)).headers["Upload-Offset"] == str(HALF)
    assert (await guest.post(place, headers=TUS)).status_code == 405
    assert (await guest.post(place, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})).status_code == 204
    assert (await look(guest, place)).status_code == 404


async def test_it_is_processed_as_was_wished_at_the_beginning_and_once(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest, Upload_Metadata=told(filename="a.mp4", process="true"))
    answers = [await send(guest, place, 0, VIDEO), await send(guest, place, len(VIDEO), b"")]
    assert [answer.json()["status"] for answer in answers] == ["processing", "processing"]
    assert answers[0].json()["job_id"] == answers[1].json()["job_id"]
    assert await count(whole, Job) == 1


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "1.0.0 "])
async def test_another_version_is_refused_with_ours(whole: Whole, version: str | None) -> None:
    place = await begin(whole.guest())
    for method, path in (("POST", "/api/uploads"), ("HEAD", place), ("PATCH", place), ("DELETE", place)):
        headers = {} if version is None else {"Tus-Resumable": version}
        answer = await whole.guest().call(method, path, headers=headers)
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
        assert answer.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Upload-Offset": "1"}, VIDEO[1:], 409),
        ({"Upload-Offset": str(HALF - 1)}, VIDEO[HALF - 1 :], 409),
        ({"Upload-Offset": str(10**17)}, b"x", 409),
        ({"Upload-Offset": "-1"}, b"x", 400),
        ({"Upload-Offset": ""}, b"x", 400),
        ({"Upload-Offset": "9" * 400}, b"x", 400),
        ({"Upload-Offset": str(HALF), "Content-Type": "video/mp4"}, VIDEO[HALF:], 415),
        ({"Upload-Offset": str(HALF)}, VIDEO[HALF:] + b"x", 413),
        ({"Upload-Offset": str(HALF), "Upload-Checksum": "md5 AAAA"}, VIDEO[HALF:], 400),
        ({"Upload-Offset": str(HALF), "Upload-Checksum": "sha1 AAAA"}, VIDEO[HALF:], 400),
        ({"Upload-Offset": str(HALF), "Upload-Checksum": "sha1 !"}, VIDEO[HALF:], 400),
        ({"Upload-Offset": str(HALF), **checksum(b"other")}, VIDEO[HALF:], 460),
        ({"Upload-Offset": str(HALF), **checksum(b"other", "sha1")}, VIDEO[HALF:], 460),
    ],
)
async def test_a_part_that_does_not_fit_changes_nothing(
    whole: Whole, headers: dict[str, str], content: bytes, status: int
) -> None:
    guest = whole.guest()
    place = await begin(guest)
    assert (await send(guest, place, 0, VIDEO[:HALF])).status_code == 204
    answer = await guest.call("PATCH", place, content=content, headers={**PART, **headers})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 409:
        assert answer.headers["Upload-Offset"] == str(HALF)
    assert await offset(guest, place) == HALF
    assert (await send(guest, place, HALF, VIDEO[HALF:], **checksum(VIDEO[HALF:]))).status_code == 200
    assert kept(whole) == [VIDEO]


async def test_more_than_was_said_is_cut_off_though_no_length_was_declared(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest)

    async def body() -> AsyncIterator[bytes]:
        yield VIDEO
        yield b"and more"

    assert (await send(guest, place, 0, body())).status_code == 413
    assert await offset(guest, place) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "1e3"}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": str((2 << 30) + 1)}, 413),
        ({"Upload-Length": "9" * 18}, 413),
        ({"Upload-Length": "5", "Upload-Metadata": "filename"}, 201),
        ({"Upload-Length": "5", "Upload-Metadata": ""}, 201),
        ({"Upload-Length": "5", "Upload-Metadata": "filename !"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": ","}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "YQ==" * 1100}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": ",".join(f"a{n} YQ==" for n in range(33))}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": told(process="maybe")}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": told(webhook_url="file:///etc/passwd")}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": told(webhook_url="http://127.0.0.1/")}, 422),
        ({"Upload-Length": "0"}, 422),
    ],
)
async def test_what_can_not_begin(whole: Whole, headers: dict[str, str], status: int) -> None:
    answer = await whole.guest().post("/api/uploads", headers={**TUS, **headers})
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert partial(whole) == []
        assert kept(whole) == []


async def test_of_two_numbers_none_is_taken(whole: Whole) -> None:
    guest = whole.guest()
    lengths = [*TUS.items(), ("Upload-Length", "5"), ("Upload-Length", "6")]
    assert (await guest.client.post("/api/uploads", headers=lengths)).status_code == 400
    place = await begin(guest)
    offsets = [*PART.items(), ("Upload-Offset", "0"), ("Upload-Offset", "1")]
    assert (await guest.client.patch(place, content=b"x", headers=offsets)).status_code == 400
    assert await offset(guest, place) == 0


async def test_what_is_no_video_is_refused_for_good(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest, 5)
    refused = await send(guest, place, 0, b"video")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_a_video")
    assert partial(whole) == []
    assert kept(whole) == []
    assert (await look(guest, place)).status_code == 410
    again = await send(guest, place, 5, b"")
    assert again.json() == refused.json(), "to whom the answer got lost"


# Whose it is --------------------------------------------------------------------------------------------------------


async def test_an_accounts_upload_is_there_for_nobody_else(whole: Whole) -> None:
    anna, berta = await whole.register(), await whole.register()
    admin = await whole.register(role="admin")
    place = await begin(anna)
    assert (await send(anna, place, 0, VIDEO[:HALF])).status_code == 204
    for other in (berta, admin, whole.guest()):
        assert (await look(other, place)).status_code == 404
        answer = await send(other, place, HALF, VIDEO[HALF:])
        missing = await send(other, "/api/uploads/" + "0" * 22, HALF, VIDEO[HALF:])
        assert (answer.status_code, answer.json()) == (404, missing.json())
        assert (await other.call("DELETE", place, headers=TUS)).status_code == 404
    done = await send(anna, place, HALF, VIDEO[HALF:])
    job_id = done.json()["job_id"]
    assert (await anna.get(f"/api/status/{job_id}")).status_code == 200
    assert (await berta.get(f"/api/status/{job_id}")).status_code == 404


async def test_a_guests_upload_stays_a_guests_whoever_sends_the_rest(whole: Whole) -> None:
    guest, anna = whole.guest(), await whole.register()
    place = await begin(guest)
    done = await send(anna, place, 0, VIDEO)
    assert (await guest.get(f"/api/status/{done.json()['job_id']}")).status_code == 200
    assert (await anna.get("/api/profile/stats")).json()["storage_used"] == 0


async def test_guests_begin_nothing_where_they_are_off(start: StartWhole) -> None:
    whole = await start(accounts={"guests": False})
    answer = await create(whole.guest())
    assert (answer.status_code, answer.json()["code"]) == (401, "guests_off")
    assert answer.headers["Tus-Resumable"] == "1.0.0"


# How much of it there may be ----------------------------------------------------------------------------------------


async def test_what_has_begun_is_promised(start: StartWhole) -> None:
    whole = await start(accounts={"guest_storage_bytes": 2 * len(VIDEO)})
    guest = whole.guest()
    answers = await together(create(guest) for _ in range(8))
    places = [answer.headers["Location"] for answer in answers if answer.status_code == 201]
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 6
    assert (await guest.post("/api/upload", files={"file": ("a.mp4", VIDEO)})).status_code == 403
    assert (await whole.guest("198.51.100.7").call("OPTIONS", "/api/uploads")).status_code == 204
    # What was promised is what is stored then, and not both.
    assert [(await send(guest, place, 0, VIDEO)).status_code for place in places] == [200, 200]
    assert (await create(guest)).status_code == 403
    job_id = (await look(guest, places[0])).headers["Garaza-Job-Id"]
    assert (await guest.call("DELETE", f"/api/job/{job_id}")).status_code == 200
    place = await begin(guest)
    assert (await guest.call("DELETE", place, headers=TUS)).status_code == 204
    await begin(guest)


async def test_an_account_has_no_more_begun_than_its_plan_has_room_for(whole: Whole) -> None:
    anna = await whole.register()
    answers = await together(create(anna, LIMITS[Plan.FREE].storage_bytes // 3) for _ in range(8))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 5
    refused = next(answer for answer in answers if answer.status_code == 403).json()
    assert refused["code"] == "storage_limit_reached"
    assert "unfinished uploads included" in refused["detail"]
    assert (await anna.get("/api/profile/stats")).json()["storage_used"] == 0, "what is on the disk, as ever"


async def test_only_so_many_are_unfinished(start: StartWhole) -> None:
    whole = await start(uploads={"max_unfinished": 3})
    anna = await whole.register(plan="enterprise")
    places = [await begin(anna) for _ in range(3)]
    refused = await create(anna)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_unfinished")
    assert len(partial(whole)) == 3
    await begin(whole.guest())
    assert (await send(anna, places[0], 0, VIDEO)).status_code == 200
    await begin(anna)


async def test_the_same_beginning_twice_is_one_upload(pair: Pair) -> None:
    guest = pair.one.guest()
    answers = await together(create(pair.by_turns(n), Idempotency_Key="mine") for n in range(6))
    [place] = {answer.headers["Location"] for answer in answers}
    assert len(partial(pair.one)) == 1
    await send(guest, place, 0, VIDEO[:HALF])
    again = await create(guest, Idempotency_Key="mine")
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (place, str(HALF))
    assert (await create(guest, 5, Idempotency_Key="mine")).status_code == 409
    done = await send(guest, place, HALF, VIDEO[HALF:])
    # The key is that of the scan too.
    in_one = await guest.post("/api/upload", files={"file": ("a.mp4", VIDEO)}, headers={"Idempotency-Key": "mine"})
    assert in_one.json()["job_id"] == done.json()["job_id"]
    assert await count(pair.one, Job) == 1


# At once ------------------------------------------------------------------------------------------------------------


async def test_what_another_server_has_of_it_is_begun_again(whole: Whole) -> None:
    guest = whole.guest()
    key = {"Idempotency-Key": "one"}
    elsewhere = await begin(guest, **key)
    await send(guest, elsewhere, 0, VIDEO[:HALF])
    (file,) = partial(whole)
    file.rename(whole.data.root / "of another directory")
    assert (await look(guest, elsewhere)).status_code == 404
    here = await begin(guest, **key)
    assert here != elsewhere
    assert await offset(guest, here) == 0
    assert await begin(guest, **key) == here
    assert (await send(guest, here, 0, VIDEO)).status_code == 200
    assert await begin(guest, **key) == here, "the scan is here, whoever else has pieces"


async def test_parts_sent_at_once_never_mix(pair: Pair) -> None:
    guest = pair.one.guest()
    place = await begin(guest)
    size = 50
    for _ in range(200):
        here = await offset(guest, place)
        if here == len(VIDEO):
            break
        part = VIDEO[here : here + size]
        calls = (send(pair.by_turns(n), place, here, part if n < 3 else b"\0" * len(part)) for n in range(3))
        answers = await together(calls)
        assert {answer.status_code for answer in answers} <= {200, 204, 409, 423}
        assert await offset(guest, place) in {here, here + len(part)}
    assert kept(pair.one) == [VIDEO]
    assert await count(pair.one, Job) == 1


async def test_the_last_part_sent_at_once_is_one_scan(pair: Pair) -> None:
    guest = pair.one.guest()
    place = await begin(guest)
    await send(guest, place, 0, VIDEO[:HALF])
    answers = await together(send(pair.by_turns(n), place, HALF, VIDEO[HALF:]) for n in range(6))
    assert {answer.status_code for answer in answers} <= {200, 409, 423}
    last = await send(guest, place, len(VIDEO), b"")
    assert last.status_code == 200, last.text
    assert {answer.json()["job_id"] for answer in answers if answer.status_code == 200} <= {last.json()["job_id"]}
    assert await count(pair.one, Job) == 1
    assert kept(pair.one) == [VIDEO]


async def test_whoever_comes_back_takes_over_from_a_request_that_waits(whole: Whole) -> None:
    guest = whole.guest()
    place = await begin(guest)
    begun, never = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield VIDEO[:HALF]
        begun.set()
        await never.wait()

    # The transport of these tests sends a body whole; a server doesn't.
    left = asyncio.create_task(streamed(whole, place, body()))
    await begun.wait()
    assert await offset(guest, place) == HALF, "what has arrived is kept"
    assert await left == 423
    assert (await send(guest, place, HALF, VIDEO[HALF:])).status_code == 200


async def test_one_that_comes_to_a_halt_keeps_what_has_arrived(start: StartWhole) -> None:
    whole = await start(uploads={"stall_seconds": 0.05})
    place = await begin(whole.guest())

    async def body() -> AsyncIterator[bytes]:
        yield VIDEO[:HALF]
        await asyncio.Event().wait()

    assert await streamed(whole, place, body()) == 408
    assert await offset(whole.guest(), place) == HALF


async def streamed(whole: Whole, place: str, body: AsyncIterator[bytes], **headers: str) -> int:
    """The status of a PATCH whose body comes piece by piece, and whose client goes when it ends."""
    statuses: list[int] = []
    head = {**PART, "Upload-Offset": "0", **headers}

    async def receive() -> dict[str, Any]:
        try:
            return {"type": "http.request", "body": await anext(body), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.disconnect"}

    async def send_it(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": place,
        "raw_path": place.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in head.items()],
        "client": ("192.0.2.1", 1),
        "server": ("garaza.test", 80),
        "state": {},
    }
    await whole.app(scope, receive, send_it)
    return statuses[0]


@pytest.mark.parametrize("with_checksum", [False, True])
async def test_what_arrived_of_a_client_that_went_is_kept_unless_it_can_not_be_verified(
    whole: Whole, with_checksum: bool
) -> None:
    place = await begin(whole.guest())

    async def body() -> AsyncIterator[bytes]:
        yield VIDEO[:HALF]

    await streamed(whole, place, body(), **(checksum(VIDEO) if with_checksum else {}))
    assert await offset(whole.guest(), place) == (0 if with_checksum else HALF)
    assert (await send(whole.guest(), place, 0 if with_checksum else HALF, VIDEO[HALF:])).status_code == (
        204 if with_checksum else 200
    )


# When there is no room ----------------------------------------------------------------------------------------------


async def test_a_full_disk_takes_the_part_back(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = whole.guest()
    place = await begin(guest)
    await send(guest, place, 0, VIDEO[:HALF])

    def fill(file: BinaryIO, data: bytearray) -> None:
        file.write(data[:7])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(receiving, "write_all", fill)
        answer = await send(guest, place, HALF, VIDEO[HALF:])
        in_one = await guest.call("PUT", "/api/upload", content=VIDEO)
    for refused in (answer, in_one):
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
    assert list(whole.data.incoming.iterdir()) == []
    assert await offset(guest, place) == HALF
    assert (await send(guest, place, HALF, VIDEO[HALF:])).status_code == 200
    assert kept(whole) == [VIDEO]


async def test_nothing_begins_that_the_disk_has_no_room_for(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = whole.guest()
    place = await begin(guest)
    monkeypatch.setattr(whole.data, "free_bytes", lambda: len(VIDEO) - 1)
    assert (await create(guest)).status_code == 507
    assert (await send(guest, place, 0, VIDEO)).status_code == 507
    assert (await send(guest, place, 0, VIDEO[:HALF])).status_code == 204
    assert len(partial(whole)) == 1


# How it ends --------------------------------------------------------------------------------------------------------


async def test_what_nobody_goes_on_with_is_removed(whole: Whole, clock: SettableClock) -> None:
    guest, upkeep = whole.guest(), UploadUpkeep(whole.database, whole.data, clock)
    left, resumed = await begin(guest), await begin(guest)
    clock.now += 23 * 3600
    assert (await send(guest, resumed, 0, VIDEO[:HALF])).status_code == 204
    clock.now += 2 * 3600
    assert (await look(guest, left)).status_code == 404
    assert (await send(guest, left, 0, VIDEO)).status_code == 404
    assert await offset(guest, resumed) == HALF
    # The service's own round may have been faster.
    await upkeep.tidy()
    assert [path.name for path in partial(whole)] == [resumed.rsplit("/", 1)[1]]
    assert await count(whole, Upload) == 1
    assert (await send(guest, resumed, HALF, VIDEO[HALF:])).status_code == 200
    clock.now += 25 * 3600
    await upkeep.tidy()
    assert await count(whole, Upload) == 0


async def test_files_that_no_upload_knows_of_are_swept_once_they_are_old(whole: Whole, clock: SettableClock) -> None:
    upkeep = UploadUpkeep(whole.database, whole.data, clock)
    place = await begin(whole.guest())
    (whole.data.partial / ("x" * 22)).write_bytes(b"x")
    (whole.data.partial / "y.doubtful").write_bytes(b"1")
    for path in partial(whole):
        os.utime(path, (clock(), clock()))
    await upkeep.tidy()
    assert len(partial(whole)) == 3
    clock.now += 3 * 3600
    await upkeep.tidy()
    assert [path.name for path in partial(whole)] == [place.rsplit("/", 1)[1]]


async def test_one_that_is_given_up_is_gone_and_its_scan_stays(whole: Whole) -> None:
    guest = whole.guest()
    place, ended = await begin(guest), await begin(guest)
    await send(guest, place, 0, VIDEO[:HALF])
    job_id = (await send(guest, ended, 0, VIDEO)).json()["job_id"]
    answers = [await guest.call("DELETE", path, headers=TUS) for path in (place, ended)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert [answer.headers.get("Garaza-Job-Id") for answer in answers] == [None, job_id]
    for path in (place, ended):
        assert (await look(guest, path)).status_code == 404
    assert partial(whole) == []
    assert (await guest.get(f"/api/status/{job_id}")).status_code == 200


async def test_who_closes_the_account_takes_what_was_begun_along(whole: Whole) -> None:
    anna = await whole.register()
    await begin(anna)
    assert (await anna.call("DELETE", "/api/auth/me", json={"password": PASSWORD})).status_code == 204
    # Housekeeping is told at once.
    while await count(whole, Upload):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("end", ["before its row", "after its row"])
async def test_a_crash_at_the_end_loses_nothing_and_doubles_nothing(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """The file is linked into place, the row is committed, the first name of the file goes."""
    guest = whole.guest()
    place = await begin(guest)
    name = place.rsplit("/", 1)[1]

    def broken(*_arguments: object) -> None:
        raise ArithmeticError

    with monkeypatch.context() as patched:
        if end == "before its row":
            patched.setattr("garaza.uploads.repository.UploadRepository.end", broken)
        else:
            patched.setattr("garaza.kit.partial_files.PartialFiles.remove", broken)
        assert (await send(guest, place, 0, VIDEO)).status_code == 500
    assert (whole.data.partial / name).exists()
    await UploadUpkeep(whole.database, whole.data, whole.clock).prepare()
    answer = await send(guest, place, len(VIDEO), b"")
    assert answer.status_code == 200, answer.text
    assert kept(whole) == [VIDEO]
    assert await count(whole, Job) == 1
    assert partial(whole) == []


# Anything -----------------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-2, len(VIDEO) + 2).map(str), st.integers().map(str), st.text("0123456789 +-_.eEx\xb2", max_size=25)
)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["PATCH", "PATCH", "PATCH", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "GET"]),
        "there": st.sampled_from(["one", "one", "one", "collection", "none"]),
        "content": st.sampled_from([b"", VIDEO[:10], VIDEO[:HALF], VIDEO, VIDEO + b"x"]),
        "headers": st.fixed_dictionaries(
            {},
            optional={
                "Tus-Resumable": st.one_of(st.just("1.0.0"), TEXTS),
                "Upload-Offset": NUMBERS,
                "Upload-Length": NUMBERS,
                "Content-Type": st.one_of(st.just(PART["Content-Type"]), TEXTS),
                "Upload-Metadata": st.one_of(TEXTS, st.just(told(filename="a", process="1"))),
                "Upload-Checksum": st.one_of(TEXTS, st.sampled_from([*checksum(VIDEO[:10]).values()])),
                "Upload-Defer-Length": TEXTS,
                "Upload-Concat": TEXTS,
                "Idempotency-Key": st.one_of(st.sampled_from("abc"), TEXTS),
                "X-HTTP-Method-Override": st.one_of(st.sampled_from(["PATCH", "DELETE", "HEAD"]), TEXTS),
                "Content-Length": NUMBERS,
            },
        ),
    }
)


async def test_whatever_is_sent_is_answered_and_no_byte_is_wrong(whole: Whole) -> None:
    guest = whole.guest()
    loop = asyncio.get_running_loop()
    state = {"place": await begin(guest)}

    async def one(request: dict[str, Any]) -> None:
        place = {"one": state["place"], "collection": "/api/uploads", "none": "/api/uploads/nothing"}[request["there"]]
        headers = {"Tus-Resumable": "1.0.0", "Content-Type": PART["Content-Type"], **request["headers"]}
        raw = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
        answer = await guest.client.request(request["method"], place, content=request["content"], headers=raw)
        assert answer.status_code < 500, answer.text
        head = await look(guest, state["place"])
        assert head.status_code in {200, 404, 410}
        if head.status_code != 200 or "Garaza-Job-Id" in head.headers:
            state["place"] = await begin(guest)
            return
        here = whole.data.partial / state["place"].rsplit("/", 1)[1]
        assert here.stat().st_size == int(head.headers["Upload-Offset"]) <= len(VIDEO)

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(request=REQUESTS)
    def run(request: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(one(request), loop).result(60)

    await asyncio.to_thread(run)

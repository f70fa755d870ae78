"""Many requests at the same time, over two processes' worth of service on one database: everything counts once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from garaza.jobs.models import Job, JobEvent
from tests.accounts.house import PASSWORD
from tests.api.whole import StartWhole, Visitor, Whole

pytestmark = pytest.mark.anyio


class Pair:
    """Two services that share a database and a data directory, as two processes would."""

    def __init__(self, one: Whole, other: Whole) -> None:
        self.one = one
        self._both = (one, other)

    def by_turns(self, number: int, visitor: Visitor | None = None, address: str | None = None) -> Visitor:
        """The same caller, at one service or at the other."""
        whole = self._both[number % 2]
        guest = whole.guest() if address is None else whole.guest(address)
        return guest if visitor is None else whole.again(visitor)


@pytest.fixture
async def pair(start: StartWhole) -> Pair:
    return Pair(await start(), await start())


async def together(calls: Iterable[Awaitable[httpx2.Response]]) -> list[httpx2.Response]:
    answers = await asyncio.gather(*calls)
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return answers


def statuses(answers: list[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def stats(visitor: Visitor) -> dict[str, Any]:
    answer = await visitor.get("/api/profile/stats")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def count_of(whole: Whole, model: type, *conditions: Any) -> int:
    async with whole.database.read() as session:
        return await session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


# Counting ----------------------------------------------------------------------------------------------------------


async def test_forty_scans_of_a_pro_account_count_forty(pair: Pair) -> None:
    anna = await pair.one.register(plan="pro")
    jobs = [await pair.one.uploaded(anna) for _ in range(40)]
    answers = await together(
        pair.by_turns(number, anna).post(f"/api/process/{job_id}") for number, job_id in enumerate(jobs)
    )
    assert statuses(answers) == {200: 40}
    told = await stats(anna)
    assert (told["scans_this_month"], told["total_scans"]) == (40, 40)
    places = [answer.json()["queue_position"] for answer in answers]
    assert all(1 <= place <= 40 for place in places)


async def test_of_ten_scans_of_a_free_account_three_are_accepted(pair: Pair) -> None:
    anna = await pair.one.register()
    jobs = [await pair.one.uploaded(anna) for _ in range(10)]
    answers = await together(
        pair.by_turns(number, anna).post(f"/api/process/{job_id}") for number, job_id in enumerate(jobs)
    )
    assert statuses(answers) == {200: 3, 403: 7}
    assert {a.json()["code"] for a in answers if a.status_code == 403} == {"scan_limit_reached"}
    told = await stats(anna)
    assert (told["scans_this_month"], told["total_scans"], told["scans_limit"]) == (3, 3, 3)
    assert await count_of(pair.one, Job, Job.state == "queued") == 3, "what was refused isn't done"


async def test_of_ten_scans_from_one_address_three_are_accepted(pair: Pair) -> None:
    first = [await pair.one.uploaded() for _ in range(10)]
    second = [await pair.one.uploaded() for _ in range(2)]
    here = [pair.by_turns(n, address="198.51.100.7").post(f"/api/process/{job}") for n, job in enumerate(first)]
    there = [pair.by_turns(n, address="2001:db8::7").post(f"/api/process/{job}") for n, job in enumerate(second)]
    answers = await together([*here, *there])
    assert statuses(answers[:10]) == {200: 3, 403: 7}
    assert {a.json()["code"] for a in answers[:10] if a.status_code == 403} == {"guest_limit_reached"}
    assert statuses(answers[10:]) == {200: 2}, "another address isn't held up"
    # The other devices of a household share its addresses.
    third = [await pair.one.uploaded() for _ in range(4)]
    answers = await together(
        pair.by_turns(n, address=f"2001:db8::{n + 10}").post(f"/api/process/{job}") for n, job in enumerate(third)
    )
    assert statuses(answers) == {200: 1, 403: 3}


async def test_a_scan_that_is_asked_for_often_is_charged_once(pair: Pair) -> None:
    anna = await pair.one.register(plan="pro")
    job_id = await pair.one.uploaded(anna)
    answers = await together(pair.by_turns(n, anna).post(f"/api/process/{job_id}") for n in range(10))
    assert statuses(answers) == {200: 1, 409: 9}
    assert (await stats(anna))["total_scans"] == 1
    assert await count_of(pair.one, JobEvent, JobEvent.job_id == job_id, JobEvent.kind == "queued") == 1


async def test_rooms_are_no_more_than_the_plan_has(pair: Pair) -> None:
    anna = await pair.one.register()
    job_id = await pair.one.finished(anna)
    body = {"job_id": job_id, "name": "Kitchen"}
    answers = await together(pair.by_turns(n, anna).post("/api/rooms", json=body) for n in range(10))
    assert statuses(answers) == {201: 5, 403: 5}
    assert (await anna.get("/api/rooms")).json()["total"] == 5


async def test_uploads_are_no_more_than_the_plan_has_room_for(start: StartWhole, fake_probe: None) -> None:
    # Enough for two, and not for three.
    whole = await start(accounts={"guest_storage_bytes": 2 * 700 + 500})
    form = {"file": ("room.mp4", b"a video" * 100)}
    answers = await together(whole.guest().post("/api/upload", files=form) for _ in range(8))
    assert statuses(answers) == {200: 2, 403: 6}
    assert await count_of(whole, Job) == 2
    assert len(list(whole.data.uploads.iterdir())) == 2
    assert list(whole.data.incoming.iterdir()) == []


# Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("same", ["everything", "address", "name"])
async def test_of_eight_identical_registrations_one_succeeds(pair: Pair, same: str) -> None:
    def body(number: int) -> dict[str, str]:
        email = "anna@example.com" if same != "name" else f"anna{number}@example.com"
        # Nor does the case matter.
        username = ("Anna", "anna")[number % 2] if same != "address" else f"anna{number}"
        return {"email": email.upper() if number % 3 else email, "username": username, "password": PASSWORD}

    answers = await together(pair.by_turns(n).post("/api/auth/register", json=body(n)) for n in range(8))
    assert statuses(answers) == {200: 1, 409: 7}
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"email_taken", "username_taken"}
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    bearer = {"Authorization": f"Bearer {winner['access_token']}"}
    me = await pair.by_turns(1).get("/api/auth/me", headers=bearer)
    assert me.json()["id"] == winner["user"]["id"]


# The same again ------------------------------------------------------------------------------------------------------


async def test_the_same_key_asks_once_however_often_it_comes(pair: Pair) -> None:
    anna = await pair.one.register(plan="pro")
    job_id = await pair.one.uploaded(anna)
    headers = {"Idempotency-Key": "3f1c"}
    answers = await together(pair.by_turns(n, anna).post(f"/api/process/{job_id}", headers=headers) for n in range(10))
    assert statuses(answers) == {200: 10}
    assert {(a.json()["status"], a.json()["job_id"], a.json()["queue_position"]) for a in answers} == {
        ("processing", job_id, 1)
    }
    assert (await stats(anna))["total_scans"] == 1
    assert await count_of(pair.one, JobEvent, JobEvent.job_id == job_id, JobEvent.kind == "queued") == 1
    assert [a["action"] for a in (await anna.get("/api/profile/activities")).json()].count("process") == 1
    # Another key is another wish.
    refused = await anna.post(f"/api/process/{job_id}", headers={"Idempotency-Key": "another"})
    assert refused.status_code == 409


@pytest.mark.parametrize("signed_in", [True, False])
async def test_the_same_upload_sent_twice_at_once_is_one_scan(pair: Pair, clip: bytes, signed_in: bool) -> None:
    anna = await pair.one.register() if signed_in else None
    headers = {"Idempotency-Key": "3f1c"}
    form = {"file": ("room.mp4", clip)}
    answers = await together(pair.by_turns(n, anna).post("/api/upload", files=form, headers=headers) for n in range(2))
    assert statuses(answers) == {200: 2}
    (job_id,) = {answer.json()["job_id"] for answer in answers}
    assert await count_of(pair.one, Job) == 1
    assert [path.name for path in pair.one.data.uploads.iterdir()] == [job_id], "nor is there a second file"
    assert list(pair.one.data.incoming.iterdir()) == []
    # The same key from somebody else is another upload.
    berta = await pair.one.register()
    other = await berta.post("/api/upload", files=form, headers=headers)
    assert other.json()["job_id"] != job_id
    if anna is not None:
        assert (await stats(anna))["storage_used"] == len(clip)


async def test_an_upload_that_is_to_be_processed_is_charged_once(pair: Pair, fake_probe: None) -> None:
    anna = await pair.one.register()
    form, headers = {"file": ("room.mp4", b"a video" * 100)}, {"Idempotency-Key": "3f1c"}
    answers = await together(
        pair.by_turns(n, anna).post("/api/upload?process=true", files=form, headers=headers) for n in range(6)
    )
    assert statuses(answers) == {200: 6}
    assert {(a.json()["status"], a.json().get("not_processed")) for a in answers} == {("processing", None)}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert (await stats(anna))["total_scans"] == 1


# Tokens --------------------------------------------------------------------------------------------------------------


async def test_a_refresh_token_that_is_used_at_once_by_many_is_good_once_at_most(pair: Pair) -> None:
    anna = await pair.one.register()
    body = {"refresh_token": anna.refresh_token}
    answers = await together(pair.by_turns(n).post("/api/auth/refresh", json=body) for n in range(6))
    assert statuses(answers) == {200: 1, 401: 5}
    # Somebody has a copy: the login has ended, for the one who was first, too, and wherever it is asked.
    newest = next(answer.json() for answer in answers if answer.status_code == 200)
    for number, token in enumerate([anna.token, newest["access_token"]] * 2):
        me = await pair.by_turns(number // 2).get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert me.status_code == 401


async def test_who_signs_out_at_one_service_is_out_at_the_other(pair: Pair) -> None:
    anna = await pair.one.register()
    assert (await pair.by_turns(1, anna).get("/api/auth/me")).status_code == 200
    assert (await pair.by_turns(0, anna).post("/api/auth/logout")).status_code == 200
    assert (await pair.by_turns(1, anna).get("/api/auth/me")).status_code == 401


# Going while others come ---------------------------------------------------------------------------------------------


async def test_an_account_that_goes_while_it_is_used_leaves_nothing_that_works(pair: Pair) -> None:
    anna = await pair.one.register(plan="pro")
    jobs = [await pair.one.uploaded(anna) for _ in range(6)]
    finished = await pair.one.finished(anna)
    body = {"job_id": finished, "name": "Kitchen"}
    leaving = [pair.by_turns(0, anna).call("DELETE", "/api/auth/me", json={"password": PASSWORD})]
    asking = [pair.by_turns(n, anna).post(f"/api/process/{job_id}") for n, job_id in enumerate(jobs)]
    saving = [pair.by_turns(n, anna).post("/api/rooms", json=body) for n in range(4)]
    reading = [pair.by_turns(n, anna).get("/api/profile") for n in range(4)]
    answers = await together([*leaving, *asking, *saving, *reading])
    assert answers[0].status_code == 204
    assert {answer.status_code for answer in answers[1:]} <= {200, 201, 401, 404, 409}
    assert (await anna.get("/api/auth/me")).status_code == 401
    for job_id in [*jobs, finished]:
        assert (await pair.by_turns(1).get(f"/api/status/{job_id}")).status_code == 404


async def test_a_scan_that_is_deleted_while_it_is_asked_for_is_gone(pair: Pair) -> None:
    anna = await pair.one.register(plan="pro")
    job_id = await pair.one.uploaded(anna)
    ways = [
        ("POST", f"/api/process/{job_id}"),
        ("POST", f"/api/jobs/{job_id}/cancel"),
        ("DELETE", f"/api/job/{job_id}"),
    ]
    answers = await together(pair.by_turns(n, anna).call(*ways[n % 3]) for n in range(12))
    assert {answer.status_code for answer in answers} <= {200, 404, 409}
    assert statuses(answers[2::3])[200] == 1, "deleted once"
    assert await count_of(pair.one, Job, Job.deleted_at.is_(None)) == 0
    assert list(pair.one.data.uploads.iterdir()) == []

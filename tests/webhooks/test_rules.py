"""What is kept of deliveries, and whose word counts."""

from __future__ import annotations

from collections import Counter

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from garaza.errors import GarazaError
from garaza.kit.ids import new_id
from garaza.settings import WebhookSettings
from garaza.webhooks.address import WebhookAddress
from garaza.webhooks.models import Delivery
from garaza.webhooks.routes import describe
from garaza.webhooks.service import Attempt, Outcome, WebhookService
from tests.webhooks.conftest import Ended, Side

pytestmark = pytest.mark.anyio

URL = "https://example.com/hook"
OK = Outcome(delivered=True)
BAD = Outcome(delivered=False, error="The host answered 500.")


async def claim(side: Side) -> Attempt:
    async with side.database.write() as session:
        [attempt] = await side.webhooks.claim(session, 1, Counter())
    return attempt


async def note(side: Side, attempt: Attempt, outcome: Outcome) -> None:
    async with side.database.write() as session:
        await side.webhooks.note(session, attempt, outcome)


# Written with its cause ------------------------------------------------------------------------------------------


async def test_what_is_rolled_back_is_told_to_nobody(side: Side) -> None:
    ended = Ended(URL)
    with pytest.raises(RuntimeError):
        async with side.database.write() as session:
            await side.webhooks.on_end(session, ended)
            raise RuntimeError
    assert await side.deliveries(ended.id) == []


async def test_a_job_without_an_address_and_a_service_without_webhooks_tell_nobody(side: Side) -> None:
    silent = WebhookService(WebhookSettings(enabled=False), side.clock)
    nobody, unwanted = Ended(None), Ended(URL)
    async with side.database.write() as session:
        await side.webhooks.on_end(session, nobody)
        await silent.on_end(session, unwanted)
    assert await side.deliveries(nobody.id) == await side.deliveries(unwanted.id) == []


async def test_a_failure_that_says_less_than_usual_is_no_reason_for_a_job_not_to_end(side: Side) -> None:
    for failure in (None, {}, {"reason": 7, "else": object}):
        job_id = await side.end(URL, state="failed", failure=failure)
        assert (await side.delivery(job_id)).event == "scan.failed"


async def test_each_end_is_a_delivery_of_its_own_newest_first_without_the_address_in_full(side: Side) -> None:
    job_id = new_id()
    secret = "https://example.com:8443/hook?token=hunter2"
    await side.end(secret, id=job_id, state="failed")
    side.clock.now += 1
    await side.end(secret, id=job_id)
    shown = await side.deliveries(job_id)
    assert [each.event for each in shown] == ["scan.completed", "scan.failed"]
    assert {each.host for each in shown} == {"example.com:8443"}
    assert "hunter2" not in "".join(each.model_dump_json() for each in shown)
    assert await side.deliveries(new_id()) == []


# Whose word counts -----------------------------------------------------------------------------------------------


async def test_what_was_claimed_comes_up_again_only_once_its_sender_must_be_dead(side: Side) -> None:
    await side.end(URL)
    await claim(side)
    side.clock.now += side.settings.timeout_seconds
    async with side.database.write() as session:
        assert await side.webhooks.claim(session, 1, Counter()) == []
    side.clock.now += 21
    assert (await claim(side)).number == 2


async def test_a_late_failure_changes_nothing_and_a_late_success_is_still_true(side: Side) -> None:
    job_id = await side.end(URL)
    first = await claim(side)
    side.clock.now += 1000
    second = await claim(side)
    before = await side.delivery(job_id)
    await note(side, first, BAD)
    assert await side.delivery(job_id) == before
    await note(side, first, OK)
    await note(side, second, BAD)
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.error) == ("delivered", None)


async def test_dying_in_the_last_attempt_leaves_nothing_that_stays_for_ever(side: Side) -> None:
    job_id = await side.end(URL)
    for _ in range(side.settings.max_attempts):
        await claim(side)
        side.clock.now += 1000
    last = await claim(side)
    assert last.number == side.settings.max_attempts + 1
    await note(side, last, BAD)
    assert (await side.delivery(job_id)).state == "given_up"


async def test_waits_are_a_day_at_most(side: Side) -> None:
    settings = WebhookSettings(max_attempts=50)
    patient = WebhookService(settings, side.clock)
    job_id = await side.end(URL)
    for _ in range(49):
        async with side.database.write() as session:
            [attempt] = await patient.claim(session, 1, Counter())
            await patient.note(session, attempt, BAD)
        next_at = (await side.delivery(job_id)).next_attempt_at
        assert next_at is not None
        assert 8 <= next_at - side.clock.now <= 1.2 * 24 * 3600
        side.clock.now = next_at
    assert (await side.delivery(job_id)).attempts == 49


async def test_what_is_old_is_forgotten_a_part_at_a_time(side: Side) -> None:
    old = [await side.end(URL) for _ in range(3)]
    side.clock.now += 30 * 24 * 3600 + 1
    new = await side.end(URL)
    counts = []
    for _ in range(3):
        async with side.database.write() as session:
            counts.append(await side.webhooks.forget_old(session, limit=2))
    assert counts == [2, 1, 0]
    assert [len(await side.deliveries(job_id)) for job_id in [*old, new]] == [0, 0, 0, 1]


# Addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:secret@example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com/" + "x" * 2000,
        "http://2130706433/",
        "http://0x7f.1/",
    ],
)
async def test_what_is_no_address_for_a_message_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(WebhookAddress).validate_python(address)


async def test_an_address_is_kept_as_it_will_be_sent() -> None:
    kept = TypeAdapter(WebhookAddress).validate_python("HTTPS://Example.COM:443/a b?q=ä#part")
    assert kept == "https://example.com/a%20b?q=%C3%A4"
    assert TypeAdapter(WebhookAddress).validate_python(kept) == kept
    assert WebhookService(WebhookSettings()).checked(kept) == kept


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "http://[::1]:8000/", "http://10.1.2.3/", "http://localhost/"]
)
async def test_a_private_address_is_refused_as_soon_as_it_is_given_unless_allowed(address: str) -> None:
    given = TypeAdapter(WebhookAddress).validate_python(address)
    with pytest.raises(GarazaError) as refused:
        WebhookService(WebhookSettings()).checked(given)
    assert (refused.value.status, refused.value.code) == (422, "webhook_refused")
    assert WebhookService(WebhookSettings(allow_private_addresses=True)).checked(given) == given


async def test_without_webhooks_no_address_is_taken() -> None:
    with pytest.raises(GarazaError) as refused:
        WebhookService(WebhookSettings(enabled=False)).checked(URL)
    assert (refused.value.status, refused.value.code) == (422, "webhooks_off")


async def test_the_documentation_says_what_is_posted(side: Side) -> None:
    app = FastAPI()
    describe(app)
    document = app.openapi()
    schema = document["webhooks"]["scan-ended"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    described = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["properties"]
    job_id = await side.end(URL)
    async with side.database.read() as session:
        [row] = (await session.scalars(select(Delivery).where(Delivery.job_id == job_id))).all()
    assert row.body.keys() == described.keys()

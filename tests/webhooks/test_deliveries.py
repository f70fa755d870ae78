"""Messages reach their receivers, at least once and signed; and nobody else."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from garaza.kit.safe_http import SafeHttp
from garaza.webhooks import deliverer as deliverer_module
from tests.service.harness import PATIENCE_SECONDS, ROOT
from tests.webhooks.conftest import Side
from tests.webhooks.receiver import Gauge, Receiver, receiving

pytestmark = pytest.mark.anyio

FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light the room.", "details": {"path": "/secret"}}


async def settled(side: Side, job_id: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await side.delivery(job_id)).state == "pending":  # noqa: ASYNC110 - nobody is told of a changed row
            await asyncio.sleep(0.01)


# What arrives ----------------------------------------------------------------------------------------------------


async def test_the_end_of_a_job_arrives_signed_by_a_published_key(side: Side, receiver: Receiver) -> None:
    job_id = await side.end(receiver.url)
    assert await side.deliverer().deliver_due() == 1
    [received] = receiver.accepted
    delivery = await side.delivery(job_id)
    assert received.message == {
        "event": "scan.completed",
        "delivery_id": delivery.id,
        "job_id": job_id,
        "status": "completed",
        "status_url": f"/api/status/{job_id}",
        "result_url": f"/api/result/{job_id}",
        "failure": None,
        "at": 1_799_999_999.5,
    }
    assert (received.request.path, received.request.query) == ("/hook", "to=me")
    assert received.header("Garaza-Event") == "scan.completed"
    assert received.header("Garaza-Delivery") == delivery.id
    assert received.header("Content-Type") == "application/json"
    assert received.header("User-Agent").startswith("Garaza/")
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 1, None)
    assert (delivery.next_attempt_at, delivery.finished_at) == (None, side.clock.now)
    assert await side.deliverer().deliver_due() == 0


async def test_a_failure_is_told_with_its_reason_and_no_details(side: Side, receiver: Receiver) -> None:
    failed = await side.end(receiver.url, state="failed", failure=FAILURE)
    cancelled = await side.end(receiver.url, state="cancelled", failure=FAILURE)
    await side.deliverer().deliver_due()
    told = {received.message["job_id"]: received.message for received in receiver.accepted}
    assert told[failed]["failure"] == {"reason": "too_dark", "message": "Too dark.", "advice": "Light the room."}
    assert (told[failed]["event"], told[failed]["status"]) == ("scan.failed", "failed")
    assert (told[cancelled]["event"], told[cancelled]["failure"]) == ("scan.cancelled", None)
    assert told[failed]["result_url"] is told[cancelled]["result_url"] is None


async def test_what_was_listened_to_is_refused_when_sent_again(side: Side, receiver: Receiver) -> None:
    await side.end(receiver.url)
    await side.deliverer().deliver_due()
    answer = await receiver.replay(receiver.received[0])
    assert answer == "HTTP/1.1 401 Unauthorized"
    assert [each.refused for each in receiver.received] == [None, "replayed"]


async def test_another_receiver_does_not_take_it(side: Side, receiver: Receiver) -> None:
    await side.end(receiver.url)
    await side.deliverer().deliver_due()
    async with receiving(side.jwks, side.clock) as other:
        await other.replay(receiver.received[0])
        assert [each.refused for each in other.received] == ["wrong_authority"]


async def test_a_new_key_is_published_before_it_is_met_and_the_old_one_stays(side: Side, receiver: Receiver) -> None:
    await side.end(receiver.url)
    await side.deliverer().deliver_due()
    old = [key["kid"] for key in (await side.jwks())["keys"]]
    side.keys.rotate_outgoing()
    new = [key["kid"] for key in (await side.jwks())["keys"]]
    assert new[1:] == old
    await side.end(receiver.url)
    await side.deliverer().deliver_due()
    assert len(receiver.accepted) == 2
    private = {"d", "k", "p", "q"}
    assert not any(private & key.keys() for key in (await side.jwks())["keys"])


# Trying again ----------------------------------------------------------------------------------------------------


async def test_what_does_not_arrive_is_sent_again_later_and_later(side: Side, receiver: Receiver) -> None:
    receiver.answers = ["500 Oops", "503 Busy"]
    job_id = await side.end(receiver.url)
    deliverer = side.deliverer()
    for attempt, shortest, longest in ((1, 8, 12), (2, 24, 36)):
        assert await deliverer.deliver_due() == 1
        delivery = await side.delivery(job_id)
        assert (delivery.state, delivery.attempts) == ("pending", attempt)
        assert delivery.next_attempt_at is not None
        assert shortest <= delivery.next_attempt_at - side.clock.now <= longest
        assert await deliverer.deliver_due() == 0, "not before its time"
        side.clock.now = delivery.next_attempt_at
    assert (await side.delivery(job_id)).error == "The host answered 503."
    assert await deliverer.deliver_due() == 1
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 3, None)
    assert [each.refused for each in receiver.received] == [None] * 3, "signed anew each time"
    assert {each.header("Garaza-Delivery") for each in receiver.received} == {delivery.id}
    assert len({each.request.body for each in receiver.received}) == 1


async def test_it_is_given_up_after_the_last_attempt(side: Side, receiver: Receiver) -> None:
    receiver.answers = ["500 Oops"] * 10
    job_id = await side.end(receiver.url)
    deliverer = side.deliverer()
    for _ in range(5):
        await deliverer.deliver_due()
        side.clock.now += 24 * 3600
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.attempts, len(receiver.received)) == ("given_up", 3, 3)
    assert delivery.error == "The host answered 500."
    assert delivery.next_attempt_at is None


async def test_a_receiver_may_ask_for_more_time(side: Side, receiver: Receiver) -> None:
    receiver.answers = ["429 Slowly\r\nRetry-After: 500"]
    job_id = await side.end(receiver.url)
    await side.deliverer().deliver_due()
    assert (await side.delivery(job_id)).next_attempt_at == side.clock.now + 500


@pytest.mark.parametrize("value", ["-5", "1e9", "999999999999", "tomorrow", "²"])
async def test_nonsense_about_when_to_come_back_is_ignored(side: Side, receiver: Receiver, value: str) -> None:
    receiver.answers = [f"503 Busy\r\nRetry-After: {value}"]
    job_id = await side.end(receiver.url)
    await side.deliverer().deliver_due()
    next_at = (await side.delivery(job_id)).next_attempt_at
    assert next_at is not None
    assert 8 <= next_at - side.clock.now <= 12


async def test_who_is_gone_is_not_bothered_again(side: Side, receiver: Receiver) -> None:
    receiver.answers = ["410 Gone"]
    job_id = await side.end(receiver.url)
    await side.deliverer().deliver_due()
    side.clock.now += 24 * 3600
    await side.deliverer().deliver_due()
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.attempts, len(receiver.received)) == ("given_up", 1, 1)


async def test_a_redirect_is_not_followed(side: Side, receiver: Receiver) -> None:
    async with receiving(side.jwks, side.clock) as elsewhere:
        receiver.answers = [f"307 There\r\nLocation: {elsewhere.url}"]
        job_id = await side.end(receiver.url)
        await side.deliverer().deliver_due()
        assert elsewhere.received == []
    delivery = await side.delivery(job_id)
    assert (delivery.state, len(receiver.received)) == ("pending", 1)
    assert delivery.error is not None
    assert "307" in delivery.error


async def test_nobody_there_is_no_failure_of_ours(side: Side) -> None:
    async with receiving(side.jwks, side.clock) as receiver:
        url = receiver.url
    job_id = await side.end(url)
    await side.deliverer().deliver_due()
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.error) == ("pending", "The host can't be reached, or refuses the connection.")


async def test_who_does_not_answer_in_time_is_asked_again(side: Side, receiver: Receiver) -> None:
    receiver.hold = asyncio.Event()
    job_id = await side.end(receiver.url)
    await side.deliverer(timeout_seconds=0.2).deliver_due()
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.error) == ("pending", "The host didn't answer in time.")


async def test_an_answer_without_an_end_is_cut_off(side: Side, receiver: Receiver) -> None:
    receiver.endless = True
    job_id = await side.end(receiver.url)
    await side.deliverer().deliver_due()
    assert (await side.delivery(job_id)).state == "delivered"
    # What the kernels of both sides keep, and no more.
    assert await receiver.until_hung_up() < 64 << 20


# Where nothing is sent -------------------------------------------------------------------------------------------


async def test_private_addresses_are_not_called_unless_that_is_allowed(side: Side, receiver: Receiver) -> None:
    job_id = await side.end(receiver.url)
    await side.deliverer(allow_private_addresses=False).deliver_due()
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.attempts) == ("given_up", 1)
    assert receiver.received == []
    assert delivery.error == "The address belongs to a private network, which is not called from here."


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:192.168.1.1"])
async def test_a_name_that_stands_for_a_private_address_is_given_up_and_the_address_not_told(
    side: Side,
    resolving: Callable[[str], SafeHttp],
    address: str,
) -> None:
    job_id = await side.end("http://innocent.example.com/hook")
    await side.deliverer(resolving(address)).deliver_due()
    delivery = await side.delivery(job_id)
    assert delivery.state == "given_up"
    assert delivery.error is not None
    assert address not in delivery.error


# Killed, stopped, many at once -----------------------------------------------------------------------------------


async def test_killed_before_it_could_note_the_answer_it_is_sent_again_under_the_same_id(side: Side) -> None:
    async with receiving(side.jwks, time.time) as receiver:
        receiver.hold = asyncio.Event()
        side.clock.now = time.time()
        job_id = await side.end(receiver.url)
        url = side.url.render_as_string(hide_password=False)
        module = "tests.webhooks.deliverer_process"
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, url, str(side.key_file), cwd=ROOT)
        try:
            await receiver.until(1)
        finally:
            process.kill()
            await process.wait()
        receiver.hold.set()

        deliverer = side.deliverer()
        assert await deliverer.deliver_due() == 0, "it may still be under way"
        side.clock.now += 200
        receiver.clock = side.clock
        assert await deliverer.deliver_due() == 1
        delivery = await side.delivery(job_id)
        assert (delivery.state, delivery.attempts) == ("delivered", 2)
        first, second = receiver.accepted
        assert first.header("Garaza-Delivery") == second.header("Garaza-Delivery") == delivery.id
        assert first.request.body == second.request.body


async def test_several_that_deliver_at_once_send_everything_once(side: Side, receiver: Receiver) -> None:
    jobs = {await side.end(receiver.url) for _ in range(24)}
    counts = await asyncio.gather(*(side.deliverer().deliver_due() for _ in range(4)))
    assert sum(counts) == 24
    assert sorted(each.message["job_id"] for each in receiver.accepted) == sorted(jobs)
    assert len(receiver.received) == 24


async def test_a_started_one_delivers_what_comes_later(side: Side, receiver: Receiver) -> None:
    side.deliverer().start()
    first = await side.end(receiver.url)
    await settled(side, first)
    second = await side.end(receiver.url)
    await settled(side, second)
    assert [each.message["job_id"] for each in receiver.accepted] == [first, second]


async def test_a_slow_receiver_does_not_hold_up_the_others(side: Side, receiver: Receiver) -> None:
    async with receiving(side.jwks, side.clock) as slow:
        slow.hold = asyncio.Event()
        for _ in range(20):
            await side.end(slow.url)
        quick = [await side.end(receiver.url) for _ in range(10)]
        side.deliverer(concurrency=8).start()
        for job_id in quick:
            await settled(side, job_id)
        await slow.until(2)
        assert len(slow.received) == 2, "a quarter of all at once"
        slow.hold.set()
        await slow.until(20)


async def test_never_more_at_once_than_the_setting_says(side: Side) -> None:
    gauge = Gauge()
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(receiving(side.jwks, side.clock, gauge)) for _ in range(8)]
        go = asyncio.Event()
        jobs = []
        for receiver in receivers:
            receiver.hold = go
            jobs.append(await side.end(receiver.url))
        side.deliverer(concurrency=4).start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await gauge.reached(4)
        assert sum([(await side.delivery(job_id)).attempts for job_id in jobs]) == 4, "the others wait unclaimed"
        go.set()
        for receiver in receivers:
            await receiver.until(1)
    assert gauge.most == 4


async def test_stopping_gives_back_what_is_under_way(
    side: Side, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer_module, "_STOP_SECONDS", 0.1)
    receiver.hold = asyncio.Event()
    job_id = await side.end(receiver.url)
    deliverer = side.deliverer()
    deliverer.start()
    await receiver.until(1)
    await deliverer.stop()
    side.deliverers.remove(deliverer)
    receiver.hold.set()
    assert (await side.delivery(job_id)).next_attempt_at == side.clock.now
    assert await side.deliverer().deliver_due() == 1, "at once, by whoever comes next"
    assert (await side.delivery(job_id)).state == "delivered"


async def test_stopping_waits_for_what_is_about_to_end(side: Side, receiver: Receiver) -> None:
    receiver.hold = asyncio.Event()
    job_id = await side.end(receiver.url)
    deliverer = side.deliverer()
    deliverer.start()
    await receiver.until(1)
    stopping = asyncio.create_task(deliverer.stop())
    receiver.hold.set()
    await stopping
    side.deliverers.remove(deliverer)
    delivery = await side.delivery(job_id)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)

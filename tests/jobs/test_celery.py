"""What Celery needs that the queue in the database doesn't."""

from __future__ import annotations

import sys
import time

import pytest
from pydantic import SecretStr, ValidationError

from garaza.jobs.celery_queue import CeleryMissingError, CeleryQueue, make_celery
from garaza.jobs.claims import Waiting
from garaza.jobs.priorities import STEPS
from garaza.jobs.queue import BrokerUnavailableError
from garaza.settings import JobSettings
from tests.servers.valkey import Valkey

pytestmark = pytest.mark.anyio

JOB = Waiting("a" * 22, 0, again=False)


async def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    with pytest.raises(CeleryMissingError, match=r"pip install 'garaza\[celery\]'"):
        make_celery("redis://127.0.0.1:1/0")


async def test_messages_are_counted_until_they_are_taken(valkey: Valkey) -> None:
    valkey.flush()
    queue = CeleryQueue(make_celery(valkey.url))
    assert await queue.backlog() == 0
    await queue.publish([Waiting(JOB.id, priority, again=False) for priority in STEPS])
    assert await queue.backlog() == 4
    await queue.close()


async def test_nobody_waits_long_for_a_broker_that_is_not_there() -> None:
    queue = CeleryQueue(make_celery("redis://127.0.0.1:1/0"))
    # The first brings along what it takes.
    with pytest.raises(BrokerUnavailableError):
        await queue.backlog()
    began = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await queue.publish([JOB])
    with pytest.raises(BrokerUnavailableError):
        await queue.backlog()
    # Celery's own way is to try again for more than this.
    assert time.monotonic() - began < 8
    await queue.close()


async def test_a_broker_that_falls_silent_is_not_waited_for(
    tmp_path: object, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("garaza.jobs.celery_queue._PUBLISH_SECONDS", 0.2)
    queue = CeleryQueue(make_celery(valkey.url))
    valkey.pause()
    try:
        with pytest.raises(BrokerUnavailableError):
            await queue.publish([JOB])
    finally:
        valkey.resume()
    await queue.close()


def test_only_redis_is_a_broker() -> None:
    assert JobSettings(broker_url=SecretStr("")).broker_url is None
    assert JobSettings(broker_url=SecretStr("rediss://example.org/0")).broker_url is not None
    with pytest.raises(ValidationError, match="redis://"):
        JobSettings(broker_url=SecretStr("amqp://example.org"))

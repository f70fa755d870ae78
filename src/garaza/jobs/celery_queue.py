"""Jobs through Celery, on Redis. A message is the id of a job, and no more than a hint: the table is the queue.

So what a broker does now and then, losing a message or delivering it twice, changes nothing. Celery is an extra, and
imported only where there is a broker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from garaza.jobs.claims import Waiting
from garaza.jobs.priorities import STEPS
from garaza.jobs.queue import BrokerUnavailableError

logger = logging.getLogger(__name__)

TASK = "garaza.run_job"
QUEUE = "garaza"

_CONNECT_SECONDS = 2.0
_SOCKET_SECONDS = 5.0
_PUBLISH_SECONDS = 10.0
"""For all of a batch."""

_AT_ONCE = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0, "interval_max": 0.1}
"""For who can try again later: otherwise connecting is tried for seconds, with pauses."""

T = TypeVar("T")


class CeleryMissingError(Exception):
    """There is a broker, and nothing to talk to it with."""


def make_celery(broker_url: str, visibility_seconds: float = 3600) -> Any:
    """The Celery application, which serves whoever publishes and workers alike.

    Args:
        visibility_seconds: after how long a message that was taken and not answered is delivered again: longer than a
            job can take, or messages of those that still run would come back for nothing.

    Raises:
        CeleryMissingError: the extra isn't installed.
    """
    try:
        import redis  # noqa: F401, PLC0415 - part of the extra, and only needed within Celery
        from celery import Celery  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "a broker needs the extra that talks to it: pip install 'garaza[celery]'"
        raise CeleryMissingError(msg) from error
    app = Celery("garaza", broker=broker_url, set_as_current=False)
    app.conf.update(
        broker_transport_options={
            # The most urgent first. Redis has no priorities: they are lists, emptied one after the other.
            "priority_steps": list(STEPS),
            "queue_order_strategy": "priority",
            "visibility_timeout": visibility_seconds,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": _SOCKET_SECONDS,
            "socket_keepalive": True,
        },
        broker_connection_retry_on_startup=True,
        # For ever: the service would only start another worker, which could do no better.
        broker_connection_max_retries=None,
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A worker takes as many messages as it can do jobs, so that none waits behind a job while others are idle. It
        # counts its jobs, and not the messages that it hasn't answered: those that it couldn't answer, because the
        # broker was away, would count for ever, and it would take no other.
        task_acks_late=True,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=0,
        worker_enable_remote_control=False,
        worker_redirect_stdouts=False,
    )
    return app


class CeleryQueue:
    """Publishes, in a thread, and within bounded time."""

    needs_messages = True

    def __init__(self, app: Any) -> None:
        self._app = app
        # One is enough, and keeps messages in their order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="broker")

    async def publish(self, jobs: Sequence[Waiting]) -> None:
        """Tell of these, in this order.

        Raises:
            BrokerUnavailableError: not all of them could be told; some may have been.
        """
        await self._in_thread(lambda: self._send([(job.id, job.priority) for job in jobs]))

    async def backlog(self) -> int:
        """How many messages nobody has taken yet.

        Raises:
            BrokerUnavailableError: it can't be asked.
        """
        return await self._in_thread(self._count)

    async def close(self) -> None:
        """Give up; what is being published is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception as error:
            # Of Kombu, of Redis's client, of the system: whatever it is, there is nothing else to be done about it.
            raise BrokerUnavailableError(type(error).__name__) from error

    def _send(self, jobs: list[tuple[str, int]]) -> None:
        # A connection of its own each time costs a millisecond, and none is ever found to have died meanwhile.
        with self._app.connection_for_write(transport_options=_AT_ONCE) as connection:
            producer = self._app.amqp.Producer(connection, auto_declare=False)
            for job_id, priority in jobs:
                self._app.send_task(TASK, (job_id,), producer=producer, queue=QUEUE, priority=priority, retry=False)

    def _count(self) -> int:
        with self._app.connection_for_write(transport_options=_AT_ONCE) as connection:
            declared = self._app.amqp.queues[QUEUE](connection.default_channel).queue_declare()
            return int(declared.message_count)

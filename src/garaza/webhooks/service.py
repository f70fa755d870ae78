"""The rules of webhooks: what is told to whom, how often it is tried, and when it is given up.

A delivery is written with the change that it tells of. From then on it reaches its receiver at least once, whatever is
killed meanwhile, or is given up with a reason. Callers own the transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from garaza.errors import GarazaError
from garaza.kit.backoff import backoff
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.ids import new_id
from garaza.kit.public_addresses import AddressRefused, checked_url
from garaza.settings import WebhookSettings
from garaza.webhooks.models import Delivery
from garaza.webhooks.repository import DeliveryRepository
from garaza.webhooks.schemas import DeliveryBody, WebhookMessage

_SHOWN = 100
_LONGEST_WAIT_SECONDS = 24 * 3600
_MARGIN_SECONDS = 20.0
"""What an attempt may take beyond the timeout of its request, on a slow machine."""


class EndedJob(Protocol):
    """What has to be known of a job to tell of its end."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def webhook_url(self) -> str | None: ...
    @property
    def failure(self) -> dict[str, Any] | None: ...
    @property
    def finished_at(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """A right to try one delivery, for a while."""

    delivery_id: str
    number: int
    """From 1. An outcome that comes after another attempt has begun changes nothing, unless it is a success."""
    url: str
    event: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to."""

    delivered: bool
    error: str | None = None
    """A sentence for whoever gave the address."""
    hopeless: bool = False
    """Whether trying again can't help."""
    wait_seconds: float = 0
    """What the receiver asked for before the next attempt."""


class WebhookService:
    """See the module."""

    def __init__(self, settings: WebhookSettings, clock: Clock = system_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._deliveries = DeliveryRepository()

    # What clients and their jobs cause ---------------------------------------------------------------------------

    def checked(self, url: str) -> str:
        """An address that a client gave, as it is to be kept. What its name stands for is looked at when it is called.

        Before this, `WebhookAddress` has seen to its form.

        Raises:
            GarazaError: 422, it isn't called from here, or nothing is.
        """
        if not self._settings.enabled:
            raise GarazaError(422, "webhooks_off", "This server sends no webhooks. Leave webhook_url out.")
        try:
            return checked_url(url, allow_private=self._settings.allow_private_addresses)
        except AddressRefused as refused:
            raise GarazaError(422, "webhook_refused", f"webhook_url: {refused}") from None

    async def on_end(self, session: WriteSession, job: EndedJob) -> None:
        """A job has ended: have whoever is to be told of it told, once this transaction is committed."""
        if job.webhook_url is None:
            return
        body = {
            "status": job.state,
            "status_url": f"/api/status/{job.id}",
            "result_url": f"/api/result/{job.id}" if job.state == "completed" else None,
            "failure": _note(job.failure) if job.state == "failed" else None,
            "at": job.finished_at or self._clock(),
        }
        await self.enqueue(session, job.id, job.webhook_url, f"scan.{job.state}", body)

    async def enqueue(
        self,
        session: WriteSession,
        job_id: str,
        url: str,
        event: str,
        body: Mapping[str, Any],
    ) -> str | None:
        """Have a message delivered once this transaction is committed. Its id, None where webhooks are off.

        Args:
            url: as `checked` gave it.
            body: of `WebhookMessage`, without event and ids.
        """
        if not self._settings.enabled:
            return None
        now = self._clock()
        delivery_id = new_id()
        message = WebhookMessage.model_validate({**body, "event": event, "job_id": job_id, "delivery_id": delivery_id})
        delivery = Delivery(
            id=delivery_id,
            job_id=job_id,
            url=url,
            event=event,
            body=message.model_dump(mode="json"),
            state="pending",
            attempts=0,
            next_at=now,
            created_at=now,
        )
        await self._deliveries.add(session, delivery)
        return delivery_id

    async def deliveries_of(self, session: ReadSession, job_id: str) -> list[DeliveryBody]:
        """The last hundred of a job, newest first."""
        return [_shown(delivery) for delivery in await self._deliveries.of_job(session, job_id, _SHOWN)]

    async def forget_old(self, session: WriteSession, limit: int = 1000) -> int:
        """Remove deliveries that are too old to be of interest, `limit` at most; how many there were."""
        before = self._clock() - self._settings.keep_days * 24 * 3600
        return await self._deliveries.forget(session, before, limit)

    # What the deliverer causes -----------------------------------------------------------------------------------

    async def anything_due(self, session: ReadSession) -> bool:
        """Whether it is worth a write transaction to claim."""
        return await self._deliveries.any_due(session, self._clock())

    async def claim(self, session: WriteSession, free: int, busy: Counter[str]) -> list[Attempt]:
        """Begin attempts at what is due, `free` at most, and leave alone whom enough is being sent to.

        What is claimed comes up again by itself when nothing is heard of it: its sender was killed.

        Args:
            busy: by origin, how many attempts go on already.
        """
        now = self._clock()
        share = max(1, self._settings.concurrency // 4)
        full = [origin for origin, count in busy.items() if count >= share]
        counts = Counter(busy)
        chosen = []
        for delivery_id, url in await self._deliveries.due(session, now, free, full):
            origin = origin_of(url)
            if counts[origin] < share:
                counts[origin] += 1
                chosen.append(delivery_id)
        if not chosen:
            return []
        until = now + self._settings.timeout_seconds + _MARGIN_SECONDS
        claimed = await self._deliveries.claim(session, chosen, until)
        return [Attempt(row.id, row.attempts, row.url, row.event, row.body) for row in claimed]

    async def note(self, session: WriteSession, attempt: Attempt, outcome: Outcome) -> None:
        """Keep what an attempt came to."""
        now = self._clock()
        if outcome.delivered:
            # True whoever else tries meanwhile.
            values: dict[str, Any] = {"state": "delivered", "finished_at": now, "last_error": None}
            await self._deliveries.change(session, attempt.delivery_id, values)
            return
        values = {"last_error": (outcome.error or "")[:200]}
        if outcome.hopeless or attempt.number >= self._settings.max_attempts:
            values |= {"state": "given_up", "finished_at": now}
        else:
            wait = backoff(attempt.number, self._settings.backoff_seconds, _LONGEST_WAIT_SECONDS, factor=3)
            values["next_at"] = now + max(wait, outcome.wait_seconds)
        await self._deliveries.change(session, attempt.delivery_id, values, attempt.number)

    async def release(self, session: WriteSession, attempt: Attempt) -> None:
        """An attempt was broken off by us: whoever comes first begins another one."""
        await self._deliveries.change(session, attempt.delivery_id, {"next_at": self._clock()}, attempt.number)


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _note(failure: dict[str, Any] | None) -> dict[str, str]:
    # Whatever is missing, it is no reason for a job not to end.
    return {name: str((failure or {}).get(name, "")) for name in ("reason", "message", "advice")}


def _shown(delivery: Delivery) -> DeliveryBody:
    return DeliveryBody.model_validate(
        {
            "id": delivery.id,
            "event": delivery.event,
            "host": urlsplit(delivery.url).netloc,
            "state": delivery.state,
            "attempts": delivery.attempts,
            "next_attempt_at": delivery.next_at if delivery.state == "pending" else None,
            "error": delivery.last_error,
            "created_at": delivery.created_at,
            "finished_at": delivery.finished_at,
        }
    )

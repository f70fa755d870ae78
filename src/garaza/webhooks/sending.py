"""One attempt at a delivery: the signed request, and what its answer means."""

from __future__ import annotations

import asyncio
import json
import logging
import re

import garaza
from garaza.kit.clock import Clock, system_clock
from garaza.kit.public_addresses import AddressRefused
from garaza.kit.safe_http import Answer, ConnectionFailed, SafeHttp
from garaza.kit.signing.outgoing import sign
from garaza.kit.signing_keys import SigningKeys
from garaza.settings import WebhookSettings
from garaza.webhooks.service import Attempt, Outcome

TAG = "garaza-webhook"
USER_AGENT = f"Garaza/{garaza.__version__}"

_GONE = 410
_ANSWER_BYTES = 1024
"""Nothing of it is used; reading a little lets the receiver finish in order."""
_WAIT = re.compile(r"[0-9]{1,5}")
"""Seconds, so a day or so at most. A date is not read: the clocks may differ."""

logger = logging.getLogger(__name__)


def client_for(settings: WebhookSettings) -> SafeHttp:
    """What requests go through."""
    return SafeHttp(
        user_agent=USER_AGENT,
        timeout_seconds=settings.timeout_seconds,
        max_body_bytes=_ANSWER_BYTES,
        allow_private=settings.allow_private_addresses,
        max_connections=settings.concurrency,
    )


class Sender:
    """Sends attempts."""

    def __init__(self, http: SafeHttp, keys: SigningKeys, clock: Clock = system_clock) -> None:
        self._http = http
        self._keys = keys
        self._clock = clock

    async def send(self, attempt: Attempt) -> Outcome:
        """Try once. Raises nothing, whatever happens."""
        try:
            return _judged(await self._post(attempt))
        except AddressRefused as refused:
            return Outcome(delivered=False, error=str(refused), hopeless=True)
        except ConnectionFailed as failed:
            return Outcome(delivered=False, error=str(failed))
        except Exception:
            logger.exception("could not send delivery %s", attempt.delivery_id)
            return Outcome(delivered=False, error="Something went wrong on this side.")

    async def _post(self, attempt: Attempt) -> Answer:
        content = json.dumps(attempt.body, separators=(",", ":")).encode()
        # The file of the keys is looked at.
        keyid, key = await asyncio.to_thread(self._keys.outgoing)
        # Signed anew each time: a receiver that refuses what it has seen before still takes the next attempt.
        signed = sign("POST", attempt.url, key=key, keyid=keyid, now=self._clock(), body=content, tag=TAG)
        headers = {**signed, "Garaza-Event": attempt.event, "Garaza-Delivery": attempt.delivery_id}
        return await self._http.request("POST", attempt.url, headers=headers, content=content)


def _judged(answer: Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(delivered=True)
    error = f"The host answered {answer.status}."
    if 300 <= answer.status < 400:
        error += " Redirects are not followed: give the address that it leads to."
    wait = _WAIT.fullmatch(answer.headers.get("retry-after", ""))
    return Outcome(
        delivered=False,
        error=error,
        hopeless=answer.status == _GONE,
        wait_seconds=float(wait[0]) if wait is not None else 0,
    )

"""What goes over the wire about webhooks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from garaza.kit.answers import Answer


class FailureNote(Answer):
    """Why there is no model, for a person."""

    reason: str
    message: str
    advice: str


class WebhookMessage(Answer):
    """What is posted to the address that was given with a scan, once it has ended.

    The request is signed (RFC 9421, tag "garaza-webhook") by a key of /.well-known/garaza-webhook-keys. A message may
    come more than once, each time with a signature of its own: whoever has seen its `delivery_id` ignores it.
    """

    event: Literal["scan.completed", "scan.failed", "scan.cancelled"]
    delivery_id: str = Field(description="The same in every attempt, and as in the header Garaza-Delivery.")
    job_id: str
    status: Literal["completed", "failed", "cancelled"]
    status_url: str = Field(description="Relative to this service.")
    result_url: str | None = Field(description="Relative to this service; null unless there is a result.")
    failure: FailureNote | None
    at: float = Field(description="Unix time at which it ended.")


class DeliveryBody(Answer):
    """How a message got on, for whoever owns the scan."""

    id: str
    event: str
    host: str = Field(description="Where it goes. The rest of the address may hold a secret, and stays here.")
    state: Literal["pending", "delivered", "given_up"]
    attempts: int = Field(description="Begun so far.")
    next_attempt_at: float | None = Field(description="Unix time; null once it is over.")
    error: str | None = Field(description="What the last attempt came to, unless it was delivered.")
    created_at: float
    finished_at: float | None


class Jwk(Answer):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]


class Jwks(Answer):
    """Public keys (RFC 7517), newest first."""

    keys: list[Jwk]

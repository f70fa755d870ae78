"""Where a message is to go, as clients give it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from garaza.kit.public_addresses import AddressRefused, checked_url

MAX_LENGTH = 2000


def _in_its_form(text: str) -> str:
    try:
        # Whether it may be a private one is a setting: `WebhookService.checked` knows.
        return checked_url(text, allow_private=True)
    except AddressRefused as refused:
        raise ValueError(str(refused)) from None


WebhookAddress = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="Where a message is posted once the scan has ended: http or https, at a public address. See the "
        "webhook `scan-ended`.",
        examples=["https://example.org/scans"],
    ),
    AfterValidator(_in_its_form),
]
"""Percent-encoded, as it will be sent."""

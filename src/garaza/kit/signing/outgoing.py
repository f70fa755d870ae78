"""Signing a request that goes out (RFC 9421)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from http_message_signatures import HTTPMessageSignaturesException, HTTPMessageSigner, MappingKeyResolver

from garaza.kit.signing.keys import HmacSecret, SigningKey
from garaza.kit.signing.message import Message, algorithm_of

LABEL = "sig1"
MAX_LIFETIME_SECONDS = 300


def sign(
    method: str,
    url: str,
    *,
    key: SigningKey,
    keyid: str,
    now: float,
    body: bytes = b"",
    content_type: str = "application/json",
    lifetime_seconds: int = MAX_LIFETIME_SECONDS,
    nonce: str | None = None,
    tag: str | None = None,
) -> dict[str, str]:
    """Headers that sign a request: Signature-Input, Signature, and with a body Content-Type and Content-Digest.

    Covered are @method, @authority, @path and @query, and with a body content-type and content-digest.

    Args:
        method: in capitals.
        url: absolute and percent-encoded, exactly as it will be sent.
        now: Unix seconds, which it will say it was created at.
        body: as it will be sent, after any content coding.
        lifetime_seconds: how long it holds, 1 to 300. Each attempt of a request wants a signature of its own.
        nonce: made here unless it is given.
        tag: names the purpose, so that the receiver can't be made to take it for another.

    Raises:
        ValueError: the method, the address or the lifetime isn't as it should be.
    """
    if not 1 <= lifetime_seconds <= MAX_LIFETIME_SECONDS:
        raise ValueError(f"A signature holds 1 to {MAX_LIFETIME_SECONDS} seconds.")
    headers = {"Content-Type": content_type} if body else {}
    material = key.value if isinstance(key, HmacSecret) else key
    signer = HTTPMessageSigner(
        signature_algorithm=algorithm_of(key),
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={keyid: material}),
    )
    created = int(now)
    try:
        signer.sign(
            Message(method, url, headers),
            key_id=keyid,
            created=datetime.fromtimestamp(created, UTC),
            expires=datetime.fromtimestamp(created + lifetime_seconds, UTC),
            nonce=nonce or secrets.token_urlsafe(24),
            label=LABEL,
            tag=tag,
            covered_component_ids=("@method", "@authority", "@path", "@query", *map(str.lower, headers)),
            body=body or None,
        )
    except HTTPMessageSignaturesException as error:
        raise ValueError(f"This request can't be signed: {error}") from None
    return headers

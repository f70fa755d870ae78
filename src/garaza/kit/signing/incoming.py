"""Checking the signature of a request (RFC 9421), and of its body through Content-Digest (RFC 9530).

The library builds what was signed and checks the signature over it. It leaves to its caller which parts have to be
covered, how long a signature holds, the nonce, and which key is for which algorithm: those rules are here. That a
nonce is used only once is left to our caller, who can remember.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import http_sf
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    MappingKeyResolver,
    VerifyResult,
)

from garaza.kit.signing.keys import HmacSecret, VerifyingKey
from garaza.kit.signing.message import HeaderLines, Message, algorithm_of

MAX_SIGNATURE_INPUT = 4096
MAX_SIGNATURE = 512
MAX_CONTENT_DIGEST = 512
MAX_COMPONENTS = 32
MAX_KEYID = 128
MAX_HEADER_LINES = 256
MAX_HEADER_BYTES = 1 << 16
NONCE_LENGTHS = range(16, 129)

_METHOD = re.compile(r"[A-Z]{1,32}")
_AUTHORITY = re.compile(r"(?:[0-9A-Za-z._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_IN_PATH = r"0-9A-Za-z._~!$&'()*+,;=:@/-"
_PATH = re.compile(rf"/(?:[{_IN_PATH}]|%[0-9A-Fa-f]{{2}})*")
_QUERY = re.compile(rf"(?:[?{_IN_PATH}]|%[0-9A-Fa-f]{{2}})*")
_MAX_TARGET = 8192


class Reason(StrEnum):
    """Why a signature was refused. The codes are stable, and safe to tell to whoever sent it."""

    NOT_SIGNED = "not_signed"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    SEVERAL_SIGNATURES = "several_signatures"
    UNKNOWN_KEY = "unknown_key"
    WRONG_ALGORITHM = "wrong_algorithm"
    BAD_SIGNATURE = "bad_signature"
    NOT_COVERED = "not_covered"
    WRONG_AUTHORITY = "wrong_authority"
    WRONG_TAG = "wrong_tag"
    NO_CREATED = "no_created"
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"
    EXPIRED = "expired"
    LASTS_TOO_LONG = "lasts_too_long"
    NO_NONCE = "no_nonce"
    DIGEST_MISMATCH = "digest_mismatch"


_SENTENCES = {
    Reason.NOT_SIGNED: "The request has no signature: send Signature-Input and Signature.",
    Reason.MALFORMED: "The request or its signature isn't written as RFC 9421 wants it.",
    Reason.TOO_LARGE: "The request or its signature is larger than any that is taken here.",
    Reason.SEVERAL_SIGNATURES: "The request has more than one signature: send exactly one.",
    Reason.UNKNOWN_KEY: "No key is known by this keyid.",
    Reason.WRONG_ALGORITHM: "The key isn't for the algorithm that the signature names.",
    Reason.BAD_SIGNATURE: "The signature doesn't belong to this request and this key.",
    Reason.NOT_COVERED: "The signature doesn't cover all that it has to: @method, @authority, @path, @query where "
    "there is one, content-digest where there is a body.",
    Reason.WRONG_AUTHORITY: "The request was signed for another host.",
    Reason.WRONG_TAG: "The signature was made for another purpose: its tag is another one.",
    Reason.NO_CREATED: "The signature doesn't say when it was created.",
    Reason.TOO_OLD: "The signature is too old: sign each request when it is sent, by a clock that is right.",
    Reason.IN_THE_FUTURE: "The signature was created in the future: look at the clock that it was made by.",
    Reason.EXPIRED: "The signature has expired.",
    Reason.LASTS_TOO_LONG: "The signature expires before it was created, or too long after.",
    Reason.NO_NONCE: "The signature needs a nonce of 16 to 128 characters.",
    Reason.DIGEST_MISMATCH: "Content-Digest doesn't belong to this body: send its sha-256 or sha-512.",
}


class SignatureRefused(Exception):
    """A request isn't taken for signed. `reason` is for programs, the message for people; both are safe to tell."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it came."""

    method: str
    authority: str
    """The Host header: name or address, and the port where there is one."""
    path: str
    """Percent-encoded, as it was sent."""
    query: str = ""
    """Percent-encoded, without the question mark."""
    headers: Sequence[tuple[str, str]] = ()
    """All lines in their order, repeated names too."""
    body: bytes = b""
    """Before any content coding is undone."""
    scheme: str = "https"
    """Decides only which port goes without saying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of a signature beside being right."""

    covered: frozenset[str] = frozenset()
    """Components that have to be covered beside those that always have to."""
    max_age_seconds: int = 300
    """From `created`; an `expires` may only shorten it."""
    max_ahead_seconds: int = 30
    """How far the sender's clock may be ahead of ours."""
    max_body_bytes: int = 1 << 20
    """Hashed where `verify` runs: a megabyte takes a millisecond or two."""
    authorities: frozenset[str] | None = None
    """Hosts that we are, in small letters, with the port where it isn't the scheme's own. Without it, whatever was
    signed for somebody else who knows the same key holds here too."""
    tag: str | None = None
    """What the signature has to name as its purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A signature that holds, and what was signed with it."""

    keyid: str
    label: str
    nonce: str
    created: int
    expires: int
    """Unix seconds. Whoever remembers the nonce of the key until then refuses every replay: after it, `verify` does.
    Where several machines verify, by the clock that is furthest behind."""
    tag: str | None


KeyFinder = Callable[[str], Awaitable[VerifyingKey | None]]
"""Gives the key of a keyid, which is 1 to 128 printable ASCII characters; None where there is none."""


async def verify(request: Incoming, find_key: KeyFinder, policy: Policy, *, now: float) -> Verified:
    """Check a request's one signature.

    Args:
        now: Unix seconds.

    Raises:
        SignatureRefused: whatever is wrong with the request, however malformed. What `find_key` raises goes through.
    """
    _bound(request, policy)
    label, keyid, algorithm = _claim(request)
    key = await find_key(keyid)
    if key is None:
        raise SignatureRefused(Reason.UNKNOWN_KEY)
    if algorithm is not None and algorithm != algorithm_of(key).algorithm_id:
        raise SignatureRefused(Reason.WRONG_ALGORITHM)
    signed = _check_signature(request, keyid, key)
    _check_coverage(request, signed, policy)
    created, expires = _check_times(signed.parameters, policy, now)
    nonce = signed.parameters.get("nonce")
    if not isinstance(nonce, str) or len(nonce) not in NONCE_LENGTHS:
        raise SignatureRefused(Reason.NO_NONCE)
    tag = signed.parameters.get("tag")
    if policy.tag is not None and tag != policy.tag:
        raise SignatureRefused(Reason.WRONG_TAG)
    _check_digest(request, signed)
    return Verified(
        keyid=keyid,
        label=label,
        nonce=nonce,
        created=created,
        expires=expires,
        tag=str(tag) if tag is not None else None,
    )


def from_scope(scope: Mapping[str, Any], body: bytes) -> Incoming:
    """An ASGI request. Its path is taken as it was sent: the decoded one isn't what was signed.

    Raises:
        SignatureRefused: it has no Host header, or several.
    """
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    hosts = [value for name, value in headers if name.lower() == "host"]
    if len(hosts) != 1:
        raise SignatureRefused(Reason.MALFORMED)
    raw_path = scope.get("raw_path")
    return Incoming(
        method=scope["method"],
        authority=hosts[0].strip(),
        path=raw_path.partition(b"?")[0].decode("latin-1") if raw_path else quote(scope["path"]),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        scheme=scope.get("scheme", "http"),
    )


def _bound(request: Incoming, policy: Policy) -> None:
    size = sum(len(name) + len(value) for name, value in request.headers)
    if (
        len(request.headers) > MAX_HEADER_LINES
        or size > MAX_HEADER_BYTES
        or len(request.path) + len(request.query) > _MAX_TARGET
        or len(request.body) > policy.max_body_bytes
    ):
        raise SignatureRefused(Reason.TOO_LARGE)
    _field(request, "content-digest", MAX_CONTENT_DIGEST)
    # The library puts the parts together to an address and takes that apart again. With these letters both agree on
    # where a part ends; a host "a/b" would else stand for a path that was signed and isn't the one that is served.
    if not (
        _METHOD.fullmatch(request.method)
        and request.scheme in {"http", "https"}
        and _AUTHORITY.fullmatch(request.authority)
        and _PATH.fullmatch(request.path)
        and _QUERY.fullmatch(request.query)
    ):
        raise SignatureRefused(Reason.MALFORMED)


def _claim(request: Incoming) -> tuple[str, str, str | None]:
    """Label, keyid and algorithm of the one signature; nothing of it is to be trusted yet."""
    text = _field(request, "signature-input", MAX_SIGNATURE_INPUT)
    value = _field(request, "signature", MAX_SIGNATURE)
    if text is None or value is None:
        raise SignatureRefused(Reason.NOT_SIGNED)
    inputs, signatures = _dictionary(text), _dictionary(value)
    if len(inputs) > 1 or len(signatures) > 1:
        raise SignatureRefused(Reason.SEVERAL_SIGNATURES)
    if not inputs or inputs.keys() != signatures.keys():
        raise SignatureRefused(Reason.MALFORMED)
    [(label, (components, parameters))] = inputs.items()
    keyid, algorithm = parameters.get("keyid"), parameters.get("alg")
    if not isinstance(components, list) or not isinstance(keyid, str) or not isinstance(algorithm, str | None):
        raise SignatureRefused(Reason.MALFORMED)
    if len(components) > MAX_COMPONENTS or len(keyid) > MAX_KEYID:
        raise SignatureRefused(Reason.TOO_LARGE)
    if not keyid:
        raise SignatureRefused(Reason.MALFORMED)
    return label, keyid, algorithm


def _field(request: Incoming, name: str, limit: int) -> str | None:
    values = [value.strip(" \t") for key, value in request.headers if key.lower() == name]
    if sum(map(len, values)) > limit:
        raise SignatureRefused(Reason.TOO_LARGE)
    return ", ".join(values) if values else None


def _dictionary(text: str) -> dict[str, Any]:
    def refuse(_key: str, _context: str) -> None:
        raise SignatureRefused(Reason.MALFORMED)

    try:
        parsed: Any = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError:
        raise SignatureRefused(Reason.MALFORMED) from None
    return dict(parsed)


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Left to `_check_times`: this one's clock can't be set, and its tolerance is the same both ways."""


def _check_signature(request: Incoming, keyid: str, key: VerifyingKey) -> VerifyResult:
    material = key.value if isinstance(key, HmacSecret) else key
    resolver = MappingKeyResolver(public_keys={keyid: material}, private_keys={})
    verifier = _Verifier(signature_algorithm=algorithm_of(key), key_resolver=resolver)
    query = f"?{request.query}" if request.query else ""
    url = f"{request.scheme}://{request.authority}{request.path}{query}"
    try:
        [result] = verifier.verify(Message(request.method, url, HeaderLines(request.headers)), max_age=None)
    except (HTTPMessageSignaturesException, ValueError, TypeError):
        raise SignatureRefused(Reason.BAD_SIGNATURE) from None
    return result


def _check_coverage(request: Incoming, signed: VerifyResult, policy: Policy) -> None:
    needed = {"@method", "@authority", "@path", *policy.covered}
    if request.query:
        needed.add("@query")
    if request.body:
        needed.add("content-digest")
    # Quoted and without parameters: the whole of each, not one member or another spelling of it.
    if not {f'"{name}"' for name in needed} <= signed.covered_components.keys():
        raise SignatureRefused(Reason.NOT_COVERED)
    if policy.authorities is not None and signed.covered_components['"@authority"'] not in policy.authorities:
        raise SignatureRefused(Reason.WRONG_AUTHORITY)


def _check_times(parameters: Mapping[str, int | str], policy: Policy, now: float) -> tuple[int, int]:
    created, expires = parameters.get("created"), parameters.get("expires")
    if not isinstance(created, int):
        raise SignatureRefused(Reason.NO_CREATED)
    if created > now + policy.max_ahead_seconds:
        raise SignatureRefused(Reason.IN_THE_FUTURE)
    last = created + policy.max_age_seconds
    if now > last:
        raise SignatureRefused(Reason.TOO_OLD)
    if expires is None:
        return created, last
    if not isinstance(expires, int) or not created <= expires <= last:
        raise SignatureRefused(Reason.LASTS_TOO_LONG)
    if now > expires:
        raise SignatureRefused(Reason.EXPIRED)
    return created, expires


def _check_digest(request: Incoming, signed: VerifyResult) -> None:
    digest = signed.covered_components.get('"content-digest"')
    if digest is None:
        return
    try:
        ContentDigest.verify(digest, request.body)
    except (HTTPMessageSignaturesException, ValueError):
        raise SignatureRefused(Reason.DIGEST_MISMATCH) from None

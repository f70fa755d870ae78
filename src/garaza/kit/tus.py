"""The words of tus 1.0.0, by which an upload goes on where it broke off: https://tus.io/protocols/resumable-upload."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.kit.asgi import HeaderLines, adding_headers

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,termination,checksum"
CHUNK_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
MAX_METADATA_BYTES = 4096
_MAX_PAIRS = 32
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}")
_PLAIN = re.compile(r"[\x20-\x7e]*")


class Hash(Protocol):
    """Of `hashlib`."""

    def update(self, data: bytes | bytearray, /) -> None: ...

    def digest(self) -> bytes: ...


ALGORITHMS: dict[str, Callable[[], Hash]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
"""The first is the one that every server must know."""


class TusError(Exception):
    """A header that isn't as the protocol says; the text is for the client."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a part has to come to."""

    algorithm: str
    digest: bytes

    def begin(self) -> Hash:
        return ALGORITHMS[self.algorithm]()


def parse_number(name: str, text: str | None) -> int:
    """A length or an offset.

    Raises:
        TusError
    """
    if text is None or not _NUMBER.fullmatch(text):
        msg = f"{name} must be a number of bytes."
        raise TusError(msg)
    return int(text)


def parse_metadata(text: str) -> dict[str, str]:
    """Upload-Metadata: pairs of a key and, in base64, its value, which may be missing.

    Raises:
        TusError
    """
    if not text.strip(" "):
        return {}
    pairs = text.split(",")
    if len(text) > MAX_METADATA_BYTES or len(pairs) > _MAX_PAIRS:
        msg = f"Upload-Metadata may have {MAX_METADATA_BYTES} bytes and {_MAX_PAIRS} pairs at most."
        raise TusError(msg)
    found: dict[str, str] = {}
    for pair in pairs:
        key, _, encoded = pair.strip().partition(" ")
        if not _PLAIN.fullmatch(text) or not _KEY.fullmatch(key) or key in found:
            msg = "Upload-Metadata must be keys with values in base64, each key once: filename a2l0Y2hlbi5tcDQ=,process"
            raise TusError(msg)
        found[key] = _decoded("Upload-Metadata", encoded).decode("utf-8", "replace")
    return found


def parse_checksum(text: str) -> Checksum:
    """Upload-Checksum: an algorithm and the digest in base64.

    Raises:
        TusError
    """
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        msg = f"Upload-Checksum must begin with one of {', '.join(ALGORITHMS)}."
        raise TusError(msg)
    digest = _decoded("Upload-Checksum", encoded)
    if len(digest) != len(ALGORITHMS[algorithm]().digest()):
        msg = f"Upload-Checksum has no digest of {algorithm}."
        raise TusError(msg)
    return Checksum(algorithm, digest)


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        msg = f"What {name} has in base64 is none."
        raise TusError(msg) from None


class TusAnswers:
    """ASGI middleware: says the version in every answer below a path, errors of others included."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._below = f"{path}/"

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and (scope["path"] == self._path or scope["path"].startswith(self._below)):
            send = adding_headers(scope, send, _add_version)
        return self._app(scope, receive, send)


def _add_version(_status: int, headers: HeaderLines) -> None:
    headers.append((b"tus-resumable", VERSION.encode()))

"""Which content coding an answer gets (RFC 9110, 12.5.3), and what it does to the answer's ETag.

A strong ETag names bytes, and other codings are other bytes: `"abc"` is `"abc-zstd"` when it is sent with zstd.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import Headers

CODINGS = ("zstd", "br", "gzip")
"""All that are known here, the one that is liked best first: that is the cheapest one."""

_LONGEST = 1024
"""Bytes of Accept-Encoding that are looked at, and remembered; browsers send 30."""
_ITEM = re.compile(r"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")
_TAG = re.compile(rb'(W/)?"([^"]*)"')
_SUFFIX = re.compile(rb"(?<=.)-(?:zstd|br|gzip)\Z", re.DOTALL)


class Choice(NamedTuple):
    """What came out of what the client takes and what there is."""

    coding: str | None
    """None: as it is."""
    identity: bool
    """Whether the client takes an answer as it is. One that takes nothing that there is gets it all the same."""


AS_IT_IS = Choice(None, identity=True)


def choose(accepted: bytes | None, offered: tuple[str, ...] = CODINGS) -> Choice:
    """Which of `offered` it is, the one that is liked best first.

    Args:
        accepted: the value of Accept-Encoding. None: there was none. By the letter the client takes anything then; who
            says nothing in practice is a small program that unpacks nothing.
    """
    if accepted is None or len(accepted) > _LONGEST:
        return AS_IT_IS
    return _choose(accepted, offered)


@lru_cache(maxsize=256)
def _choose(accepted: bytes, offered: tuple[str, ...]) -> Choice:
    qualities = _qualities(accepted.decode("latin-1").lower())
    others = qualities.get("*")
    best, best_quality = None, 0.0
    for coding in offered:
        quality = qualities.get(coding, others or 0.0)
        if quality > best_quality:
            best, best_quality = coding, quality
    identity = qualities.get("identity", others)
    if identity is not None and identity > best_quality:
        best = None
    return Choice(best, identity=identity != 0)


def accept_encoding(headers: Headers) -> bytes | None:
    """For `choose`, of a request whose headers were parsed."""
    lines = headers.getlist("accept-encoding")
    return ", ".join(lines).encode("latin-1") if lines else None


def _qualities(accepted: str) -> dict[str, float]:
    """By coding. What isn't in the form of the standard is left out: who says it may mean anything."""
    found: dict[str, float] = {}
    for item in accepted.split(","):
        if match := _ITEM.fullmatch(item.strip(" \t")):
            name, quality = match.groups()
            name = name.removeprefix("x-") if name == "x-gzip" else name
            found[name] = max(found.get(name, 0.0), 1.0 if quality is None else float(quality))
    return found


def with_suffix(etag: bytes, coding: str) -> bytes:
    """A strong ETag in a coding. A weak one says only that the content is the same, and so stays."""
    if etag.startswith(b"W/") or len(etag) < 2 or etag[-1:] != b'"':
        return etag
    return etag[:-1] + b"-" + coding.encode("ascii") + b'"'


def plain_tags(tags: bytes, coding: str | None, *, weak: bool) -> dict[bytes, bytes]:
    """What the routes know some of the tags in If-None-Match or If-Match as: by that, the tags that were given out.

    Args:
        coding: that alone, as others aren't what the client would be sent. None: all codings.
        weak: whether a tag that a proxy has made weak counts too, as it does in If-None-Match.
    """
    found = {}
    for weakened, tag in _TAG.findall(tags):
        match = _SUFFIX.search(tag)
        if match and (weak or not weakened) and (coding is None or match.group() == b"-" + coding.encode("ascii")):
            found[b'"' + tag[: match.start()] + b'"'] = b'"' + tag + b'"'
    return found

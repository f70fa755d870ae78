"""Parts of a file that a client asks for (RFC 9110, 14): which bytes, and in which form they are sent."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from starlette.exceptions import HTTPException

MAX_ASKED = 100
"""Of parts in one request; who asks for more gets the whole."""
MAX_PARTS = 16
"""Of those that are sent, when what overlaps or nearly touches has been put together; beyond that it is the whole."""
_GAP = 128
"""Bytes between two parts that are sent with them: the lines between parts would be as long."""

_UNIT = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")
_LONGEST = 1 << 12
"""Of the header. Python doesn't read numbers of more than 4300 digits."""

Part = tuple[int, int]
"""The first byte, and the one after the last."""


def wanted_parts(value: str | None, size: int) -> list[Part] | None:
    """What a header Range asks for, in that order, or sorted where parts were put together; None: the whole.

    Raises:
        HTTPException: 416, it is malformed, or none of it is in the file.
    """
    if value is None or (match := _UNIT.fullmatch(value)) is None:
        # Other units are to be ignored.
        return None
    text = match[1]
    if len(text) > _LONGEST or text.count(",") >= MAX_ASKED:
        return None
    parts = []
    for spec in filter(None, (piece.strip(" \t") for piece in text.split(","))):
        found = _SPEC.fullmatch(spec)
        if found is None or (part := _part(found[1], found[2], size)) is None:
            raise _not_there(size)
        parts.append(part)
    there = [(first, end) for first, end in parts if first < end]
    if not there:
        raise _not_there(size)
    together = _together(there)
    return together if len(together) <= MAX_PARTS else None


def _part(first: str, last: str, size: int) -> Part | None:
    """An empty one for what isn't in the file; None for what is nonsense."""
    if first:
        if last and int(last) < int(first):
            return None
        return int(first), min(int(last) + 1, size) if last else size
    return (max(0, size - int(last)), size) if last else None


def _not_there(size: int) -> HTTPException:
    detail = "There is no such range in this file. Fetch it whole, or a range within its length."
    return HTTPException(416, detail, {"Content-Range": f"bytes */{size}"})


def _together(parts: list[Part]) -> list[Part]:
    ordered = sorted(parts)
    merged = [ordered[0]]
    for first, end in ordered[1:]:
        before = merged[-1]
        if first <= before[1] + _GAP:
            merged[-1] = (before[0], max(before[1], end))
        else:
            merged.append((first, end))
    return parts if len(merged) == len(parts) else merged


@dataclass(frozen=True, slots=True)
class Multipart:
    """Several parts in one answer: multipart/byteranges."""

    parts: list[Part]
    heads: list[bytes]
    """What comes before each."""
    end: bytes
    content_type: str

    @property
    def length(self) -> int:
        """Of the whole body."""
        return sum(map(len, self.heads)) + sum(end - first for first, end in self.parts) + len(self.end)


def multipart(parts: list[Part], size: int, media_type: str) -> Multipart:
    """Put together what is around the parts."""
    boundary = secrets.token_hex(12)
    heads = [
        (
            f"{'' if index == 0 else chr(13) + chr(10)}--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: bytes {first}-{end - 1}/{size}\r\n\r\n"
        ).encode("latin-1")
        for index, (first, end) in enumerate(parts)
    ]
    return Multipart(
        parts, heads, f"\r\n--{boundary}--\r\n".encode("ascii"), f"multipart/byteranges; boundary={boundary}"
    )

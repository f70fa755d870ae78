"""Conditional requests (RFC 9110, 13): what a client has, or believes that something is, against what it is.

`Validators` say what something is; `check_read` and `check_write` hold a request against them, in the standard's order.
`EntityTags` is middleware that gives them to every JSON answer by itself.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.kit.asgi import lines_of, nothing

PRIVATE = "private, no-cache"
"""For what one client may keep, and has to ask about each time."""
MAX_HASHED_BYTES = 1 << 20
"""Of an answer: a longer one gets no tag, as hashing it would hold up others."""

_TAG = re.compile(r'(W/)?("[^"\x00-\x20\x7f]*")')
_DIGEST_LETTERS = 32
_FAILED = "It isn't as you think it is: If-Match or If-Unmodified-Since doesn't fit. Fetch it again, then decide."
_THERE = "It is there already, or unchanged: If-None-Match says that it must not be."


_Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Validators:
    """What is known of a thing as it is now."""

    tags: Sequence[str]
    """Strong ETags, with their quotes: that of what would be sent, and others that are as good."""
    modified: float | None = None
    """Unix seconds."""


def tag_of(*parts: object) -> str:
    """A strong ETag of something that these parts say everything about."""
    return f'"{sha256(repr(parts).encode()).hexdigest()[:_DIGEST_LETTERS]}"'


def listed(value: str) -> list[tuple[bool, str]]:
    """The tags of If-Match or If-None-Match: whether it is a weak one, and the tag without that."""
    return [(bool(weak), tag) for weak, tag in _TAG.findall(value)]


def named(value: str, tags: Sequence[str]) -> str | None:
    """The first of `tags` that If-None-Match names, be it as a weak one; of `*` the first of all."""
    if value.strip() == "*":
        return tags[0]
    there = {tag for _, tag in listed(value)}
    return next((tag for tag in tags if tag in there), None)


def check_read(headers: Headers, thing: Validators) -> str | None:
    """The tag of what the client has, where it is good (304); None: it is to be sent.

    Raises:
        HTTPException: 412, the client wants it only as it was.
    """
    _check_match(headers, thing)
    if (value := _joined(headers, "if-none-match")) is not None:
        return named(value, thing.tags)
    since = _seconds(headers.get("if-modified-since"))
    if since is not None and thing.modified is not None and int(thing.modified) <= since:
        return thing.tags[0]
    return None


def check_write(headers: Headers, thing: Validators) -> None:
    """Whether something may be changed. Ask within the transaction that changes it.

    Raises:
        HTTPException: 412.
    """
    _check_match(headers, thing)
    if (value := _joined(headers, "if-none-match")) is not None and named(value, thing.tags) is not None:
        raise HTTPException(412, _THERE)


def must_match(headers: Headers) -> bool:
    """Whether a client wants something only as it was."""
    return "if-match" in headers or "if-unmodified-since" in headers


def is_conditional(headers: Headers) -> bool:
    """Whether a change hangs on what is there."""
    return must_match(headers) or "if-none-match" in headers


def may_go_on(if_range: str | None, tag: str, modified: float) -> bool:
    """Whether a part fits to what the client has of the file (13.1.5): by the strong tag, or the very time."""
    if if_range is None:
        return True
    value = if_range.strip()
    return value == tag or _seconds(value) == int(modified)


def _check_match(headers: Headers, thing: Validators) -> None:
    if (value := _joined(headers, "if-match")) is not None:
        # What was sent as a weak one doesn't say that it is the same to the byte.
        strong = {tag for weak, tag in listed(value) if not weak}
        if value.strip() != "*" and not strong.intersection(thing.tags):
            raise HTTPException(412, _FAILED)
        return
    before = _seconds(headers.get("if-unmodified-since"))
    if before is not None and thing.modified is not None and int(thing.modified) > before:
        raise HTTPException(412, _FAILED)


def _joined(headers: Headers, name: str) -> str | None:
    lines = headers.getlist(name)
    return ", ".join(lines) if lines else None


def _seconds(date: str | None) -> float | None:
    """Unix seconds; None for what is no date, which counts as if it weren't there."""
    if date is None or len(date) > 64:
        return None
    try:
        found = email.utils.parsedate_to_datetime(date)
        # Two of the three forms name no zone: it is always GMT.
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


# Without a word in the routes ----------------------------------------------------------------------------------------


class EntityTags:
    """Plain ASGI middleware: JSON answers to GET have a strong ETag, and a client that has one gets 304.

    It is made of the bytes that the route wrote, unless the route has given one. So it spares the sending and not the
    work. Inside `Compression`, which makes tags of its own for what it compresses. An answer that says nothing of
    caching may be kept by the one who asked, and has to be asked about each time.
    """

    def __init__(self, app: ASGIApp, *, cache_control: str = PRIVATE) -> None:
        self._app = app
        self._default = (b"cache-control", cache_control.encode("ascii"))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return self._app(scope, receive, send)
        start: Message | None = None

        def tagging_send(message: Message) -> Awaitable[None]:
            nonlocal start
            if message["type"] == "http.response.start":
                if message["status"] == 200 and self._prepare(message):
                    start = message
                    return nothing()
            elif start is not None:
                begun, start = start, None
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    return _send_whole(scope, begun, message, send)
                # A stream: whoever began it doesn't know yet what it will be.
                return _send_both(begun, message, send)
            return send(message)

        return self._app(scope, receive, tagging_send)

    def _prepare(self, message: Message) -> bool:
        """Whether an answer gets a tag; one that may gets the default of caching, too."""
        found = {name: value for name, value in message["headers"] if name in _LOOKED_AT}
        if not found.get(b"content-type", b"").startswith(b"application/json"):
            return False
        if b"cache-control" not in found:
            message["headers"] = [*message["headers"], self._default]
        length = found.get(b"content-length", b"")
        return length.isdigit() and len(length) <= len(str(MAX_HASHED_BYTES)) and int(length) <= MAX_HASHED_BYTES


_LOOKED_AT = frozenset({b"content-type", b"content-length", b"cache-control"})
_OF_304 = frozenset({b"cache-control", b"content-location", b"date", b"etag", b"expires", b"link", b"vary"})
"""What a 304 says (15.4.5), and Link, as a list that hasn't changed goes on where it did."""


async def _send_both(start: Message, body: Message, send: Send) -> None:
    await send(start)
    await send(body)


async def _send_whole(scope: Scope, start: Message, body: Message, send: Send) -> None:
    headers = start["headers"]
    tag = next((value for name, value in headers if name == b"etag"), None)
    if tag is None:
        # Of what a GET would send.
        if scope["method"] == "HEAD":
            await send(start)
            await send(body)
            return
        tag = _tag_of_body(body.get("body", b""))
        headers = [*headers, (b"etag", tag)]
    if _has(scope, tag):
        await send({"type": "http.response.start", "status": 304, "headers": _kept(headers)})
        await send({"type": "http.response.body", "body": b""})
        return
    start["headers"] = headers
    await send(start)
    await send(body)


def _tag_of_body(body: bytes) -> bytes:
    return b'"' + sha256(body).hexdigest()[:_DIGEST_LETTERS].encode("ascii") + b'"'


def _has(scope: Scope, tag: bytes) -> bool:
    """Whether the client has what goes by this tag."""
    asked = lines_of(scope, b"if-none-match")
    return bool(asked) and named(b", ".join(asked).decode("latin-1"), [tag.decode("latin-1")]) is not None


def _kept(headers: _Headers) -> _Headers:
    return [line for line in headers if line[0] in _OF_304]


class TaggedJson:
    """The same answer to each GET, made once: what a route would answer with this body through `EntityTags`."""

    __slots__ = ("_body", "_headers", "_kept", "_tag")

    def __init__(
        self, body: bytes, *, cache_control: str | None = PRIVATE, others: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """
        Args:
            cache_control: that of the `EntityTags`; None: there are none around the route.
            others: more headers.
        """
        self._body = body
        self._headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        self._tag: bytes | None = None
        if cache_control is not None and len(body) <= MAX_HASHED_BYTES:
            self._tag = _tag_of_body(body)
            self._headers += [(b"cache-control", cache_control.encode("ascii")), (b"etag", self._tag)]
        self._headers += others
        self._kept = _kept(self._headers)

    def __len__(self) -> int:
        return len(self._body)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it, or 304."""
        status, headers, body = 200, self._headers, self._body
        if self._tag is not None and _has(scope, self._tag):
            status, headers, body = 304, self._kept, b""
        await send({"type": "http.response.start", "status": status, "headers": [*headers]})
        await send({"type": "http.response.body", "body": body})

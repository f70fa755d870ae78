"""Plain ASGI middleware: answers are compressed while they are sent, in the way that the client likes best.

What an answer must be like for that is in `_begin`. What it changes beside the body: an answer that may be compressed
says `Vary: Accept-Encoding`, whether this one was or not; a compressed one has an ETag of its own, which is taken back
to the route's when a client sends it; and it isn't offered in ranges, as nobody could continue one: what is sent on a
request with Range are bytes of the answer as it is.

A route that must not be compressed says `Cache-Control: no-transform`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from garaza.kit.asgi import headers_of, lines_of, nothing
from garaza.kit.content_codings import CODINGS, choose, plain_tags, with_suffix
from garaza.kit.encoders import Encoder, Levels, Packer, compress, make_encoder

MINIMUM_BYTES = 1024
"""What is shorter fits into the same packets either way."""
_INLINE_BYTES = 1 << 16
"""zstd takes 0.1 ms for as much, Brotli half a millisecond; going to a thread and back costs about as much as zstd."""
_LIVE_CODINGS = ("gzip", "zstd", "br")
"""Of streams that many listen to for hours: gzip takes 32 KiB for each, zstd 180, Brotli 540, for the same bytes."""

_TYPES = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/json-seq",
        "application/jsonl",
        "application/openmetrics-text",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
    }
)
"""What becomes smaller. Everything that isn't text or here is taken to be compressed already."""
_TYPE_ENDINGS = ("+json", "+xml", "+yaml")
_LIVE_TYPES = frozenset({"text/event-stream", "application/x-ndjson", "application/jsonl", "application/json-seq"})
"""Each part is a message that somebody waits for, and so is the answer's head."""
_CONDITIONS = frozenset({b"if-match", b"if-none-match"})
_NEVER_STATUS = frozenset({204, 205, 206})

_LOOKED_AT = frozenset(
    {
        b"cache-control",
        b"content-digest",
        b"content-encoding",
        b"content-length",
        b"content-md5",
        b"content-range",
        b"content-type",
        b"digest",
        b"repr-digest",
    }
)
# What says something of the very bytes that the route sends, or that they are encoded already.
_LEFT_ALONE = _LOOKED_AT - {b"cache-control", b"content-length", b"content-type"}
_Headers = list[tuple[bytes, bytes]]


class Compression:
    """See the module.

    Args:
        minimum_bytes: shorter answers are left as they are, unless the client takes only compressed ones.
        levels: how hard each coding tries.
        never: matches, anywhere in them, paths of answers that carry secrets: from the length of a compressed answer
            one who can add to it may guess what else is in it (BREACH). They are left alone altogether.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        minimum_bytes: int = MINIMUM_BYTES,
        levels: Levels | None = None,
        never: str | None = None,
    ) -> None:
        self._app = app
        self.minimum_bytes = minimum_bytes
        self.levels = levels or Levels()
        self.packer = Packer(self.levels)
        """For the thread of the event loop."""
        # Of its own: the loop's threads are those that files are read in. They are started when they are needed.
        self.threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="compression")
        self._never = None if never is None else re.compile(never).search

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the module."""
        if scope["type"] != "http" or (self._never is not None and self._never(scope["path"])):
            return self._app(scope, receive, send)
        lines = lines_of(scope, b"accept-encoding")
        accepted = b", ".join(lines) if lines else None
        answer = _Answer(self, send, accepted, head=scope["method"] == "HEAD")
        # A signature holds for the condition as it was sent. The client is sent the answer anew, which is right too.
        if not _CONDITIONS.isdisjoint(headers_of(scope)) and not any(
            b'"if-' in value for value in lines_of(scope, b"signature-input")
        ):
            scope["headers"], answer.tags = _plain_conditions(scope, choose(accepted).coding)
        return self._app(scope, receive, answer.send)


class _Answer:
    """One answer on its way."""

    __slots__ = (
        "_accepted",
        "_blank",
        "_coding",
        "_encoder",
        "_flush",
        "_head",
        "_kit",
        "_known_bytes",
        "_passing",
        "_send",
        "_smallest",
        "_start",
        "tags",
    )

    def __init__(self, kit: Compression, send: Send, accepted: bytes | None, *, head: bool) -> None:
        self._kit = kit
        self._send = send
        self._accepted = accepted
        self._head = head
        self.tags: dict[bytes, bytes] | None = None
        """Tags that the client sent, by what the route knows them as."""
        self._passing = False
        """Whether what comes is nothing to us."""
        self._blank = False
        """Whether what comes is the body of an answer that has none."""
        self._start: Message | None = None
        """What isn't sent yet, as the first part of the body has to show whether it is worth while."""
        self._coding = ""
        self._encoder: Encoder | None = None
        self._flush = False
        self._known_bytes: int | None = None
        self._smallest = 0

    def send(self, message: Message) -> Awaitable[None]:
        """Instead of the server's."""
        if self._passing:
            return self._send(message)
        if message["type"] == "http.response.start":
            return self._begin(message)
        if message["type"] == "http.response.body":
            return self._body(message)
        return self._extend(message)

    async def _extend(self, message: Message) -> None:
        # An extension: hints that come before the answer, or a file that the server itself is to send.
        await self._pass()
        await self._send(message)

    async def _pass(self) -> None:
        """Leave the answer as it is, if it has begun."""
        if self._start is not None:
            self._passing = True
            await self._send(self._start)

    def _begin(self, message: Message) -> Awaitable[None]:
        status = message["status"]
        if status == 304:
            self._passing = True
            _name_kept(message, self.tags)
            return self._send(message)
        found = {name: value for name, value in message["headers"] if name in _LOOKED_AT}
        kind = _kind(found.get(b"content-type", b""))
        if (
            kind is None
            or status in _NEVER_STATUS
            or b"no-transform" in found.get(b"cache-control", b"").lower()
            or not _LEFT_ALONE.isdisjoint(found)
        ):
            self._passing = True
            return self._send(message)
        message["headers"] = _with_vary(message["headers"])
        length = found.get(b"content-length", b"")
        self._known_bytes = int(length) if length.isdigit() else None
        live = kind == "live" and self._known_bytes is None
        coding, identity = choose(self._accepted, _LIVE_CODINGS if live else CODINGS)
        self._smallest = self._kit.minimum_bytes if identity else 1
        if coding is None or (self._known_bytes is not None and self._known_bytes < self._smallest):
            self._passing = True
            return self._send(message)
        self._start, self._coding = message, coding
        self._flush = self._known_bytes is None
        if self._head:
            return self._begin_head()
        if live:
            return self._begin_live(message, coding)
        return nothing()

    async def _begin_live(self, start: Message, coding: str) -> None:
        # It may be long until the first message, and the client wants to know that it is connected.
        await self._send_start(start)
        self._encoder = make_encoder(coding, self._kit.levels, live=True)

    async def _begin_head(self) -> None:
        """Say what a GET would, as far as that can be known without a body."""
        assert self._start is not None
        if self._known_bytes is None:
            await self._pass()
            return
        await self._send_start(self._start)
        self._blank = True

    async def _send_start(self, start: Message, length: int | None = None) -> None:
        self._start = None
        start["headers"] = _encoded(start["headers"], self._coding, length)
        await self._send(start)

    async def _body(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._blank:
            await self._send({"type": "http.response.body", "body": b"", "more_body": more})
            return
        if self._encoder is None:
            assert self._start is not None, "a body comes after its head"
            if not more:
                await self._send_whole(body)
                return
            await self._send_start(self._start)
            self._encoder = make_encoder(self._coding, self._kit.levels)
        packed = await self._encode(self._encoder, body, more=more)
        # Of an answer whose length was said, encoders keep the next part back until it is worth a block.
        if packed or not more:
            await self._send({"type": "http.response.body", "body": packed, "more_body": more})

    async def _send_whole(self, body: bytes) -> None:
        assert self._start is not None
        if len(body) < self._smallest:
            await self._pass()
            await self._send({"type": "http.response.body", "body": body})
            return
        kit = self._kit
        if len(body) <= _INLINE_BYTES:
            packed = kit.packer.pack(body, self._coding)
        else:
            loop = asyncio.get_running_loop()
            packed = await loop.run_in_executor(kit.threads, compress, body, self._coding, kit.levels)
        await self._send_start(self._start, len(packed))
        await self._send({"type": "http.response.body", "body": packed})

    async def _encode(self, encoder: Encoder, body: bytes, *, more: bool) -> bytes:
        def encode() -> bytes:
            return encoder.add(body, flush=self._flush) if more else encoder.end(body)

        if len(body) <= _INLINE_BYTES:
            return encode()
        return await asyncio.get_running_loop().run_in_executor(self._kit.threads, encode)


@lru_cache(maxsize=256)
def _kind(content_type: bytes) -> str | None:
    """Whether such an answer becomes smaller: "whole" or "live"; None: it doesn't."""
    name = content_type.decode("latin-1").partition(";")[0].strip().lower()
    if name in _LIVE_TYPES:
        return "live"
    return "whole" if name.startswith("text/") or name in _TYPES or name.endswith(_TYPE_ENDINGS) else None


def _with_vary(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    """`headers` with `Vary: Accept-Encoding`, in one line with what is in the first one there is."""
    changed = list(headers)
    first = None
    for index, (name, value) in enumerate(changed):
        if name == b"vary":
            if any(field.strip() in {b"*", b"accept-encoding"} for field in value.lower().split(b",")):
                return changed
            first = index if first is None else first
    if first is None:
        changed.append((b"vary", b"Accept-Encoding"))
    else:
        changed[first] = (b"vary", changed[first][1] + b", Accept-Encoding")
    return changed


def _encoded(headers: Iterable[tuple[bytes, bytes]], coding: str, length: int | None) -> _Headers:
    """The headers of an answer when its body is encoded. Whatever isn't known any more is left out."""
    changed = [(b"content-encoding", coding.encode("ascii"))]
    for name, value in headers:
        if name == b"etag":
            changed.append((name, with_suffix(value, coding)))
        elif name not in {b"content-length", b"accept-ranges"}:
            changed.append((name, value))
    if length is not None:
        changed.append((b"content-length", b"%d" % length))
    return changed


def _plain_conditions(scope: Scope, coding: str | None) -> tuple[_Headers, dict[bytes, bytes]]:
    """The request's headers with the routes' own tags beside those that were made of them; and which are which.

    Those that were sent stay: a route may have made its own for each coding.
    """
    reads = scope["method"] in {"GET", "HEAD"}
    changed, tags = [], {}
    for name, value in scope["headers"]:
        plain: dict[bytes, bytes] = {}
        if name == b"if-match":
            # What is changed is one thing in all codings.
            plain = plain_tags(value, None, weak=False)
        elif name == b"if-none-match" and not (reads and coding is None):
            # What is read would be sent in one of them.
            plain = plain_tags(value, coding if reads else None, weak=True)
        tags.update(plain)
        changed.append((name, b", ".join([value, *plain])))
    return changed, tags


def _name_kept(message: Message, tags: dict[bytes, bytes] | None) -> None:
    """In a 304, name the copy that the client has."""
    kind = next((value for name, value in message["headers"] if name == b"content-type"), None)
    if kind is not None and _kind(kind) is None:
        return
    # Most of them don't say what they would be, and those of the rest are asked for no more often by one header more.
    headers = _with_vary(message["headers"])
    if tags:
        headers = [(name, tags.get(value, value) if name == b"etag" else value) for name, value in headers]
    message["headers"] = headers

"""Compression of answers, around applications of a few lines. There is no server: messages are looked at themselves."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from garaza.kit import compression, content_codings
from garaza.kit.compression import Compression
from garaza.kit.content_codings import choose, plain_tags
from garaza.kit.encoders import Levels, ZstdCompressor, compress, make_encoder

if ZstdCompressor.__module__.startswith("compression"):
    from compression import zstd
else:
    from backports import zstd

BROWSER = "gzip, deflate, br, zstd"
TEXT = json.dumps([{"number": n, "what": "a row of a table"} for n in range(300)]).encode()
JSON = {"content-type": "application/json"}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd.decompress,
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Got:
    """What a client sees."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    parts: list[bytes] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def coding(self) -> str | None:
        return self.headers.get("content-encoding")

    @property
    def unpacked(self) -> bytes:
        return self.body if self.coding is None else UNPACK[self.coding](self.body)


def answering(*parts: bytes, status: int = 200, headers: dict[str, str] | None = None, length: bool = True) -> App:
    """Sends one part after the other; the length is said if there is one part, and it isn't unwanted."""
    raw = [(name.encode(), value.encode()) for name, value in (JSON if headers is None else headers).items()]
    if length and len(parts) == 1:
        raw.append((b"content-length", str(len(parts[0])).encode()))

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1] if parts else b""})

    return app


def ask(
    app: App,
    accept: str | None = BROWSER,
    *,
    method: str = "GET",
    path: str = "/",
    headers: Iterable[tuple[str, str]] = (),
    **options: Any,
) -> Got:
    """Ask an application that is compressed with `options`."""
    got = Got()
    sent = [(name.encode(), value.encode()) for name, value in headers]
    if accept is not None:
        sent.append((b"accept-encoding", accept.encode()))
    scope = {"type": "http", "method": method, "path": path, "headers": sent}

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    async def send(message: Message) -> None:
        match message["type"]:
            case "http.response.start":
                got.status, got.headers = message["status"], Headers(raw=message["headers"])
            case "http.response.body":
                got.parts.append(message.get("body", b""))
            case other:
                got.others.append(other)

    asyncio.run(Compression(app, **options)(scope, receive, send))
    return got


# Which coding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "coding", "identity"),
    [
        (None, None, True),
        ("", None, True),
        (BROWSER, "zstd", True),
        ("gzip, deflate, br", "br", True),
        ("gzip", "gzip", True),
        ("x-gzip", "gzip", True),
        ("GZIP", "gzip", True),
        ("deflate, compress, dcb, snappy", None, True),
        ("br;q=0.5, gzip;q=0.6", "gzip", True),
        ("zstd;q=0.1, br;q=0.2, gzip;q=0.3", "gzip", True),
        ("zstd; q=0.5 , br ; q=0.5", "zstd", True),
        ("zstd\t;\tq=0.5", "zstd", True),
        ("br;q=1.000, zstd;q=0.999", "br", True),
        ("zstd;q=0, br;q=0, gzip", "gzip", True),
        ("zstd;q=0.000", None, True),
        ("*", "zstd", True),
        ("*;q=0", None, False),
        ("zstd;q=0, *", "br", True),
        ("gzip;q=0.5, *;q=0.1", "gzip", True),
        ("*;q=0.5, gzip;q=0.4", "zstd", True),
        ("*;q=0, gzip", "gzip", False),
        ("*;q=0, identity", None, True),
        ("identity", None, True),
        ("identity, gzip", "gzip", True),
        ("identity, gzip;q=0.5", None, True),
        ("identity;q=0.5, gzip", "gzip", True),
        ("identity;q=0", None, False),
        ("identity;q=0, gzip", "gzip", False),
        ("gzip;q=0.5, *;q=1", "zstd", True),
        ("gzip;q=1.1", None, True),
        ("gzip;q=0.1234", None, True),
        ("gzip;q=-1", None, True),
        ("gzip;q=", None, True),
        ("gzip;q=a", None, True),
        ("gzip;level=9", None, True),
        ("gzip br", None, True),
        (",,gzip,,", "gzip", True),
        ("gzip;q=0, gzip", "gzip", True),
        ("é, gzip", "gzip", True),
        ("gzip," * 300, None, True),
    ],
)
def test_the_coding_that_the_client_likes_best(accepted: str | None, coding: str | None, identity: bool) -> None:
    assert choose(None if accepted is None else accepted.encode("latin-1")) == (coding, identity)


@given(st.binary(max_size=60) | st.text("gzipbrstd*;q=01., \t-", max_size=40).map(str.encode))
def test_any_header_can_be_read(accepted: bytes) -> None:
    assert choose(accepted).coding in {None, "zstd", "br", "gzip"}


def test_what_is_too_long_is_not_remembered() -> None:
    before = content_codings._choose.cache_info()
    assert choose(b"gzip, " + b"x" * 100_000).coding is None
    assert content_codings._choose.cache_info() == before


def test_what_there_is_decides_too() -> None:
    assert choose(BROWSER.encode(), ("br", "gzip")).coding == "br"
    assert choose(b"zstd", ("br", "gzip")) == (None, True)


def test_several_lines_are_one_list() -> None:
    got = ask(answering(TEXT), "gzip;q=0.1", headers=[("accept-encoding", "zstd;q=0, br;q=0.5")])
    assert got.coding == "br"


# What is sent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", UNPACK)
def test_an_answer_becomes_smaller(coding: str) -> None:
    got = ask(answering(TEXT), coding)
    assert (got.coding, got.unpacked, got.headers["vary"]) == (coding, TEXT, "Accept-Encoding")
    assert got.headers.getlist("content-length") == [str(len(got.body))]
    assert len(got.body) < len(TEXT) / 5


@pytest.mark.parametrize("coding", UNPACK)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=300) | st.integers(0, 90_000).map(lambda n: b"abcd" * (n // 4)), max_size=8), st.data()
)
def test_any_parts_come_out_as_they_were(coding: str, parts: list[bytes], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["application/json", "text/event-stream"]))
    headers = {"content-type": kind}
    if data.draw(st.booleans()):
        headers["content-length"] = str(sum(map(len, parts)))
    got = ask(
        answering(*parts, headers=headers, length=False), f"{coding}, identity;q={data.draw(st.sampled_from('01'))}"
    )
    assert got.unpacked == b"".join(parts)
    if "content-length" in got.headers:
        assert got.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize("coding", UNPACK)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=2000), st.booleans()), max_size=20), st.booleans())
def test_encoders_alone(coding: str, parts: list[tuple[bytes, bool]], live: bool) -> None:
    encoder = make_encoder(coding, Levels(), live=live)
    packed = b"".join(encoder.add(part, flush=flush) for part, flush in parts) + encoder.end(b"the end")
    assert UNPACK[coding](packed) == b"".join(part for part, _ in parts) + b"the end"


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, 3_000_000])
@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_large_is_compressed_in_other_threads(size: int, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    here, seen = threading.get_ident(), set()

    class Noting:
        def __init__(self, encoder: Any) -> None:
            self._encoder = encoder

        def add(self, data: bytes, *, flush: bool) -> bytes:
            seen.add((len(data), threading.get_ident() == here))
            return self._encoder.add(data, flush=flush)

        def end(self, data: bytes) -> bytes:
            return self._encoder.end(data)

    def noting_compress(data: bytes, coding: str, levels: Levels) -> bytes:
        seen.add((len(data), threading.get_ident() == here))
        return compress(data, coding, levels)

    monkeypatch.setattr(compression, "make_encoder", lambda *a, **more: Noting(make_encoder(*a, **more)))
    monkeypatch.setattr(compression, "compress", noting_compress)
    got = ask(answering(*[content] * parts))
    assert got.unpacked == content * parts
    if size > 1 << 16:
        assert seen == {(size, False)}
    else:
        assert seen <= {(size, True)}


def test_from_a_size_on() -> None:
    assert ask(answering(b"x" * 1024)).coding == "zstd"
    short = ask(answering(b"x" * 1023))
    assert (short.coding, short.body, short.headers["vary"]) == (None, b"x" * 1023, "Accept-Encoding")
    assert short.headers["content-length"] == "1023"
    assert ask(answering(b"x" * 1023, length=False)).coding is None, "the first part shows it"
    assert ask(answering(b"x" * 1024, length=False)).coding == "zstd"
    assert ask(answering(b"x" * 40), minimum_bytes=40).coding == "zstd"
    in_parts = answering(b"x" * 10, b"x" * 10, headers={**JSON, "content-length": "20"})
    assert (ask(in_parts).coding, ask(in_parts).parts) == (None, [b"x" * 10, b"x" * 10])


def test_nothing_comes_out_of_nothing() -> None:
    got = ask(answering(b""), minimum_bytes=0, accept="gzip;q=0, identity")
    assert (got.coding, got.body) == (None, b"")
    assert ask(answering(b""), "identity;q=0, gzip").coding is None


def test_a_short_answer_for_who_takes_only_compressed_ones() -> None:
    got = ask(answering(b"short"), "gzip, identity;q=0")
    assert (got.coding, got.unpacked) == ("gzip", b"short")


def test_who_takes_nothing_that_there_is_gets_it_as_it_is() -> None:
    got = ask(answering(TEXT), "compress, identity;q=0")
    assert (got.status, got.coding, got.body) == (200, None, TEXT)


@pytest.mark.parametrize("accept", [None, "", "identity", "deflate"])
def test_an_answer_that_was_not_compressed_says_that_it_could_have_been(accept: str | None) -> None:
    got = ask(answering(TEXT, headers={**JSON, "etag": '"abc"'}), accept)
    assert (got.coding, got.body, got.headers["vary"], got.headers["etag"]) == (None, TEXT, "Accept-Encoding", '"abc"')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["Origin"], ["Origin, Accept-Encoding"]),
        (["accept-encoding"], ["accept-encoding"]),
        (["Origin, Accept-Encoding"], ["Origin, Accept-Encoding"]),
        (["Origin", "Accept-Encoding"], ["Origin", "Accept-Encoding"]),
        (["Origin", "Cookie"], ["Origin, Accept-Encoding", "Cookie"]),
        (["*"], ["*"]),
        (["X-Accept-Encoding"], ["X-Accept-Encoding, Accept-Encoding"]),
    ],
)
def test_vary_is_one_list_with_what_is_there(before: list[str], after: list[str]) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/plain"), *((b"vary", value.encode()) for value in before)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TEXT})

    for accept in (BROWSER, "identity"):
        assert ask(app, accept).headers.getlist("vary") == after


def test_an_answer_that_is_sent_twice_is_not_changed() -> None:
    headers = [(b"content-type", b"application/json"), (b"etag", b'"abc"')]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TEXT})

    for accept in (BROWSER, "identity", None):
        assert ask(app, accept).headers["vary"] == "Accept-Encoding"
        assert headers == [(b"content-type", b"application/json"), (b"etag", b'"abc"')]


# What is left alone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        *("image/webp", "image/png", "image/jpeg", "video/mp4", "application/zip", "application/octet-stream"),
        *("model/gltf-binary", "font/woff2", "audio/ogg", "multipart/byteranges; boundary=x", ""),
    ],
)
def test_what_is_compressed_already_is_left_alone(kind: str) -> None:
    app = answering(TEXT, headers={"content-type": kind, "etag": '"abc"'})
    got = ask(app)
    assert (got.coding, got.body, got.headers["etag"], "vary" in got.headers) == (None, TEXT, '"abc"', False)
    assert got.headers["content-length"] == str(len(TEXT))


@pytest.mark.parametrize(
    "kind",
    [
        *("text/html; charset=utf-8", "Application/JSON ;charset=utf-8", "application/problem+json", "image/svg+xml"),
        *("application/wasm", "model/gltf+json", "text/css"),
    ],
)
def test_what_is_text_at_heart_is_compressed(kind: str) -> None:
    assert ask(answering(TEXT, headers={"content-type": kind})).coding == "zstd"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-encoding": "br"},
        {"content-encoding": "identity"},
        {"cache-control": "private, No-Transform"},
        {"content-range": "bytes 0-9/100"},
        {"content-digest": "sha-256=:abc=:"},
    ],
)
def test_what_says_so_is_left_alone(headers: dict[str, str]) -> None:
    got = ask(answering(TEXT, headers={**JSON, "etag": '"abc"', **headers}))
    assert (got.body, got.headers["etag"], got.headers["content-length"]) == (TEXT, '"abc"', str(len(TEXT)))
    assert (got.coding, "vary" in got.headers) == (headers.get("content-encoding"), False)


@pytest.mark.parametrize("status", [204, 205, 206])
def test_answers_without_a_whole_body_are_left_alone(status: int) -> None:
    got = ask(answering(TEXT, status=status))
    assert (got.status, got.coding, got.body) == (status, None, TEXT)


@pytest.mark.parametrize("status", [201, 404, 500])
def test_errors_are_answers_too(status: int) -> None:
    assert ask(answering(TEXT, status=status)).coding == "zstd"


def test_answers_with_secrets_are_left_alone() -> None:
    app = answering(TEXT, headers={**JSON, "etag": '"abc"'})
    never = r"/api/(?:auth/|shared/)"
    for path in ("/api/auth/login", "/below/api/shared/token"):
        got = ask(app, path=path, never=never)
        assert (got.coding, got.body, got.headers["etag"]) == (None, TEXT, '"abc"')
    assert ask(app, path="/api/author", never=never).coding == "zstd"


def test_sockets_and_life_are_nothing_to_it() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    scope, receive, send = {"type": "websocket"}, object(), object()
    asyncio.run(Compression(app)(scope, receive, send))  # type: ignore[arg-type]
    assert seen == [(scope, receive, send)]


def test_extensions_pass_through() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"5000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": "/tmp/file"})

    got = ask(app)
    assert got.others == ["http.response.early_hint", "http.response.pathsend"]
    assert (got.coding, got.headers["content-length"]) == (None, "5000")


# HEAD ------------------------------------------------------------------------------------------------------------


def test_head_says_what_get_would() -> None:
    app = answering(TEXT, headers={**JSON, "etag": '"abc"', "accept-ranges": "bytes"})
    got, head = ask(app), ask(app, method="HEAD")
    assert head.body == b""
    without_length = [(name, value) for name, value in got.headers.raw if name != b"content-length"]
    assert head.headers.raw == without_length
    assert "content-length" not in head.headers, "it would have to be compressed to know it"


@pytest.mark.parametrize("accept", ["identity", None])
def test_head_of_what_is_not_compressed(accept: str | None) -> None:
    app = answering(TEXT, headers={**JSON, "etag": '"abc"'})
    assert ask(app, accept, method="HEAD").headers.raw == ask(app, accept).headers.raw


def test_head_of_what_is_short_or_of_unknown_length() -> None:
    assert ask(answering(b"short"), method="HEAD").coding is None
    streamed = ask(answering(b"", length=False), method="HEAD")
    assert (streamed.coding, streamed.headers["vary"]) == (None, "Accept-Encoding")


# Streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", UNPACK)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
def test_a_stream_holds_nothing_back(coding: str, kind: str) -> None:
    messages = [b"data: %d\n\n" % n for n in range(20)]
    headers = {"content-type": kind}
    got = ask(answering(*messages, b"", headers=headers), coding)
    assert got.coding == coding
    assert "content-length" not in got.headers
    decoder = {
        "zstd": zstd.ZstdDecompressor().decompress,
        "br": brotli.Decompressor().process,
        "gzip": zlib.decompressobj(31).decompress,
    }[coding]
    assert [decoder(part) for part in got.parts] == [*messages, b""]


def test_a_listener_is_told_at_once_that_it_is_connected() -> None:
    happened: list[str] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        happened.append("no message yet")
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Message) -> None:
        happened.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
    asyncio.run(Compression(app)(scope, lambda: asyncio.sleep(0), send))  # type: ignore[arg-type, return-value]
    assert happened == ["http.response.start", "no message yet", *["http.response.body"] * 2]


def test_what_many_listen_to_takes_the_coding_with_the_least_memory() -> None:
    stream = answering(b"data: 1\n\n", b"", headers={"content-type": "text/event-stream"})
    assert ask(stream).coding == "gzip"
    assert ask(stream, "zstd, gzip;q=0.9").coding == "zstd", "the client's word goes first"


def test_an_error_in_the_middle_comes_through() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(app)


def test_nothing_is_sent_before_an_answer_is_sure() -> None:
    """So that whoever stands outside can still answer that something went wrong."""
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        raise ZeroDivisionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Compression(app)(scope, lambda: asyncio.sleep(0), send))  # type: ignore[arg-type, return-value]
    assert sent == []


# ETags -----------------------------------------------------------------------------------------------------------


def conditional(etag: str = '"abc"', seen: list[Headers] | None = None) -> App:
    """A route that answers 304, and 412, as routes do: by its own tag."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(raw=scope["headers"])
        if seen is not None:
            seen.append(headers)
        wanted = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
        if etag.removeprefix("W/") in wanted or "*" in wanted:
            await answering(b"", status=304, headers={"etag": etag}, length=False)(scope, receive, send)
        elif "if-match" in headers and etag not in [tag.strip() for tag in headers["if-match"].split(",")]:
            await answering(b"", status=412)(scope, receive, send)
        else:
            await answering(TEXT, headers={**JSON, "etag": etag, "accept-ranges": "bytes"})(scope, receive, send)

    return app


@pytest.mark.parametrize("coding", UNPACK)
def test_a_copy_is_good_in_the_coding_that_it_came_in(coding: str) -> None:
    got = ask(conditional(), coding)
    assert got.headers["etag"] == f'"abc-{coding}"'
    assert "accept-ranges" not in got.headers, "nobody could go on with a part of it"
    again = ask(conditional(), coding, headers=[("if-none-match", got.headers["etag"])])
    assert (again.status, again.headers["etag"], again.body) == (304, f'"abc-{coding}"', b"")
    assert again.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accept", "tags", "status", "named"),
    [
        ("zstd", '"abc-zstd"', 304, '"abc-zstd"'),
        ("zstd", 'W/"abc-zstd"', 304, '"abc-zstd"'),
        ("zstd", '"old-zstd", "abc-zstd"', 304, '"abc-zstd"'),
        ("zstd", '"abc", "abc-zstd"', 304, '"abc-zstd"'),
        ("zstd", '"abc"', 304, '"abc"'),
        ("zstd", '"abc-br"', 200, '"abc-zstd"'),
        ("zstd", '"old-zstd"', 200, '"abc-zstd"'),
        ("zstd", '"abc-ZSTD"', 200, '"abc-zstd"'),
        ("br", '"abc-br"', 304, '"abc-br"'),
        ("identity", '"abc-zstd"', 200, '"abc"'),
        ("identity", '"abc"', 304, '"abc"'),
        (None, '"abc"', 304, '"abc"'),
        ("zstd", "*", 304, '"abc"'),
        ("zstd", "abc-zstd", 200, '"abc-zstd"'),
    ],
)
def test_which_copies_are_good(accept: str | None, tags: str, status: int, named: str) -> None:
    got = ask(conditional(), accept, headers=[("if-none-match", tags)])
    assert (got.status, got.headers["etag"]) == (status, named)


def test_a_weak_tag_says_nothing_of_bytes() -> None:
    got = ask(conditional('W/"abc"'))
    assert (got.coding, got.headers["etag"]) == ("zstd", 'W/"abc"')
    assert ask(conditional('W/"abc"'), headers=[("if-none-match", 'W/"abc"')]).status == 304


@pytest.mark.parametrize(
    ("tags", "status"),
    [('"abc-gzip"', 200), ('"abc"', 200), ('"abc-br", "old"', 200), ('"old-gzip"', 412), ('W/"abc-gzip"', 412)],
)
def test_what_is_changed_is_one_thing_in_all_codings(tags: str, status: int) -> None:
    for method in ("PUT", "GET"):
        assert ask(conditional(), "zstd", method=method, headers=[("if-match", tags)]).status == status


def test_whoever_makes_something_new_is_told_of_the_old_in_any_coding() -> None:
    seen: list[Headers] = []
    ask(conditional(seen=seen), None, method="PUT", headers=[("if-none-match", '"abc-br"')])
    assert seen[0]["if-none-match"] == '"abc-br", "abc"'


def test_routes_with_tags_of_their_own_for_each_coding_still_see_them() -> None:
    got = ask(conditional('"abc-zstd"'), "zstd", headers=[("if-none-match", '"abc-zstd"')])
    assert (got.status, got.headers["etag"]) == (304, '"abc-zstd"')


def test_conditions_that_were_signed_stay_as_they_are() -> None:
    seen: list[Headers] = []
    signed = ("signature-input", 'sig=("@method" "if-none-match");created=1')
    ask(conditional(seen=seen), headers=[("if-none-match", '"abc-zstd"'), signed])
    assert seen[0]["if-none-match"] == '"abc-zstd"'


def test_a_304_of_a_picture_varies_by_nothing() -> None:
    app = answering(b"", status=304, headers={"content-type": "image/webp", "etag": '"abc"'}, length=False)
    assert "vary" not in ask(app).headers


@given(st.binary(max_size=40), st.sampled_from([None, "zstd", "br", "gzip"]), st.booleans())
def test_any_condition_can_be_read(tags: bytes, coding: str | None, weak: bool) -> None:
    for plain, given_out in plain_tags(tags, coding, weak=weak).items():
        assert given_out[:-1].startswith(plain[:-1] + b"-")


# Cost ------------------------------------------------------------------------------------------------------------


def test_a_stream_of_what_cannot_become_smaller_grows_by_little() -> None:
    noise = os.urandom(300_000)
    for coding in UNPACK:
        got = ask(answering(noise[:100_000], noise[100_000:]), coding)
        assert got.unpacked == noise
        assert len(got.body) < 1.01 * len(noise)

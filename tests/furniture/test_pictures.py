"""Pictures of elsewhere are got once and made small; no address makes us call or keep what we mustn't."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from garaza.errors import GarazaError
from garaza.furniture import pictures
from garaza.furniture.pictures import MAX_BYTES, Pictures
from garaza.furniture.products import Product
from garaza.furniture.thumbnails import MAX_EDGE, NoPictureError, thumbnail
from garaza.kit.file_cache import FileCache
from garaza.kit.safe_http import SafeHttp

pytestmark = pytest.mark.anyio

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
"""Both are this machine. In these tests the first one counts as public."""
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def encoded(form: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: object) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "#00808040" if mode == "RGBA" else "teal").save(written, form, **options)
    return written.getvalue()


def ok(content: bytes, media_type: str = "image/png", more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content


def to(address: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()


PNG = encoded("PNG")


@dataclass
class Shop:
    """A server that answers each path as it was told."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, path: str, host: str = "shop.test") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.asked.append(path)
            answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def until_asked(self) -> None:
        while not self.asked:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@dataclass
class World:
    shop: Shop
    pictures: Pictures
    folder: Path
    now: list[float]

    async def get(self, *urls: str, place: int = 0) -> bytes:
        return await self.pictures.picture(Product(asin="X", title="x", images=urls), place)

    async def refused(self, url: str) -> int:
        with pytest.raises(GarazaError) as refusal:
            await self.get(url)
        return refusal.value.status


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with made(tmp_path) as one:
        yield one


@contextlib.asynccontextmanager
async def made(
    folder: Path, names: dict[str, Sequence[Sequence[str]]] | None = None, *, seconds: float = 20
) -> AsyncIterator[World]:
    shop, now = Shop(), [1000.0]
    known = {"shop.test": [[HERE]], "inside.test": [[ELSEWHERE]], **(names or {})}
    looked_up: dict[str, int] = {}

    async def resolve(name: str, _port: int) -> Sequence[str]:
        answers = known[name]
        looked_up[name] = looked_up.get(name, 0) + 1
        return answers[min(looked_up[name], len(answers)) - 1]

    tasks: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(lambda r, w: tasks.add(asyncio.ensure_future(shop.serve(r, w))), HERE, 0)
    shop.port = server.sockets[0].getsockname()[1]
    http = SafeHttp(
        user_agent="test",
        resolver=resolve,
        public=lambda address: address == HERE,
        timeout_seconds=seconds,
        max_body_bytes=MAX_BYTES,
        max_connections=4,
        ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )
    async with http:
        store = Pictures(folder / "pictures", http, 10 << 20, lambda: now[0])
        try:
            yield World(shop, store, folder, now)
        finally:
            await store.aclose()
            await asyncio.sleep(0)
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "GIF"])
async def test_a_picture_is_made_small_and_kept(world: World, form: str) -> None:
    world.shop.answers["/sofa"] = ok(encoded(form, (1600, 900)), "application/octet-stream")
    first = await world.get(world.shop.url("/sofa"))
    with Image.open(io.BytesIO(first)) as shown:
        assert shown.format == "WEBP"
        assert shown.size == (MAX_EDGE, 450)
    assert await world.get(world.shop.url("/sofa")) == first
    assert world.shop.asked == ["/sofa"]


async def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    async with made(tmp_path) as world:
        world.shop.answers["/sofa"] = ok(PNG)
        url = world.shop.url("/sofa")
        first = await world.get(url)
    async with made(tmp_path) as world:
        assert await world.get(url) == first
        assert world.shop.asked == []


async def test_many_who_ask_at_once_make_one_request(world: World) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(ok(PNG))

    world.shop.answers["/sofa"] = slow
    found = await asyncio.gather(*(world.get(world.shop.url("/sofa")) for _ in range(20)))
    assert len(set(found)) == 1
    assert world.shop.asked == ["/sofa"]
    assert await world.get(world.shop.url("/sofa"))
    assert world.pictures.outcomes == {"fetched": 1, "kept": 1}


async def test_who_goes_away_stops_nobody_else(world: World) -> None:
    there = asyncio.Event()

    async def waiting(writer: asyncio.StreamWriter) -> None:
        await there.wait()
        writer.write(ok(PNG))

    world.shop.answers["/sofa"] = waiting
    first = asyncio.create_task(world.get(world.shop.url("/sofa")))
    second = asyncio.create_task(world.get(world.shop.url("/sofa")))
    await world.shop.until_asked()
    first.cancel()
    await asyncio.wait([first])
    there.set()
    assert await second
    assert first.cancelled()


async def test_too_many_are_told_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_MAX_WAITING", 1)

    async def never(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    world.shop.answers["/one"] = never
    first = asyncio.create_task(world.get(world.shop.url("/one")))
    await world.shop.until_asked()
    assert await world.refused(world.shop.url("/two")) == 503
    assert (world.pictures.outcomes, world.pictures.fetching) == ({"busy": 1}, 1)
    first.cancel()


async def test_only_what_the_catalogue_names_is_called(world: World) -> None:
    url = world.shop.url("/sofa")
    for place in (-1, 1, 10**9):
        with pytest.raises(GarazaError):
            await world.get(url, place=place)
    for other in (
        "/api/furniture/pictures/GZ.svg",
        "ftp://shop.test/x",
        "file:///etc/passwd",
        "data:image/png;base64,",
    ):
        assert await world.refused(other) == 404
    assert world.shop.asked == []
    assert world.pictures.outcomes == {"none": 7}


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{port}/x", "http://[::1]:{port}/x", "http://localhost:{port}/x", "http://inside.test:{port}/x",
     "http://2130706433:{port}/x", "http://169.254.169.254/latest", "http://user:pw@shop.test:{port}/x"],
)  # fmt: skip
async def test_private_addresses_are_not_called_neither_at_once_nor_after_a_redirect(
    world: World, address: str
) -> None:
    address = address.format(port=world.shop.port)
    world.shop.answers |= {"/x": ok(PNG), "/on": to(address)}
    assert await world.refused(address) == 404
    assert await world.refused(world.shop.url("/on")) == 404
    assert world.shop.asked == ["/on"]
    assert world.pictures.outcomes == {"address_refused": 2}


async def test_a_name_that_changes_what_it_stands_for_is_checked_each_time(tmp_path: Path) -> None:
    async with made(tmp_path, {"turning.test": [[HERE], [ELSEWHERE]]}) as world:
        there = world.shop.url("/one", "turning.test")
        world.shop.answers["/one"] = to(world.shop.url("/two", "turning.test"))
        world.shop.answers["/two"] = ok(PNG)
        assert await world.refused(there) == 404
        assert world.shop.asked == ["/one"]


async def test_redirects_are_followed_a_few_times(world: World) -> None:
    world.shop.answers |= {"/a": to("/b"), "/b": to(world.shop.url("/c")), "/c": ok(PNG), "/round": to("/round")}
    assert await world.get(world.shop.url("/a"))
    assert await world.refused(world.shop.url("/round")) == 404
    assert world.shop.asked.count("/round") == 4


def bomb() -> bytes:
    """A PNG of 30,000 × 30,000 pixels, in which there is nothing: 900 million of them in some bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7",
        b"",
        PNG[:40],
        b"\xff\xd8\xff" + bytes(500),
        b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(40),
        b"\x00\x00\x00\x1cftypavif" + bytes(40),
        b"GIF89a" + b"\xff" * 40,
        bomb(),
        encoded("BMP"),
        encoded("PNG", (20_000, 2)),
    ],
)  # fmt: skip
async def test_what_is_no_picture_is_not_shown_and_not_asked_for_again(world: World, content: bytes) -> None:
    world.shop.answers["/x"] = ok(content, "image/jpeg")
    for _ in range(2):
        assert await world.refused(world.shop.url("/x")) == 404
    assert world.shop.asked == ["/x"]
    assert not list(world.folder.rglob("pictures/*/*"))
    assert world.pictures.outcomes == {"unusable": 1, "remembered": 1}


async def test_a_body_without_end_is_not_read_to_its_end(world: World) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG)
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent += 1 << 16

    world.shop.answers["/x"] = endless
    assert await world.refused(world.shop.url("/x")) == 404
    assert sent < 8 * MAX_BYTES


async def test_who_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    async def silent(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with made(tmp_path, seconds=0.2) as world:
        world.shop.answers["/x"] = silent
        assert await world.refused(world.shop.url("/x")) == 404
        assert world.pictures.outcomes == {"unreachable": 1}


async def test_trouble_is_tried_again_later(world: World) -> None:
    world.shop.answers["/x"] = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    url = world.shop.url("/x")
    assert await world.refused(url) == 404
    world.shop.answers["/x"] = ok(PNG)
    assert await world.refused(url) == 404
    world.now[0] += 301
    assert await world.get(url)
    assert world.pictures.outcomes == {"status": 1, "remembered": 1, "fetched": 1}
    # Whoever clears memory may know that it is there again.
    gone = world.shop.url("/gone")
    assert await world.refused(gone) == 404
    world.shop.answers["/gone"] = ok(PNG)
    world.pictures.forget()
    assert await world.get(gone)


async def test_a_coding_that_nobody_asked_for_is_not_undone(world: World) -> None:
    world.shop.answers["/x"] = ok(zlib.compress(bytes(1000)), more="Content-Encoding: gzip\r\n")
    assert await world.refused(world.shop.url("/x")) == 404


def test_positions_and_comments_are_left_behind_and_the_right_side_is_up() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "where I live"
    small = thumbnail(encoded("JPEG", (60, 40), exif=exif.tobytes()))
    assert b"where I live" not in small
    with Image.open(io.BytesIO(small)) as shown:
        assert shown.size == (40, 60)
        assert not shown.getexif()


def test_what_one_sees_through_stays_so() -> None:
    with Image.open(io.BytesIO(thumbnail(encoded("PNG", mode="RGBA")))) as shown:
        assert shown.mode == "RGBA"


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(NoPictureError):
        thumbnail(bomb())


def test_the_cache_lets_go_of_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10_000)
    for number in range(9):
        cache.put(f"key{number:05}", bytes(1000))
        os.utime(tmp_path / "ke" / f"key{number:05}", (1000 + number, 1000 + number))
    assert cache.get("key00000") is not None
    for number in range(9, 15):
        cache.put(f"key{number:05}", bytes(1000))
    left = [number for number in range(15) if cache.get(f"key{number:05}")]
    assert sum(path.stat().st_size for path in tmp_path.rglob("key*")) <= 10_000
    assert 0 in left, "it was used just now"
    assert 1 not in left
    assert 14 in left


def test_the_cache_raises_nothing_where_it_can_not_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FileCache(tmp_path / "file", 1000)
    cache.put("abcdefgh", b"x")
    assert cache.get("abcdefgh") is None
    with pytest.raises(ValueError, match="keys"):
        cache.get("../../etc/passwd")

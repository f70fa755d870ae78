"""What is kept can be had again, whole, from every place that there is for it; and nothing else is ever seen."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
from starlette.types import Message, Scope

from garaza.kit.blobs.local import LocalBlobs
from garaza.kit.blobs.port import Blobs, Published, result_key, upload_key
from garaza.kit.blobs.s3 import S3Blobs, S3Options
from garaza.kit.ids import new_id
from garaza.kit.storage import DataDirectory
from tests.servers.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

pytestmark = pytest.mark.anyio

SIZES = [0, 1, 1000, (8 << 20) - 1, 8 << 20, (20 << 20) + 5]
"""Below, at and above what is put as several parts."""


@dataclass
class Place:
    """One kind of place."""

    data: DataDirectory
    blobs: Blobs

    def file(self, content: bytes) -> Path:
        path = self.data.new_incoming()
        path.write_bytes(content)
        return path

    def folder(self, files: dict[str, bytes]) -> Path:
        folder = self.data.new_incoming()
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    async def video(self, content: bytes = b"video") -> PurePosixPath:
        key = upload_key(new_id())
        await self.blobs.put(self.file(content), key)
        return key

    async def result(self, files: dict[str, bytes], job_id: str | None = None, version: str = "1") -> PurePosixPath:
        key = result_key(job_id or new_id(), version)
        await self.blobs.publish(self.folder(files), key)
        return key


NewPlace = Callable[[], Place]


@pytest.fixture(params=["files", "s3"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """Empty ones of a kind, of which each knows nothing of the others."""

    def directory() -> DataDirectory:
        data = DataDirectory(tmp_path / new_id())
        data.create()
        return data

    if request.param == "files":
        return lambda: Place(data := directory(), LocalBlobs(data))
    seaweed: Seaweed = request.getfixturevalue("seaweed")
    bucket = seaweed.new_bucket()

    def in_bucket() -> Place:
        data = directory()
        options = S3Options(
            bucket,
            prefix=f"some/{data.root.name}",
            endpoint=seaweed.endpoint,
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
        )
        return Place(data, S3Blobs(options, data.incoming))

    return in_bucket


@pytest.fixture
def place(new_place: NewPlace) -> Place:
    return new_place()


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_put_is_what_is_fetched(place: Place, size: int) -> None:
    file = place.file(noise(size))
    key = upload_key(new_id())
    await place.blobs.put(file, key)
    assert not file.exists(), "it has been taken over"
    fetched = await place.blobs.fetch(key, place.data.fetched(key.name, 1))
    assert fetched.name == key.name, "engines may name what they read"
    assert fetched.read_bytes() == noise(size)
    with await place.blobs.open(key) as opened:
        opened.seek(size // 2)
        assert opened.read() == noise(size)[size // 2 :]
    [found] = await place.blobs.find(key)
    assert found is not None
    assert found.size == size


async def test_a_folder_is_kept_with_all_that_is_in_it(place: Place) -> None:
    files = {"result.json": b"{}", "model.glb": noise(1000), "depth/0.webp": noise(10), "depth/empty": b""}
    folder = place.folder(files)
    key = result_key(new_id(), "1")
    await place.blobs.publish(folder, key)
    assert not folder.exists(), "it has been taken over"
    fetched = await place.blobs.fetch_folder(key, place.data.new_incoming())
    found = {p.relative_to(fetched).as_posix(): p.read_bytes() for p in fetched.rglob("*") if p.is_file()}
    assert found == files
    assert await place.blobs.read(key / "result.json", key / "depth" / "0.webp") == [b"{}", noise(10)]


async def test_what_is_the_same_on_the_disk_may_be_kept_by_copying(place: Place) -> None:
    old = await place.result({"same.npz": noise(5000), "depth/same": b"s", "model.glb": b"old"}, job_id := new_id())
    here = await place.blobs.fetch_folder(old, place.data.new_incoming())
    folder = place.folder({"model.glb": b"new"})
    (folder / "depth").mkdir()
    for name in ("same.npz", "depth/same"):
        os.link(here / name, folder / name)
    new = result_key(job_id, "2")
    await place.blobs.publish(folder, new, Published(old, here))
    assert await place.blobs.read(*(new / name for name in ("same.npz", "depth/same", "model.glb"))) == [
        noise(5000),
        b"s",
        b"new",
    ]
    await place.blobs.remove(old)
    assert await place.blobs.read(new / "same.npz") == [noise(5000)], "it is not the old one's"


async def test_what_is_not_there(place: Place) -> None:
    video, result = upload_key(new_id()), result_key(new_id(), "1")
    for act in (
        place.blobs.fetch(video, place.data.fetched("x", 1)),
        place.blobs.open(result / "result.json"),
        place.blobs.read(result / "result.json"),
        place.blobs.fetch_folder(result, place.data.new_incoming()),
    ):
        with pytest.raises(FileNotFoundError):
            await act
    assert await place.blobs.find(video) == [None]
    assert await place.blobs.find(result / "a", result / "b") == [None, None]
    assert await place.blobs.present([video, result / "result.json"]) == set()
    assert await place.blobs.children(result.parent) == []
    await place.blobs.remove(video, result)
    await place.blobs.check()


async def test_files_of_a_folder_are_found_together(place: Place) -> None:
    key = await place.result({"cameras.json": b"12345", "cameras.json.zst": b"123", "depth/cameras.json": b"1"})
    found = await place.blobs.find(key / "cameras.json", key / "cameras.json.zst", key / "cameras.json.br")
    assert [blob and blob.size for blob in found] == [5, 3, None]
    [deep] = await place.blobs.find(key / "depth" / "cameras.json")
    assert deep is not None
    assert deep.size == 1
    assert await place.blobs.present([key / "cameras.json", key / "other"]) == {key / "cameras.json"}


async def test_removing_takes_that_and_nothing_else(place: Place) -> None:
    job_id = new_id()
    one, two = [await place.result({"result.json": b"x", "depth/a": b"y"}, job_id, version) for version in "12"]
    other = await place.result({"result.json": b"x"})
    video = await place.video()
    assert sorted(await place.blobs.children(one.parent)) == ["1", "2"]
    await place.blobs.remove(one)
    assert await place.blobs.find(one / "result.json") == [None]
    assert await place.blobs.children(one.parent) == ["2"]
    await place.blobs.remove(two, video)
    assert await place.blobs.children(one.parent) == []
    assert await place.blobs.present([video, two / "result.json", other / "result.json"]) == {other / "result.json"}


async def test_what_is_open_can_be_read_to_its_end(place: Place) -> None:
    key = await place.result({"depth/depth.npz": noise(100_000)})
    with await place.blobs.open(key / "depth" / "depth.npz") as file:
        await place.blobs.remove(key)
        assert file.read() == noise(100_000)


async def test_everything_is_come_by_in_parts(place: Place) -> None:
    both, only_video, only_result = sorted(new_id() for _ in range(3))
    expected = set()
    for name in (both, only_video):
        await place.blobs.put(place.file(b"v"), upload_key(name))
        expected.add(upload_key(name))
    for name, version in ((both, "1"), (both, "2"), (only_result, "1")):
        expected.add(await place.result({"result.json": b"x", "depth/a": b"y"}, name, version))
    for count in (1, 2, 3, 100):
        after, seen, parts = "", [], 0
        while True:
            part = await place.blobs.some(after, count)
            seen += [found.key for found in part.found]
            parts += 1
            after = part.after
            if not after:
                break
        assert sorted(seen) == sorted(expected), f"each once, {count} at a time"
        assert parts == -(-3 // count)
    assert all(found.changed_at > 1e9 for found in part.found)


async def test_places_know_nothing_of_each_other(new_place: NewPlace) -> None:
    one, other = new_place(), new_place()
    key = await one.video()
    assert await other.blobs.present([key]) == set()
    assert (await other.blobs.some("", 10)).found == []


# Sending -------------------------------------------------------------------------------------------------------------

CONTENT = noise((3 << 20) + 17)


@dataclass
class Sent:
    """An answer as a server sees it."""

    status: int
    headers: dict[str, str]
    body: bytes
    parts: int


async def send(place: Place, key: PurePosixPath, method: str = "GET", after: int | None = None, **headers: str) -> Sent:
    """Ask for a blob; `after` so many parts the client has gone."""
    [blob] = await place.blobs.find(key)
    assert blob is not None
    answer = blob.answer("model/gltf-binary", {"ETag": '"abc"'}, blob.modified)
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def take(message: Message) -> None:
        messages.append(message)
        if after is not None and len(messages) > after:
            raise OSError

    scope: Scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": method,
        "path": "/",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    await answer(scope, receive, take)
    bodies = [message.get("body", b"") for message in messages[1:]]
    told = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return Sent(messages[0]["status"], told, b"".join(bodies), sum(bool(body) for body in bodies))


@pytest.fixture
async def model(place: Place) -> PurePosixPath:
    return await place.result({"model.glb": CONTENT}) / "model.glb"


async def test_it_is_sent_whole(place: Place, model: PurePosixPath) -> None:
    sent = await send(place, model)
    assert (sent.status, sent.headers["content-length"]) == (200, str(len(CONTENT)))
    assert (sent.headers["etag"], sent.headers["accept-ranges"]) == ('"abc"', "bytes")
    assert sent.body == CONTENT
    assert sent.parts <= 5, "in large parts"


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1048580", 5, 1048581),
        ("bytes=1048576-", 1048576, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("bytes=3145700-99999999", 3145700, len(CONTENT)),
    ],
)
async def test_a_range_is_sent(place: Place, model: PurePosixPath, wanted: str, start: int, end: int) -> None:
    sent = await send(place, model, range=wanted)
    assert (sent.status, sent.headers["content-range"]) == (206, f"bytes {start}-{end - 1}/{len(CONTENT)}")
    assert sent.body == CONTENT[start:end]
    assert sent.headers["content-length"] == str(end - start)


async def test_several_ranges_are_sent(place: Place, model: PurePosixPath) -> None:
    sent = await send(place, model, range="bytes=0-9,2000000-2000009")
    assert sent.status == 206
    assert sent.headers["content-type"].startswith("multipart/byteranges")
    assert CONTENT[:10] in sent.body
    assert CONTENT[2000000:2000010] in sent.body
    assert len(sent.body) == int(sent.headers["content-length"])


async def test_a_range_of_another_version_is_sent_whole(place: Place, model: PurePosixPath) -> None:
    assert (await send(place, model, range="bytes=0-9", if_range='"other"')).body == CONTENT
    assert (await send(place, model, range="bytes=0-9", if_range='"abc"')).body == CONTENT[:10]


async def test_only_the_head_is_sent(place: Place, model: PurePosixPath) -> None:
    sent = await send(place, model, method="HEAD")
    assert (sent.status, sent.headers["content-length"], sent.body) == (200, str(len(CONTENT)), b"")


async def test_nothing_is_sent_of_what_has_gone_meanwhile(place: Place, model: PurePosixPath) -> None:
    [blob] = await place.blobs.find(model)
    assert blob is not None
    await place.blobs.remove(model.parent)
    answer = blob.answer("model/gltf-binary", {"ETag": '"abc"'}, blob.modified)
    told: list[Message] = []

    async def take(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Exception, match="no such file") as raised:
        await answer({"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}, receive, take)
    assert raised.value.status_code == 404  # type: ignore[attr-defined]
    assert told == []


async def test_a_client_that_goes_leaves_nothing_open(place: Place, model: PurePosixPath) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - what servers raise
        await send(place, model, after=1)
    assert (await send(place, model)).body == CONTENT


async def test_an_empty_file_is_sent(place: Place) -> None:
    key = await place.result({"empty": b""})
    sent = await send(place, key / "empty")
    assert (sent.status, sent.headers["content-length"], sent.body) == (200, "0", b"")

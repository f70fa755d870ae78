"""What can go wrong with a bucket is said in words that help, and without keys; what breaks off is taken up again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from garaza.kit.blobs.port import StorageUnavailableError, result_key, upload_key
from garaza.kit.blobs.s3 import S3Blobs, S3Options
from garaza.kit.ids import new_id
from tests.servers.daemon import HOST
from tests.servers.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

pytestmark = pytest.mark.anyio

QUICK = timedelta(seconds=5)


def blobs_of(seaweed: Seaweed, scratch: Path, bucket: str, **other: object) -> S3Blobs:
    options = {
        "endpoint": seaweed.endpoint,
        "access_key_id": ACCESS_KEY,
        "secret_access_key": SECRET_KEY,
        "patience": QUICK,
        "part_patience": QUICK,
        **other,
    }
    return S3Blobs(S3Options(bucket, **options), scratch)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"secret_access_key": "not-the-secret"}, "the secret key doesn't belong to the access key"),
        ({"access_key_id": "nobody"}, "it doesn't know the access key"),
        ({"bucket": "another-bucket"}, "there is no such bucket"),
        ({"endpoint": f"http://{HOST}:1"}, "nobody listens there"),
        ({"endpoint": "http://no-such-host.invalid"}, "its name can't be resolved"),
    ],
)
async def test_what_is_wrong_is_said(seaweed: Seaweed, tmp_path: Path, other: dict[str, str], told: str) -> None:
    bucket = other.pop("bucket", None) or seaweed.new_bucket()
    blobs = blobs_of(seaweed, tmp_path, bucket, **other)
    video = tmp_path / "video"
    video.write_bytes(b"video")
    for act in (
        blobs.check,
        lambda: blobs.read(result_key(new_id(), "1") / "result.json"),
        lambda: blobs.children(result_key(new_id(), "1").parent),
        lambda: blobs.fetch(upload_key(new_id()), tmp_path / "fetched"),
    ):
        with pytest.raises(StorageUnavailableError) as raised:
            await act()
        assert str(raised.value) == told
    if told != "there is no such bucket":  # this server makes it then
        with pytest.raises(StorageUnavailableError):
            await blobs.put(video, upload_key(new_id()))
        assert video.exists(), "what could not be put is still here"


async def test_what_was_set_wins_over_the_environment(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = seaweed.new_bucket()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{HOST}:1",
        "AWS_ENDPOINT_URL": f"http://{HOST}:1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_SESSION_TOKEN": "of nobody",
    }.items():
        monkeypatch.setenv(name, value)
    await blobs_of(seaweed, tmp_path, bucket).check()


async def test_what_was_not_set_is_taken_from_the_environment(
    seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = seaweed.new_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    await blobs_of(seaweed, tmp_path, bucket, access_key_id=None, secret_access_key=None).check()
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweed.endpoint)
    with pytest.raises(StorageUnavailableError, match="http:// is spoken only where"):
        await blobs_of(seaweed, tmp_path, bucket, endpoint=None, access_key_id=None, secret_access_key=None).check()


class CuttingProxy:
    """Passes on what a server sends, and hangs up in the midst of it so many times."""

    def __init__(self, port: int, after: int, times: int) -> None:
        self.port, self.after, self.times, self.cuts = port, after, times, 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(HOST, self.port)
        self.writers += [writer, there_writer]
        await asyncio.gather(self.carry(reader, there_writer, None), self.carry(there_reader, writer, self.after))

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while part := await source.read(1 << 16):
                passed += len(part)
                if limit is not None and passed > limit and self.cuts < self.times:
                    self.cuts += 1
                    break
                target.write(part)
                await target.drain()
        target.close()


@contextlib.asynccontextmanager
async def cutting(port: int, after: int, times: int) -> AsyncIterator[tuple[str, CuttingProxy]]:
    proxy = CuttingProxy(port, after, times)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    async with server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}", proxy
        await proxy.close()


async def test_what_breaks_off_is_taken_up_again(seaweed: Seaweed, tmp_path: Path) -> None:
    bucket = seaweed.new_bucket()
    content = bytes(range(256)) * (80 << 10)
    video, key = tmp_path / "video", upload_key(new_id())
    video.write_bytes(content)
    await blobs_of(seaweed, tmp_path, bucket).put(video, key)
    async with cutting(seaweed.port, after=9 << 20, times=2) as (endpoint, proxy):
        blobs = blobs_of(seaweed, tmp_path, bucket, endpoint=endpoint)
        fetched = await blobs.fetch(key, tmp_path / "fetched" / "video")
        assert fetched.read_bytes() == content
        assert proxy.cuts > 0
    async with cutting(seaweed.port, after=3 << 20, times=2) as (endpoint, proxy):
        blobs = blobs_of(seaweed, tmp_path, bucket, endpoint=endpoint)
        assert b"".join([part async for part in blobs.stream(key, 100, len(content) - 100)]) == content[100:-100]
        assert proxy.cuts > 0


async def test_what_breaks_off_again_and_again_is_given_up(seaweed: Seaweed, tmp_path: Path) -> None:
    bucket = seaweed.new_bucket()
    video, key = tmp_path / "video", upload_key(new_id())
    video.write_bytes(bytes(100))
    await blobs_of(seaweed, tmp_path, bucket).put(video, key)
    async with cutting(seaweed.port, after=0, times=1000) as (endpoint, _):
        with pytest.raises(StorageUnavailableError):
            await blobs_of(seaweed, tmp_path, bucket, endpoint=endpoint, patience=timedelta(seconds=1)).read(key)

"""Copies of files as they are sent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import brotli
import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response

from garaza.kit.blobs.local import place_of
from garaza.kit.encoders import ZstdCompressor
from garaza.kit.packed_files import copies_of, is_copy, pack_files
from garaza.kit.stored_files import stored_file_answer

if ZstdCompressor.__module__.startswith("compression"):
    from compression import zstd
else:
    from backports import zstd

TEXT = b'{"a row": "of many"}\n' * 500
NOISE = os.urandom(20_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "result"
    (place / "depth").mkdir(parents=True)
    (place / "cameras.json").write_bytes(TEXT)
    (place / "depth" / "manifest.json").write_bytes(TEXT)
    (place / "model.glb").write_bytes(NOISE + TEXT)
    return place


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_text_has_two_copies_and_a_model_one(folder: Path) -> None:
    pack_files(folder, names(folder))
    assert [path.name for path in copies_of(folder / "cameras.json")] == ["cameras.json.zst", "cameras.json.br"]
    assert [path.name for path in copies_of(folder / "model.glb")] == ["model.glb.zst"]
    assert zstd.decompress((folder / "cameras.json.zst").read_bytes()) == TEXT
    assert brotli.decompress((folder / "depth" / "manifest.json.br").read_bytes()) == TEXT
    assert zstd.decompress((folder / "model.glb.zst").read_bytes()) == NOISE + TEXT


def test_what_would_hardly_be_smaller_has_none(folder: Path) -> None:
    (folder / "model.meshopt.glb").write_bytes(NOISE + NOISE[:1000] * 2)
    (folder / "huge.ply").write_bytes(os.urandom(3 << 20))
    (folder / "short.json").write_bytes(b"1" * 1000)
    (folder / "poster.jpg").write_bytes(TEXT)
    before = names(folder)
    pack_files(folder, ["model.meshopt.glb", "huge.ply", "short.json", "poster.jpg"])
    assert names(folder) == before


def test_a_full_disk_costs_the_copies_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    before = names(folder)
    monkeypatch.setattr(os, "fsync", full)
    pack_files(folder, before)
    assert names(folder) == before


def test_copies_of_what_is_shared_are_shared(folder: Path, tmp_path: Path) -> None:
    pack_files(folder, names(folder))
    new = tmp_path / "new"
    new.mkdir()
    os.link(folder / "cameras.json", new / "cameras.json")
    (new / "model.glb").write_bytes(TEXT)
    pack_files(new, ["cameras.json", "model.glb"], folder)
    assert names(new) == ["cameras.json", "cameras.json.br", "cameras.json.zst", "model.glb", "model.glb.zst"]
    assert (new / "cameras.json.zst").samefile(folder / "cameras.json.zst")
    assert zstd.decompress((new / "model.glb.zst").read_bytes()) == TEXT


def test_what_is_shared_with_a_result_from_before_there_were_copies_has_none(folder: Path, tmp_path: Path) -> None:
    """Otherwise two versions would differ by more than what was written anew, and the sum of their bytes be wrong."""
    new = tmp_path / "new"
    new.mkdir()
    os.link(folder / "cameras.json", new / "cameras.json")
    pack_files(new, ["cameras.json"], folder)
    assert names(new) == ["cameras.json"]


def test_what_a_copy_is() -> None:
    files = {"cameras.json", "cameras.json.zst", "depth/manifest.json", "depth/manifest.json.br", "lonely.zst"}
    assert {path for path in files if is_copy(path, files)} == {"cameras.json.zst", "depth/manifest.json.br"}


async def ask(place: Path, **headers: str) -> Response:
    raw = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return await stored_file_answer(
        raw, place_of(place), digest="d" * 64, media_type="application/json", version="", private=True
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("accept", "coding"), [("gzip, deflate, br, zstd", "zstd"), ("gzip, br", "br"), ("gzip", None), ("zstd;q=0", None)]
)
async def test_the_copy_that_the_client_takes_is_sent(folder: Path, accept: str, coding: str | None) -> None:
    pack_files(folder, names(folder))
    answer = await ask(folder / "cameras.json", accept_encoding=accept)
    size = (folder / {"zstd": "cameras.json.zst", "br": "cameras.json.br", None: "cameras.json"}[coding]).stat().st_size
    tag = "d" * 64 + (f"-{coding}" if coding else "")
    assert (answer.headers.get("content-encoding"), answer.headers["content-length"]) == (coding, str(size))
    assert (answer.headers["etag"], answer.headers["vary"]) == (f'"{tag}"', "Accept-Encoding")
    assert answer.headers.get("accept-ranges") == (None if coding else "bytes")


@pytest.mark.anyio
async def test_a_copy_is_as_good_in_any_coding_that_it_could_be_sent_in(folder: Path) -> None:
    pack_files(folder, names(folder))
    for tag in ('"' + "d" * 64 + '-zstd"', '"' + "d" * 64 + '"'):
        answer = await ask(folder / "cameras.json", accept_encoding="zstd", if_none_match=tag)
        assert (answer.status_code, answer.headers["etag"], answer.headers["vary"]) == (304, tag, "Accept-Encoding")
    other = await ask(folder / "cameras.json", accept_encoding="zstd", if_none_match='"' + "d" * 64 + '-br"')
    assert other.status_code == 200


@pytest.mark.anyio
async def test_a_range_is_one_of_the_file_as_it_is(folder: Path) -> None:
    pack_files(folder, names(folder))
    answer = await ask(folder / "cameras.json", accept_encoding="zstd", range="bytes=0-9")
    assert (answer.headers["etag"], answer.headers["accept-ranges"]) == ('"' + "d" * 64 + '"', "bytes")
    assert "content-encoding" not in answer.headers


@pytest.mark.anyio
async def test_without_its_file_a_copy_is_nothing(folder: Path) -> None:
    pack_files(folder, names(folder))
    (folder / "cameras.json").unlink()
    with pytest.raises(HTTPException):
        await ask(folder / "cameras.json", accept_encoding="zstd")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

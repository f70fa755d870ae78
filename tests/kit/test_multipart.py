"""A file in a form arrives whole, in any pieces, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from garaza.kit.multipart import MultipartError, TooLargeError, clean_name, receive_file

pytestmark = pytest.mark.anyio

TYPE = "multipart/form-data; boundary=xyz"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def form(content: bytes, name: str = "file", filename: str = "room.mp4", end: bytes = b"--xyz--\r\n") -> bytes:
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return head.encode() + content + b"\r\n" + end


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(content=st.binary(max_size=300), size=st.integers(1, 64))
def test_any_content_in_any_pieces_arrives_unchanged(tmp_path: Path, content: bytes, size: int) -> None:
    path = tmp_path / "x"
    path.unlink(missing_ok=True)
    received = asyncio.run(receive_file(pieces(form(content), size), TYPE, "file", path, 1000))
    assert path.read_bytes() == content
    assert received.size_bytes == len(content)


async def test_other_fields_are_read_past(tmp_path: Path) -> None:
    body = form(b"no", name="other", end=b"") + form(b"yes", filename="b.mov")
    received = await receive_file(pieces(body, 7), TYPE, "file", tmp_path / "x", 1000)
    assert (tmp_path / "x").read_bytes() == b"yes"
    assert received.name == "b.mov"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(b"data"), "application/json"),
        (form(b"data"), ""),
        (form(b"data"), "multipart/form-data"),
        (form(b"data", name="other"), TYPE),
        (form(b"data", end=b""), TYPE),
        (form(b"data")[:-30], TYPE),
        (b"", TYPE),
        (b"\x00\xff" * 100, TYPE),
        (b"--xyz\r\nX: " + b"a" * 10_000 + b"\r\n\r\n--xyz--", TYPE),
    ],
)
async def test_what_is_no_complete_form_is_refused_and_leaves_nothing(
    tmp_path: Path,
    body: bytes,
    content_type: str,
) -> None:
    with pytest.raises(MultipartError):
        await receive_file(pieces(body, 1000), content_type, "file", tmp_path / "x", 100_000)
    assert list(tmp_path.iterdir()) == []


async def test_too_much_is_refused_while_it_arrives(tmp_path: Path) -> None:
    asked_for = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked_for
        yield form(b"", end=b"")
        while True:
            asked_for += 1
            yield b"a" * 1000

    with pytest.raises(TooLargeError):
        await receive_file(endless(), TYPE, "file", tmp_path / "x", 10_000)
    assert asked_for <= 11
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("room.mp4", "room.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\room.mov", "room.mov"),
        ("a\x00b\r\nc.mp4", "abc.mp4"),
        ("x" * 5000, "x" * 200),
        ("Küche 🛋️.mp4", "Küche 🛋️.mp4"),
        ("..", ".."),
        ("", ""),
    ],
)
def test_names_are_cleaned_for_showing(given: str, shown: str) -> None:
    assert clean_name(given) == shown

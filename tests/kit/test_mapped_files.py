"""What is mapped and not touched any more is no memory of the process."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from garaza.kit.mapped_files import let_go_of

SIZE = 8 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what of a mapping is in memory")


def resident(path: Path) -> int:
    """Bytes."""
    found, here = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.endswith(str(path)):
            here = True
        elif here and line.startswith("Rss:"):
            found, here = found + 1024 * int(line.split()[1]), False
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own folder" / "numbers"
    path.parent.mkdir()
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def test_it_is_let_go_of_and_comes_back(file: Path) -> None:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert len(mapped[:]) == SIZE
        assert resident(file) == SIZE
        let_go_of(file.parent)
        assert resident(file) == 0
        assert mapped[1 << 20 : (1 << 20) + 256] == bytes(range(256))


def test_what_was_changed_is_there_afterwards(file: Path) -> None:
    with file.open("r+b") as opened:
        private = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        shared = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_WRITE)
        with private, shared:
            private[:4], shared[4:8] = b"mine", b"ours"
            let_go_of(file.parent)
            assert private[:4] == b"mine"
            assert shared[4:8] == b"ours"
    assert file.read_bytes()[:8] == bytes(range(4)) + b"ours"


def test_others_are_left_alone(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert len(mapped[:]) == SIZE
        let_go_of(tmp_path / "own")
        assert resident(file) == SIZE

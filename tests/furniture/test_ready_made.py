"""The model as it is kept in a data directory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from garaza.furniture.embedding import ready_made
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.session import Session

TEXTS = ["a round oak table", "black leather sofa under 220 cm wide", "lamp"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    Session(bundled(), 1, folder)
    return folder


def test_it_makes_the_same_vectors(kept: Path) -> None:
    (place,) = kept.iterdir()
    assert (place / "weights.bin").stat().st_size > 20e6
    before = place.stat().st_mtime_ns
    found = Session(bundled(), 1, kept).encode(TEXTS)
    np.testing.assert_allclose(found, Session(bundled(), 1).encode(TEXTS), atol=1e-6)
    assert place.stat().st_mtime_ns >= before


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells what lies in no file")
def test_its_weights_lie_in_a_file(kept: Path) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("weights.bin")

    session = Session(bundled(), 1, kept)
    assert mapped() > 0
    del session
    assert mapped() == 0


@pytest.mark.parametrize("damage", ["short", "zero", "nonsense", "gone"])
def test_a_damaged_one_is_made_anew(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Session(bundled(), 1, tmp_path)
    (place,) = tmp_path.iterdir()
    weights = place / "weights.bin"
    size = weights.stat().st_size
    match damage:
        case "short":
            os.truncate(weights, size // 2)
        case "zero":
            weights.write_bytes(bytes(size))
        case "nonsense":
            (place / "model.onnx").write_bytes(b"nonsense")
        case "gone":
            weights.unlink()
    found = Session(bundled(), 1, tmp_path).encode(TEXTS)
    np.testing.assert_allclose(found, Session(bundled(), 1).encode(TEXTS), atol=1e-6)
    assert "made anew" in caplog.text
    assert weights.stat().st_size == size


def test_a_full_disk_or_one_for_reading_costs_nothing_but_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ready_made, "_FREE_BYTES", 1 << 60)
    found = Session(bundled(), 1, tmp_path).encode(TEXTS)
    assert not list(tmp_path.iterdir())
    blocked = tmp_path / "file"
    blocked.touch()
    assert np.array_equal(Session(bundled(), 1, blocked).encode(TEXTS), found)
    assert "can't be kept" in caplog.text


def test_one_of_another_version_goes_when_it_was_not_used_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, days in (("old", 40), ("other-machine", 3)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    Session(bundled(), 1, tmp_path)
    monkeypatch.setattr(ready_made.onnxruntime, "__version__", "0.0")
    Session(bundled(), 1, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert "other-machine" in names

"""A disk that fills up while a model is made has its say; it is no crash."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.reconstruction.options import Options
from garaza.reconstruction.partial import complete_or_nothing
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.result import Result


def fill_the_disk(source: Path, out: Path, options: Options, monitor: Monitor, checkpoints: Path | None) -> Result:
    """In the place of `pipeline.reconstruct`, in its process."""
    with complete_or_nothing(out) as folder:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "model.glb"))


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"model\.glb") as caught:
        reconstruct_isolated(tmp_path, tmp_path / "room", Options(), work=fill_the_disk)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []

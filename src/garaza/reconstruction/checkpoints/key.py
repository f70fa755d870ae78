"""What a checkpoint was made from: work may be continued only where all of it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import garaza
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Monitor

FORMAT_VERSION = 1
"""Raised when what a stage leaves changes within one version of Garaza."""
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Key:
    """Two runs with equal keys do the same work."""

    format: int
    garaza: str
    """Its version: another one may choose, measure and join differently."""
    options: Options
    source: str
    """SHA-256 of the video, or of the names and contents of a folder of photos."""


def make_key(source: Path, options: Options, monitor: Monitor) -> Key:
    """The key of a run.

    The source is known by its content, which takes about half a second for each GB: a time of modification is another
    one whenever a file was fetched again from where it is stored.

    Raises:
        OSError: the source can't be read, or is neither a file nor a folder.
    """
    digest = hashlib.sha256()
    for name, file in _files(source):
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                monitor.checkpoint()
                digest.update(chunk)
    return Key(FORMAT_VERSION, garaza.__version__, options, digest.hexdigest())


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """With the names that matter: those of photos give their order, that of a video says nothing."""
    if source.is_dir():
        yield from sorted((path.name, path) for path in source.iterdir() if path.is_file())
    elif source.is_file():
        yield "", source
    else:
        # A pipe would be empty afterwards.
        raise FileNotFoundError(source)

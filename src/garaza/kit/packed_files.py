"""Files that are kept a second time as they are sent: compressed once, when they are written, and never for a request.

`model.glb.zst` lies beside `model.glb`. Copies are extras: where one can't be written there is none, and what was
written before there were copies is sent as it is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from garaza.kit.blobs.port import Blob
from garaza.kit.encoders import Levels, make_encoder

logger = logging.getLogger(__name__)

P = TypeVar("P", bound=PurePath)

_SUFFIXES = {"zstd": ".zst", "br": ".br"}
MEDIA_TYPES = {".zst": "application/zstd", ".br": "application/x-brotli"}
"""Of copies, as files of their own."""
# Text becomes several times smaller, so that two copies of it are nothing. Models have pictures inside, and a client
# without zstd is better served as it is than by a third of the model more on the disk.
_CODINGS = {".json": ("zstd", "br"), ".html": ("zstd", "br"), ".glb": ("zstd",), ".ply": ("zstd",)}
_WORTH = 0.9
"""Of the file's size: a larger copy isn't kept."""
_SMALLEST = 1024
_LEVELS = Levels(zstd=3, brotli=5)
"""More brings little here: 24 % less of a model by level 3, 28 % by level 19, at 70 times the cost."""
_PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """A file as it is sent."""

    blob: Blob
    coding: str


def codings_of(path: PurePath) -> tuple[str, ...]:
    """Those that there may be a copy of this file in."""
    return _CODINGS.get(path.suffix, ())


def copy_name(path: P, coding: str) -> P:
    """Where the copy of a file in a coding is, if there is one."""
    return path.with_name(path.name + _SUFFIXES[coding])


def copies_of(path: Path) -> list[Path]:
    """The copies that there are of a file. Blocks."""
    places = [copy_name(path, coding) for coding in codings_of(path)]
    return [place for place in places if place.is_file()]


def is_copy(path: str, files: Collection[str]) -> bool:
    """Whether `path` names a copy of another one of these files."""
    name = PurePosixPath(path)
    return name.suffix in MEDIA_TYPES and str(name.with_suffix("")) in files


def pack_files(folder: Path, paths: Iterable[str], earlier: Path | None = None) -> None:
    """Write the copies that are worth their room. Blocks.

    Args:
        paths: of the files, below `folder`.
        earlier: a folder with files of the same names. Of one that is the same file here (a hard link), so are the
            copies: they take no room twice.
    """
    for path in paths:
        place = folder / path
        for coding in codings_of(place):
            try:
                if earlier is None or not _shared(place, earlier / path, coding):
                    _write(place, coding)
            except OSError as error:
                # A full disk, say. The file itself is there.
                logger.warning("there will be no %s copy of a file: %s", coding, type(error).__name__)


def _shared(path: Path, earlier: Path, coding: str) -> bool:
    """Link the copies of a file that is itself a link; False where it isn't."""
    if not earlier.exists() or not earlier.samefile(path):
        return False
    old = copy_name(earlier, coding)
    if old.exists():
        os.link(old, copy_name(path, coding))
    return True


def _write(path: Path, coding: str) -> None:
    size = path.stat().st_size
    if size < _SMALLEST:
        return
    place, encoder, written = copy_name(path, coding), make_encoder(coding, _LEVELS), 0
    try:
        with path.open("rb") as source, place.open("xb") as target:
            while written <= _WORTH * size and (part := source.read(_PART_BYTES)):
                written += target.write(encoder.add(part, flush=False))
            written += target.write(encoder.end(b""))
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    if written > _WORTH * size:
        place.unlink()

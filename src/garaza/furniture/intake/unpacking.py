"""The bytes of a file that may be compressed, in parts, and no more of them than a catalogue has."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from garaza.furniture.intake.errors import CatalogueFileError

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdError, ZstdFile
else:
    from backports.zstd import ZstdError, ZstdFile

Progress = Callable[[int], None]
"""Told how many bytes of the file were read."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FREE_BYTES = 64 << 20
_MAX_RATIO = 100
"""Of what comes out to what goes in, beyond the free ones: catalogues become five to twenty times smaller, bombs a
thousand times."""


class _Counted(io.RawIOBase):
    """Tells how far a file was read."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self.read_bytes += count
        if self._progress is not None:
            self._progress(self.read_bytes)
        return int(count)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """What comes out of a compressed file."""

    def __init__(self, packed: _Counted, unpacking: io.BufferedIOBase) -> None:
        self._packed = packed
        self._unpacking = unpacking
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            part = self._unpacking.read1(len(buffer))
        except (OSError, EOFError, zlib.error, ZstdError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            msg = "The file is cut off or damaged: it can't be unpacked to its end. Send it again."
            raise CatalogueFileError(msg) from error
        self._given += len(part)
        if self._given > _FREE_BYTES + self._packed.read_bytes * _MAX_RATIO:
            msg = "The file unpacks to far more than it is. Send it as it is, not compressed."
            raise CatalogueFileError(msg)
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._unpacking.close()
        self._packed.close()
        super().close()


def open_unpacked(path: Path, progress: Progress | None = None) -> io.BufferedReader:
    """Its bytes, unpacked if it is compressed with gzip or zstd, whatever it is called."""
    counted = _Counted(path.open("rb", buffering=0), progress)
    packed = _buffered(counted)
    head = packed.peek(4)[:4]
    if head.startswith(_GZIP):
        return _buffered(_Unpacked(counted, gzip.GzipFile(fileobj=packed)))
    return _buffered(_Unpacked(counted, ZstdFile(packed))) if head == _ZSTD else packed


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw, 1 << 16)

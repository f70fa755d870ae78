"""The content codings themselves, behind one small interface. Nothing here knows of HTTP.

All of them let other threads run while they work.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

import brotli
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor
else:
    from backports.zstd import CompressionParameter, ZstdCompressor

_GZIP = 31
"""zlib's way of asking for the format of gzip with a window of 32 KiB."""
_LIVE_GZIP_LEVEL = 1
# A listener's stream is short messages over hours, and there may be thousands of them: a small window and small tables
# take 180 KiB each instead of 820 (and more, once the window is full), and such messages compress as well.
_LIVE_ZSTD: dict[int, int] = {
    CompressionParameter.window_log: 15,
    CompressionParameter.hash_log: 14,
    CompressionParameter.chain_log: 14,
}
_LIVE_BROTLI_WINDOW = 16


@dataclass(frozen=True, slots=True)
class Levels:
    """How hard each coding tries."""

    zstd: int = 3
    """At most 19: above it, windows are larger than the 8 MiB that a browser must have (RFC 9659)."""
    brotli: int = 4
    gzip: int = 2
    """Of ISA-L: 0 to 3."""


class Encoder(Protocol):
    """One answer's."""

    def add(self, data: bytes, *, flush: bool) -> bytes:
        """The next part. After a flush the client can read all that was added."""

    def end(self, data: bytes) -> bytes:
        """The last part."""


class _Zstd:
    __slots__ = ("_compressor",)

    def __init__(self, compressor: ZstdCompressor) -> None:
        self._compressor = compressor

    def add(self, data: bytes, *, flush: bool) -> bytes:
        return self._compressor.compress(data, ZstdCompressor.FLUSH_BLOCK if flush else ZstdCompressor.CONTINUE)

    def end(self, data: bytes) -> bytes:
        return self._compressor.compress(data, ZstdCompressor.FLUSH_FRAME)


class _Brotli:
    __slots__ = ("_compressor",)

    def __init__(self, quality: int, window: int) -> None:
        self._compressor = brotli.Compressor(quality=quality, lgwin=window)

    def add(self, data: bytes, *, flush: bool) -> bytes:
        found: bytes = self._compressor.process(data)
        return found + self._compressor.flush() if flush else found

    def end(self, data: bytes) -> bytes:
        found: bytes = self._compressor.process(data) + self._compressor.finish()
        return found


class _Gzip:
    __slots__ = ("_compressor",)

    def __init__(self, level: int) -> None:
        self._compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP)

    def add(self, data: bytes, *, flush: bool) -> bytes:
        found = self._compressor.compress(data)
        return found + self._compressor.flush(isal_zlib.Z_SYNC_FLUSH) if flush else found

    def end(self, data: bytes) -> bytes:
        return self._compressor.compress(data) + self._compressor.flush(isal_zlib.Z_FINISH)


def make_encoder(coding: str, levels: Levels, *, live: bool = False) -> Encoder:
    """For an answer that comes in parts.

    Args:
        live: short messages, over a long time, to many at once.
    """
    match coding:
        case "zstd":
            options: dict[int, int] = {CompressionParameter.compression_level: levels.zstd}
            return _Zstd(ZstdCompressor(options=options | _LIVE_ZSTD if live else options))
        case "br":
            return _Brotli(levels.brotli, _LIVE_BROTLI_WINDOW if live else 22)
        case "gzip":
            return _Gzip(_LIVE_GZIP_LEVEL if live else levels.gzip)
    msg = f"there is no content coding {coding!r} here"
    raise ValueError(msg)


def compress(data: bytes, coding: str, levels: Levels) -> bytes:
    """All at once."""
    match coding:
        case "zstd":
            return ZstdCompressor(level=levels.zstd).compress(data, ZstdCompressor.FLUSH_FRAME)
        case "br":
            found: bytes = brotli.compress(data, quality=levels.brotli)
            return found
        case "gzip":
            return isal_zlib.compress(data, levels.gzip, _GZIP)
    msg = f"there is no content coding {coding!r} here"
    raise ValueError(msg)


class Packer:
    """`compress` for one thread, which saves making a new state of zstd each time: 10 µs, of 16 for a small answer."""

    __slots__ = ("_levels", "_zstd")

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._zstd = ZstdCompressor(level=levels.zstd)

    def pack(self, data: bytes, coding: str) -> bytes:
        """All at once."""
        if coding == "zstd":
            return self._zstd.compress(data, ZstdCompressor.FLUSH_FRAME)
        return compress(data, coding, self._levels)

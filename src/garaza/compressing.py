"""Compression as this service wants it: what is put together in `kit`, for the routes that there are."""

from __future__ import annotations

from fastapi import FastAPI

from garaza.kit.compression import Compression
from garaza.kit.encoders import Levels
from garaza.settings import CompressionSettings

NEVER_COMPRESSED = r"/api/(?:auth/|shared/[^/]+/?\Z|rooms/[^/]+/shares(?:/|\Z))"
"""Paths of answers with tokens in them: of logins, and of links, whose addresses are secrets. A test looks for answers
with such fields. Other routes can say `Cache-Control: no-transform`."""


def add_compression(app: FastAPI, settings: CompressionSettings) -> None:
    """Put it around what `app` has by now, if it is wanted."""
    if settings.enabled:
        levels = Levels(settings.zstd_level, settings.brotli_quality, settings.gzip_level)
        app.add_middleware(Compression, minimum_bytes=settings.minimum_bytes, levels=levels, never=NEVER_COMPRESSED)

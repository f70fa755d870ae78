"""What stays the same for as long as the process runs: kept in memory in each coding, and sent without any work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.responses import Response

from garaza.kit.conditional import Validators, check_read
from garaza.kit.content_codings import accept_encoding, choose
from garaza.kit.encoders import Levels, make_encoder

IDENTITY = "identity"
SMALLEST = 200
"""Bytes below which compressing is not worth a header."""
_HARD = Levels(zstd=15, brotli=9, gzip=3)
"""It is done once; the last levels of all take seconds, which the first client would wait for."""


@dataclass(frozen=True, slots=True)
class Document:
    """Something of this kind."""

    media_type: str
    bodies: dict[str, bytes]
    """By content coding, those first that are liked best; "identity" is always there."""
    digest: str

    @classmethod
    def of(cls, content: bytes, media_type: str, codings: tuple[str, ...] = ("br", "zstd", "gzip")) -> Document:
        """One that is compressed now. Blocks for a while."""
        wanted = codings if len(content) >= SMALLEST else ()
        packed = {coding: make_encoder(coding, _HARD).end(content) for coding in wanted}
        return cls.prepared(media_type, {**packed, IDENTITY: content})

    @classmethod
    def prepared(cls, media_type: str, bodies: dict[str, bytes]) -> Document:
        """One that was compressed before."""
        return cls(media_type, bodies, sha256(bodies[IDENTITY]).hexdigest()[:32])

    def answer(self, headers: Headers, cache_control: str) -> Response:
        """To GET and HEAD: in the coding that the client takes, or 304.

        Raises:
            HTTPException: 412.
        """
        offered = tuple(coding for coding in self.bodies if coding != IDENTITY)
        coding = choose(accept_encoding(headers), offered).coding or IDENTITY
        tag = f'"{self.digest}-{coding}"'
        told = {"ETag": tag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        if check_read(headers, Validators((tag,))) is not None:
            return Response(status_code=304, headers=told)
        if coding != IDENTITY:
            told["Content-Encoding"] = coding
        return Response(self.bodies[coding], media_type=self.media_type, headers=told)


class LateDocument:
    """One that is made when somebody first asks for it, in a thread and once."""

    def __init__(self, make: Callable[[], Document]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._document: Document | None = None

    async def get(self) -> Document:
        """The document."""
        async with self._making:
            if self._document is None:
                self._document = await asyncio.to_thread(self._make)
            return self._document

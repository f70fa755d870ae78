"""Vectors of what was looked for: the same words with another filter, or on another page, aren't encoded again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from garaza.furniture.embedding.port import Encoder, Vectors
from garaza.kit.cache.cache import Cache, Life, Subject

_NUMBER = np.dtype("<f4")


class VectorCodec:
    """The numbers, one after the other."""

    version = "f4"

    def encode(self, value: Vectors) -> bytes:
        """See `Codec`."""
        return value.astype(_NUMBER).tobytes()

    def decode(self, data: bytes) -> Vectors:
        """See `Codec`."""
        return np.frombuffer(data, _NUMBER)


class KeptQueries:
    """An Encoder that remembers for a while. Whoever asks for what another one is waiting for, waits with them.

    Copies are of a model, and nothing outdates them. They are in memory only: to ask another process for one would hold
    up all who ask for something new.
    """

    def __init__(self, encoder: Encoder, cache: Cache, seconds: float) -> None:
        self.model_id = encoder.model_id
        self.dimensions = encoder.dimensions
        self._encoder = encoder
        self._subject: Subject[Vectors] = Subject(
            cache,
            "furniture_query",
            VectorCodec(),
            Life(seconds, shared=False),
            # Always the same: nobody has to be heard of.
            validator=lambda: encoder.model_id,
        )

    async def query(self, text: str) -> Vectors:
        """See the port. Capitals and blanks say nothing of what is looked for."""
        words = " ".join(text.lower().split())
        digest = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        vector = await self._subject.get_or_compute(f"{self.model_id}:{digest}", (), lambda: self._encoder.query(words))
        assert vector is not None, "a text always has one"
        return vector

    def documents(self, texts: Sequence[str]) -> Vectors:
        """See the port: of these nothing is kept here."""
        return self._encoder.documents(texts)

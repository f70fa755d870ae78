"""Copies of answers about the catalogue. Each is of one edition, so that another one outdates them all.

Keys say which, and which release answers. A version's number alone wouldn't do where processes share a Redis: another
database, or the same one before a backup was restored, has a version of that number, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from garaza import __version__
from garaza.furniture.runtime import Edition
from garaza.kit.cache.cache import Cache, Life, Subject

_DOUBTFUL_SECONDS = 5.0
_NEGATIVE_SECONDS = 60.0
_NAMES = ("catalogue",)


@dataclass(frozen=True, slots=True)
class Body:
    """A finished answer: what is sent again isn't looked at again."""

    content: bytes
    whole: bool = True
    """False: something that it is made of couldn't be asked, and can perhaps in a moment."""


class BodyCodec:
    """A flag, and the content as it is."""

    version = "body1"

    def encode(self, value: Body) -> bytes:
        """See `Codec`."""
        return (b"+" if value.whole else b"-") + value.content

    def decode(self, data: bytes) -> Body:
        """See `Codec`."""
        if data[:1] not in {b"+", b"-"}:
            raise ValueError
        return Body(data[1:], data[:1] == b"+")


class Answers:
    """Of one kind. Without a cache each is made anew.

    Args:
        edition: of the catalogue, as this process serves it. Nobody else has to tell that it is another one.
        shared: whether the tier of all processes is asked as well. What isn't whole stays here: others may have what it
            lacks.
    """

    def __init__(
        self, cache: Cache | None, name: str, seconds: float, edition: Callable[[], Edition], *, shared: bool
    ) -> None:
        self._edition = edition
        self._subject: Subject[Body] | None = None
        if cache is not None and seconds > 0:
            life = Life(seconds, min(seconds, _NEGATIVE_SECONDS), shared=shared)
            self._subject = Subject(
                cache,
                name,
                BodyCodec(),
                life,
                validator=edition,
                keep=lambda body: None if body.whole else _DOUBTFUL_SECONDS,
                share=lambda body: body.whole,
            )

    async def get(self, question: object, make: Callable[[], Awaitable[Body | None]]) -> Body | None:
        """The answer to this question; `question` says everything that it depends on, by its `repr`."""
        if self._subject is None:
            return await make()
        about = repr((__version__, self._edition(), question))
        digest = hashlib.blake2b(about.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return await self._subject.get_or_compute(digest, _NAMES, make)

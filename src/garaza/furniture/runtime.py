"""What searches are answered from: one version of the catalogue, exchanged as a whole when the next one is ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from garaza.errors import GarazaError
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.found import Found, Suggestion

State = Literal["empty", "preparing", "ready"]


class ShelfNotReadyError(GarazaError):
    """The first version is still being prepared."""

    def __init__(self) -> None:
        detail = "The catalogue is being prepared. Try again in a few seconds."
        super().__init__(503, "catalogue_not_ready", detail, {"Retry-After": "5"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfState:
    """For operators and health."""

    state: State
    """empty: there is no catalogue. ready: something is served, even while the next is prepared."""
    version: int
    """That is served; 0: none."""
    preparing: int | None
    """The version that is being made ready."""
    products: int
    semantic: bool
    """Whether meaning is looked at."""
    model_id: str | None
    index: str | None
    error: str | None
    """Why the newest version can't be made ready, or meaning not be looked at: for operators."""


class Shelf:
    """Entered with the service: everything that takes time happens in the background, nothing in a request."""

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End, and let go of everything."""
        raise NotImplementedError

    @property
    def state(self) -> ShelfState:
        """At this moment."""
        raise NotImplementedError

    @property
    def version(self) -> int:
        """That is served; 0: none. Copies of answers are of a version."""
        raise NotImplementedError

    async def search(self, asked: Asked) -> Found:
        """See `engine.search`.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        raise NotImplementedError

    async def similar(self, asin: str, limit: int, country: str | None = None) -> Found | None:
        """More like this product; None: there is no such product.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        raise NotImplementedError

    def suggest(self, text: str, limit: int) -> list[Suggestion]:
        """How a text may go on. Well below a millisecond.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        raise NotImplementedError

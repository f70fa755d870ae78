"""How many connections there may be, and how many of one account or address."""

from __future__ import annotations

from collections import Counter
from typing import Self

from garaza.errors import GarazaError


class Place:
    """Of one connection, which leaves it with the block, however that ends."""

    __slots__ = ("_places", "name")

    def __init__(self, places: Places, name: str) -> None:
        self._places = places
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._places.taken -= 1
        self._places.leave(self.name)

    def move(self, name: str) -> None:
        """It has turned out whose it is.

        Raises:
            GarazaError: 429, they have too many.
        """
        if name != self.name:
            self._places.check_one(name)
            self._places.leave(self.name)
            self._places.enter(name)
            self.name = name


class Places:
    """Of one process."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._of_one: Counter[str] = Counter()
        self.taken = 0
        self.refused: Counter[str] = Counter()
        """How many, by the code that they were told."""

    def take(self, name: str) -> Place:
        """One for the length of a block.

        Raises:
            GarazaError: 503, there are too many; 429, too many of this name.
        """
        if self.taken >= self._most:
            raise self._refuse(503, "too_many_connections", "There are too many connections. Try again in a moment.")
        self.check_one(name)
        self.taken += 1
        self.enter(name)
        return Place(self, name)

    def check_one(self, name: str) -> None:
        """Raises:
        GarazaError: 429.
        """
        if self._of_one[name] >= self._most_of_one:
            detail = f"You have {self._most_of_one} connections open, which is as many as there may be. Close some."
            raise self._refuse(429, "too_many_of_yours", detail)

    def enter(self, name: str) -> None:
        """One more of this name."""
        self._of_one[name] += 1

    def leave(self, name: str) -> None:
        """One less."""
        self._of_one[name] -= 1
        if not self._of_one[name]:
            del self._of_one[name]

    def _refuse(self, status: int, code: str, detail: str) -> GarazaError:
        self.refused[code] += 1
        return GarazaError(status, code, detail, {"Retry-After": "5"})

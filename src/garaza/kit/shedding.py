"""Turning away what can't be done in time, at once: a queue that only grows helps nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class Room:
    """A number of places for requests of one kind."""

    __slots__ = ("in_use", "name", "places", "turned_away")

    def __init__(self, name: str, places: int) -> None:
        self.name = name
        self.places = places
        self.in_use = 0
        self.turned_away = 0


Choose = Callable[[Scope], tuple[Room, ...]]
"""The rooms in each of which a request takes a place; none: it is always let in."""


class LoadShedding:
    """Lets a request in if there is a place for it in each of its rooms, and answers it otherwise. Nobody waits."""

    def __init__(self, app: ASGIApp, choose: Choose, turn_away: ASGIApp) -> None:
        self._app = app
        self._choose = choose
        self._turn_away = turn_away

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        rooms = self._choose(scope) if scope["type"] == "http" else ()
        return self._let_in(rooms, scope, receive, send) if rooms else self._app(scope, receive, send)

    async def _let_in(self, rooms: tuple[Room, ...], scope: Scope, receive: Receive, send: Send) -> None:
        for room in rooms:
            if room.in_use >= room.places:
                room.turned_away += 1
                await self._turn_away(scope, receive, send)
                return
        for room in rooms:
            room.in_use += 1
        try:
            await self._app(scope, receive, send)
        finally:
            for room in rooms:
                room.in_use -= 1

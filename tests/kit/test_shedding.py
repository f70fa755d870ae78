"""Who finds no room is told at once, and nobody's place is ever lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from garaza.kit.shedding import LoadShedding, Room

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Place:
    """An application with a room for all, a smaller one inside, and a door that is always open."""

    def __init__(self) -> None:
        self.all, self.few = Room("all", 3), Room("few", 1)
        self.open = asyncio.Event()
        rooms = {"/": (self.all,), "/heavy": (self.few, self.all), "/health": ()}
        self.app = LoadShedding(self._work, lambda scope: rooms[scope["path"]], PlainTextResponse("full", 503))

    async def _work(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/health":
            await self.open.wait()
        if scope.get("fails"):
            raise RuntimeError
        await PlainTextResponse("done")(scope, receive, send)

    def ask(self, path: str = "/", **more: Any) -> asyncio.Task[int]:
        return asyncio.create_task(self._status(path, more))

    async def _status(self, path: str, more: dict[str, Any]) -> int:
        statuses: list[int] = []

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        await self.app({"type": "http", "method": "GET", "path": path, "headers": [], **more}, None, send)
        return statuses[0]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_more_than_there_is_room_for_are_turned_away_at_once() -> None:
    place = Place()
    asked = [place.ask() for _ in range(5)]
    await settle()
    assert [task.done() for task in asked] == [False] * 3 + [True] * 2
    assert await place.ask("/health") == 200
    place.open.set()
    assert await asyncio.gather(*asked) == [200, 200, 200, 503, 503]
    assert (place.all.in_use, place.all.turned_away) == (0, 2)
    assert await place.ask() == 200


async def test_heavy_ones_fill_their_own_room_and_leave_some_for_others() -> None:
    place = Place()
    heavy = [place.ask("/heavy") for _ in range(3)]
    await settle()
    assert [task.done() for task in heavy] == [False, True, True]
    light = [place.ask() for _ in range(3)]
    await settle()
    assert (place.few.in_use, place.all.in_use) == (1, 3)
    place.open.set()
    assert await asyncio.gather(*heavy, *light) == [200, 503, 503, 200, 200, 503]
    assert (place.few.in_use, place.all.in_use) == (0, 0)


async def test_errors_and_cancellations_give_places_back() -> None:
    place = Place()
    failing, cancelled = place.ask(fails=True), place.ask("/heavy")
    await settle()
    cancelled.cancel()
    place.open.set()
    results = await asyncio.gather(failing, cancelled, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError, asyncio.CancelledError]
    assert (place.few.in_use, place.all.in_use) == (0, 0)

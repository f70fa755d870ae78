"""Reading activities, by pages and by cursors."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert

from garaza.accounts.activities import icon_of
from garaza.accounts.models import Activity
from garaza.kit.pagination import Place, make_cursor
from tests.accounts.house import House, Visitor
from tests.queries import Queries

pytestmark = pytest.mark.anyio

PATH = "/api/profile/activities"


async def fill(house: House, who: Visitor, count: int, action: str = "viewed") -> None:
    """The later a row, the newer; some share a moment."""
    rows = [
        {
            "user_id": who.id,
            "action": action,
            "description": f"{number}",
            "details": {},
            "created_at": house.clock() + number // 3,
        }
        for number in range(count)
    ]
    async with house.database.write() as session:
        await session.execute(insert(Activity), rows)


def numbers(answer: httpx2.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(activity["description"]) for activity in answer.json() if activity["description"].isdecimal()]


def links(answer: httpx2.Response) -> dict[str, str]:
    return {name: address for address, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["link"])}


async def test_the_newest_come_first_and_twenty_of_them(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    await fill(house, anna, 30)
    await fill(house, berta, 5)
    with Queries(house.database) as seen:
        answer = await anna.get(PATH)
    assert len(seen) == 2, seen
    assert numbers(answer) == list(range(29, 9, -1))
    assert answer.headers["x-total-count"] == "31"
    assert numbers(await anna.get(PATH, limit=3)) == [29, 28, 27]
    assert numbers(await anna.get(PATH, page_size=3)) == [29, 28, 27]
    assert len((await anna.get(PATH, limit=100)).json()) == 31


async def test_following_the_links_gives_everything_once_and_the_way_back_too(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 25)
    answer = await anna.get(PATH, limit=7)
    found, pages = numbers(answer), 1
    while following := links(answer).get("next"):
        with Queries(house.database) as seen:
            answer = await anna.get(following)
        assert len(seen) == 2, seen
        found += numbers(answer)
        pages += 1
    assert found == list(range(24, -1, -1))
    assert pages == 4
    back = numbers(answer)
    while before := links(answer).get("prev"):
        answer = await anna.get(before)
        back = numbers(answer) + back
    assert back == list(range(24, -1, -1))
    assert numbers(await anna.get(links(answer)["first"])) == list(range(24, 17, -1))


async def test_new_ones_that_come_meanwhile_shift_nothing_under_a_cursor(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 10)
    first = await anna.get(PATH, limit=4)
    house.clock.now += 100
    await fill(house, anna, 3)
    assert numbers(await anna.get(links(first)["next"])) == [5, 4, 3, 2]


async def test_numbered_pages_link_to_numbered_pages(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 25)
    answer = await anna.get(PATH, page=2, page_size=10, action="viewed")
    assert numbers(answer) == list(range(14, 4, -1))
    assert answer.headers["x-total-count"] == "25"
    assert links(answer) == {
        "first": f"{PATH}?page_size=10&action=viewed",
        "next": f"{PATH}?page_size=10&action=viewed&page=3",
        "prev": f"{PATH}?page_size=10&action=viewed&page=1",
    }
    last = await anna.get(PATH, page=3, page_size=10, action="viewed")
    assert numbers(last) == [4, 3, 2, 1, 0]
    assert "next" not in links(last)
    beyond = await anna.get(PATH, page=4, page_size=10, action="viewed")
    assert beyond.json() == []
    assert beyond.headers["x-total-count"] == "25"


async def test_only_some_actions(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 5)
    await fill(house, anna, 2, action="moved")
    answer = await anna.get(PATH, action="moved")
    assert [activity["action"] for activity in answer.json()] == ["moved", "moved"]
    assert answer.headers["x-total-count"] == "2"
    assert (await anna.get(PATH, action="never")).json() == []
    assert (await anna.get(PATH, action="never")).headers["x-total-count"] == "0"


async def test_a_long_list_is_not_counted_and_read_to_its_end_by_cursor(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 10_050)
    answer = await anna.get(PATH)
    assert "x-total-count" not in answer.headers
    assert (await anna.get(PATH, limit=1)).status_code == 200
    deepest = await anna.get(PATH, page=100, limit=100)
    assert numbers(deepest)[-1] == 50
    assert "cursor=" in links(deepest)["next"], "where numbers end, the cursor goes on"
    assert numbers(await anna.get(links(deepest)["next"])) == list(range(49, -1, -1))
    for page, limit in [(101, 100), (10_001, 1), (2**31, 1)]:
        too_deep = await anna.get(PATH, page=page, limit=limit)
        assert too_deep.status_code == 422
        assert "cursor" in too_deep.json()["detail"]


async def test_a_list_of_exactly_as_many_as_are_counted_is_counted(house: House) -> None:
    anna = await house.register()
    await fill(house, anna, 9_999)
    assert (await anna.get(PATH)).headers["x-total-count"] == "10000"


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": -1},
        {"page": "x"},
        {"page": 10**30},
        {"limit": 0},
        {"limit": -1},
        {"limit": 101},
        {"page_size": 101},
        {"cursor": "x"},
        {"cursor": ""},
        {"cursor": "W10"},
        {"cursor": "é"},
        {"cursor": "a" * 500},
        {"cursor": make_cursor(Place((1, 2)))},
        {"cursor": make_cursor(Place((1.0, 2.0)))},
        {"cursor": make_cursor(Place((1.0, 2**63)))},
        {"cursor": make_cursor(Place((float("nan"), 2)))},
        {"cursor": make_cursor(Place((float("inf"), 2)))},
        {"cursor": make_cursor(Place((1.0, 2, 3)))},
        {"cursor": make_cursor(Place((1.0, "2")))},
        {"cursor": make_cursor(Place((1.0, 2))), "page": 1},
        {"action": "A"},
        {"action": "x" * 51},
        {"action": ""},
    ],
)
async def test_what_can_not_be_asked_for_is_refused(house: House, query: dict[str, Any]) -> None:
    anna = await house.register()
    assert (await anna.get(PATH, **query)).status_code == 422


async def test_another_ones_cursor_shows_nothing_of_theirs(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    await fill(house, anna, 5)
    await fill(house, berta, 5)
    cursor = links(await berta.get(PATH, limit=1))["next"]
    assert {activity["id"] for activity in (await anna.get(cursor)).json()} <= {
        activity["id"] for activity in (await anna.get(PATH, limit=100)).json()
    }


async def test_what_a_machine_does_to_nobody_in_particular_goes_to_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with house.database.write() as session:
        assert await house.accounts.activities.add(session, 0, "admin_cleanup", "Removed old scans", {"count": 3}) == 0
    assert "admin_cleanup: Removed old scans" in caplog.text


async def test_a_description_is_cut_and_not_refused(house: House) -> None:
    anna = await house.register()
    async with house.database.write() as session:
        await house.accounts.activities.add(session, anna.id, "upload", "x" * 600)
    assert len((await anna.get(PATH)).json()[0]["description"]) == 500


def test_each_kind_of_activity_has_a_picture() -> None:
    assert icon_of("upload") != icon_of("admin_cleanup") != icon_of("anything")

"""What plans and guests' days allow, however many ask at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, literal, select

from garaza.accounts.models import Activity, GuestDay, User
from garaza.accounts.plans import GIB
from garaza.accounts.quota import day_of, month_of, next_day, next_month
from garaza.errors import GarazaError
from tests.accounts.conftest import MakeHouse
from tests.accounts.house import House
from tests.queries import Queries

pytestmark = pytest.mark.anyio

ADDRESS = "a" * 64


async def charge(house: House, user_id: int) -> None:
    async with house.database.write() as session:
        await house.accounts.quota.charge_scan(session, user_id)


async def charge_guest(house: House, guest: str = ADDRESS) -> None:
    async with house.database.write() as session:
        await house.accounts.quota.charge_guest(session, guest)


async def allow_storage(house: House, user_id: int, more: int) -> None:
    async with house.database.write() as session:
        await house.accounts.quota.allow_storage(session, user_id, more)


async def outcome(attempt: Awaitable[None]) -> str:
    try:
        await attempt
    except GarazaError as error:
        return error.code
    return "fine"


async def counters(house: House, user_id: int) -> tuple[int, int]:
    async with house.database.read() as session:
        stats = await house.accounts.profile.stats(session, user_id)
    return stats.scans_this_month, stats.total_scans


def at(year: int, month: int, day: int, hour: int = 0) -> float:
    return datetime(year, month, day, hour, tzinfo=UTC).timestamp()


# Scans ----------------------------------------------------------------------------------------------------------------


async def test_forty_charges_at_once_count_forty(house: House) -> None:
    anna = await house.register()
    await house.change(anna.id, plan="pro")
    assert await asyncio.gather(*(outcome(charge(house, anna.id)) for _ in range(40))) == ["fine"] * 40
    assert await counters(house, anna.id) == (40, 40)


async def test_a_free_plan_has_three_scans_a_month_however_many_ask_at_once(house: House) -> None:
    anna = await house.register()
    outcomes = await asyncio.gather(*(outcome(charge(house, anna.id)) for _ in range(12)))
    assert sorted(outcomes) == ["fine"] * 3 + ["scan_limit_reached"] * 9
    assert await counters(house, anna.id) == (3, 3)


async def test_who_has_none_left_is_told_when_there_are_new_ones(house: House) -> None:
    anna = await house.register()
    house.clock.now = at(2026, 12, 31, 23)
    for _ in range(3):
        await charge(house, anna.id)
    with pytest.raises(GarazaError) as caught:
        await charge(house, anna.id)
    assert caught.value.status == 403
    assert caught.value.extra == {"limit": 3, "resets_at": "2027-01-01T00:00:00.000Z"}
    assert "2027-01-01" in caught.value.detail


async def test_a_new_month_begins_by_itself(house: House) -> None:
    anna = await house.register()
    house.clock.now = at(2026, 11, 30, 23)
    for _ in range(3):
        await charge(house, anna.id)
    assert await counters(house, anna.id) == (3, 3)
    house.clock.now = at(2026, 12, 1)
    assert await counters(house, anna.id) == (0, 3)
    outcomes = await asyncio.gather(*(outcome(charge(house, anna.id)) for _ in range(5)))
    assert sorted(outcomes) == ["fine"] * 3 + ["scan_limit_reached"] * 2
    assert await counters(house, anna.id) == (3, 6)
    # The same month of another year is another month.
    house.clock.now = at(2027, 12, 1)
    assert await counters(house, anna.id) == (0, 6)


async def test_what_is_refused_later_in_the_transaction_was_not_charged(house: House) -> None:
    anna = await house.register()
    with pytest.raises(RuntimeError):
        async with house.database.write() as session:
            await house.accounts.quota.charge_scan(session, anna.id)
            raise RuntimeError
    assert await counters(house, anna.id) == (0, 0)


async def test_a_charge_is_one_statement(house: House) -> None:
    anna = await house.register()
    with Queries(house.database) as seen:
        await charge(house, anna.id)
    assert len(seen) == 1, seen


async def test_nobody_is_charged_who_is_not_there(house: House) -> None:
    assert await outcome(charge(house, 999)) == "not_found"
    anna = await house.register()
    async with house.database.write() as session:
        await house.accounts.mark_deleted(session, anna.id)
    assert await outcome(charge(house, anna.id)) == "not_found"


@pytest.mark.parametrize(
    ("now", "month", "begins"),
    [
        (at(2026, 1, 1), 202601, at(2026, 2, 1)),
        (at(2026, 11, 30, 23), 202611, at(2026, 12, 1)),
        (at(2026, 12, 31, 23), 202612, at(2027, 1, 1)),
        (at(2028, 2, 29), 202802, at(2028, 3, 1)),
    ],
)
async def test_months_are_those_of_utc(now: float, month: int, begins: float) -> None:
    assert (month_of(now), next_month(now)) == (month, begins)
    assert month_of(begins - 0.001) == month
    assert month_of(begins) != month


# Guests ---------------------------------------------------------------------------------------------------------------


async def test_a_guest_has_three_scans_a_day_however_many_ask_at_once(house: House) -> None:
    outcomes = await asyncio.gather(*(outcome(charge_guest(house)) for _ in range(10)))
    assert sorted(outcomes) == ["fine"] * 3 + ["guest_limit_reached"] * 7
    assert await outcome(charge_guest(house, "b" * 64)) == "fine", "another address"
    house.clock.now = next_day(house.clock())
    assert await outcome(charge_guest(house)) == "fine"


async def test_a_guest_is_told_to_come_back_tomorrow(house: House) -> None:
    house.clock.now = at(2026, 11, 30, 22)
    for _ in range(3):
        await charge_guest(house)
    with pytest.raises(GarazaError) as caught:
        await charge_guest(house)
    assert caught.value.extra == {"limit": 3, "resets_at": "2026-12-01T00:00:00.000Z"}
    assert day_of(house.clock()) == 20261130


@pytest.mark.parametrize(("limit", "fine"), [(0, 0), (1, 1), (-1, 8)])
async def test_how_many_scans_guests_have_is_a_setting(build: MakeHouse, limit: int, fine: int) -> None:
    house = build(guest_scans_per_day=limit)
    outcomes = [await outcome(charge_guest(house)) for _ in range(8)]
    assert outcomes.count("fine") == fine


async def test_a_charge_of_a_guest_is_one_statement(house: House) -> None:
    await charge_guest(house)
    with Queries(house.database) as seen:
        await charge_guest(house)
    assert len(seen) == 1, seen


async def test_addresses_are_forgotten(house: House) -> None:
    for number in range(5):
        await charge_guest(house, f"{number}" * 64)
    house.clock.now = next_day(house.clock()) + 3600
    await charge_guest(house)
    async with house.database.write() as session:
        assert await house.accounts.purge(session) == 5
        assert await house.accounts.purge(session) == 0
    async with house.database.read() as session:
        assert (await session.scalars(select(GuestDay.address))).all() == [ADDRESS]


# Storage --------------------------------------------------------------------------------------------------------------


async def test_storage_is_what_is_there_and_not_what_was_counted(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    await house.store(berta.id, GIB)
    await house.store(anna.id, GIB - 10)
    assert await outcome(allow_storage(house, anna.id, 10)) == "fine"
    assert await outcome(allow_storage(house, anna.id, 11)) == "storage_limit_reached"
    assert await outcome(allow_storage(house, 999, 1)) == "not_found"
    await house.change(anna.id, plan="pro")
    assert await outcome(allow_storage(house, anna.id, 49 * GIB)) == "fine"
    with pytest.raises(GarazaError) as caught:
        await allow_storage(house, anna.id, 50 * GIB)
    assert caught.value.extra == {"used": GIB - 10, "limit": 50 * GIB}


async def test_of_two_uploads_at_once_that_fit_only_one_by_one_the_second_is_refused(house: House) -> None:
    anna = await house.register()
    turns = asyncio.Barrier(2)

    async def upload() -> None:
        await turns.wait()
        async with house.database.write() as session:
            await house.accounts.quota.allow_storage(session, anna.id, 700_000_000)
            await house.store_in(session, anna.id, 700_000_000)

    outcomes = await asyncio.gather(outcome(upload()), outcome(upload()))
    assert sorted(outcomes) == ["fine", "storage_limit_reached"]


async def test_guests_have_room_too_and_a_limit_to_it(build: MakeHouse) -> None:
    quota = build(guest_storage_bytes=100).accounts.quota
    quota.allow_guest_storage(60, 40)
    with pytest.raises(GarazaError) as caught:
        quota.allow_guest_storage(60, 41)
    assert (caught.value.status, caught.value.code) == (403, "storage_limit_reached")
    build(guest_storage_bytes=-1).accounts.quota.allow_guest_storage(1 << 50, 1)


# Rooms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "limit"), [("free", 5), ("pro", 100), ("enterprise", None)])
async def test_rooms_are_limited_by_plan(house: House, plan: str, limit: int | None) -> None:
    anna = await house.register()
    await house.change(anna.id, plan=plan)

    async def allow(rooms: int) -> None:
        async with house.database.write() as session:
            await house.accounts.quota.allow_room(session, anna.id, rooms)

    async def allow_counted(rooms: int) -> None:
        async with house.database.write() as session:
            await house.accounts.quota.allow_room(session, anna.id, literal(rooms))

    for ask in (allow, allow_counted):
        if limit is None:
            assert await outcome(ask(1_000_000)) == "fine"
        else:
            assert await outcome(ask(limit - 1)) == "fine"
            assert await outcome(ask(limit)) == "room_limit_reached"


async def test_rooms_as_an_expression_are_counted_when_nobody_else_can_add_one(house: House) -> None:
    anna = await house.register()
    # Any table will do for rooms.
    rooms = select(func.count()).select_from(Activity).where(Activity.action == "room").scalar_subquery()

    async def save() -> None:
        async with house.database.write() as session:
            await house.accounts.quota.allow_room(session, anna.id, rooms)
            await house.accounts.activities.add(session, anna.id, "room", "")

    outcomes = await asyncio.gather(*(outcome(save()) for _ in range(12)))
    assert sorted(outcomes) == ["fine"] * 5 + ["room_limit_reached"] * 7


async def test_the_lock_is_held_by_the_account_that_asks_alone(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    if house.database.dialect == "sqlite":
        return  # It has one writer at a time anyway.
    inside, never = asyncio.Event(), asyncio.Event()

    async def hold_annas() -> None:
        async with house.database.write() as session:
            await house.accounts.quota.allow_storage(session, anna.id, 1)
            inside.set()
            await never.wait()

    holding = asyncio.create_task(hold_annas())
    await inside.wait()
    await allow_storage(house, berta.id, 1)
    # What only refers to the account goes on, too.
    async with house.database.write() as session:
        await house.accounts.activities.add(session, anna.id, "upload", "")
    waiting = asyncio.create_task(allow_storage(house, anna.id, 1))
    async with house.database.read() as session:
        assert await session.scalar(select(User.plan).where(User.id == anna.id)) == "free"
    assert not waiting.done()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await waiting

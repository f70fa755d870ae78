"""How an account goes, and what is left of it meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from garaza.accounts.models import Activity, LoginSession, RevokedToken, User
from garaza.accounts.plans import Plan
from garaza.errors import GarazaError
from garaza.jobs.models import Job
from garaza.kit.pagination import Paging, read_cursor
from tests.accounts.conftest import MakeHouse
from tests.accounts.house import House

pytestmark = pytest.mark.anyio


async def mark(house: House, user_id: int) -> None:
    async with house.database.write() as session:
        await house.accounts.mark_deleted(session, user_id)


async def finish(house: House, user_id: int) -> bool:
    async with house.database.write() as session:
        return await house.accounts.finish_deleted(session, user_id)


async def count(house: House, table: Any) -> int:
    async with house.database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_marked_account_is_gone_for_everybody_at_once(house: House) -> None:
    anna = await house.register()
    await mark(house, anna.id)
    for answer in (
        await anna.get("/api/auth/me"),
        await house.refresh(anna.refresh_token),
        await house.login(),
    ):
        assert answer.status_code == 401
    async with house.database.read() as session:
        assert list(await house.accounts.marked(session, 10)) == [anna.id]
        with pytest.raises(GarazaError) as caught:
            await house.accounts.get(session, anna.id)
    assert caught.value.status == 404


async def test_the_names_of_a_marked_account_are_free_again(house: House) -> None:
    anna = await house.register()
    await mark(house, anna.id)
    again = await house.register()
    assert again.id != anna.id
    await mark(house, again.id)
    assert await count(house, User) == 2


async def test_nobody_can_have_the_name_that_a_deleted_account_is_given(house: House) -> None:
    anna = await house.register()
    for name in (f"deleted:{anna.id}", f"DELETED:{anna.id}"):
        body = {"email": f"x{len(name)}@example.com", "username": name, "password": "correct horse"}
        await house.client.post("/api/auth/register", json=body)
    await mark(house, anna.id)


async def test_of_two_that_delete_at_once_one_is_first(house: House) -> None:
    anna = await house.register()
    outcomes = await asyncio.gather(*(mark(house, anna.id) for _ in range(4)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["GarazaError"] * 3 + ["NoneType"]


async def test_the_row_goes_with_logins_and_activities_but_not_while_scans_belong_to_it(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    assert not await finish(house, anna.id), "it isn't marked"
    await house.store(anna.id, 5)
    await mark(house, anna.id)
    with pytest.raises(IntegrityError):
        await finish(house, anna.id)
    async with house.database.write() as session:
        for job in await session.scalars(select(Job)):
            await session.delete(job)
    assert await finish(house, anna.id)
    assert not await finish(house, anna.id)
    assert await count(house, User) == await count(house, LoginSession) == await count(house, Activity) == 1
    assert await berta.may_enter()


async def test_what_has_expired_is_removed_and_nothing_else(house: House) -> None:
    anna = await house.register()
    gone = await house.signed_in()
    await gone.post("/api/auth/logout")
    house.clock.now += 800
    still = await house.signed_in()
    await still.post("/api/auth/logout")

    async def purge() -> int:
        async with house.database.write() as session:
            return await house.accounts.purge(session)

    assert await purge() == 0
    house.clock.now += 200
    assert await purge() == 1
    assert await count(house, RevokedToken) == 1
    assert await count(house, LoginSession) == 3
    assert (await house.refresh(anna.refresh_token)).status_code == 200
    house.clock.now += 30 * 24 * 3600 - 100
    assert await purge() == 3, "the other token, and the two logins that weren't used"
    assert await count(house, LoginSession) == 1
    house.clock.now += 1000
    assert await purge() == 1
    assert await count(house, LoginSession) == 0


async def test_accounts_are_listed_for_operators(house: House) -> None:
    visitors = [await house.register(f"anna{number}") for number in range(5)]
    await house.change(visitors[1].id, plan="pro")
    await house.change(visitors[2].id, plan="pro", is_active=False)
    await mark(house, visitors[4].id)

    async def listed(wanted: Paging | None = None, **filters: Any) -> tuple[list[str], Any]:
        async with house.database.read() as session:
            page = await house.accounts.page(session, wanted or Paging(), **filters)
        return [user.username for user in page.rows], page

    names, page = await listed()
    assert names == ["anna3", "anna2", "anna1", "anna0"]
    assert page.total == 4
    assert (await listed(plan=Plan.PRO))[0] == ["anna2", "anna1"]
    assert (await listed(plan=Plan.PRO, is_active=False))[0] == ["anna2"]
    assert (await listed(is_active=True))[0] == ["anna3", "anna1", "anna0"]
    _, first = await listed(Paging(1, 2))
    names, _ = await listed(Paging(1, 2, read_cursor(first.next, (int,))))
    assert names == ["anna1", "anna0"]


async def test_an_account_is_made_an_admin_and_stays_what_it_was(build: MakeHouse) -> None:
    house = build()
    anna = await house.register()
    for _ in range(2):
        async with house.database.write() as session:
            user = await house.accounts.promote(session, "ANNA@example.com")
            assert user is not None
            assert user.id == anna.id
    assert (await anna.get("/admins")).status_code == 200
    assert await anna.actions() == ["admin_grant", "register"]
    async with house.database.write() as session:
        assert await house.accounts.promote(session, "berta@example.com") is None

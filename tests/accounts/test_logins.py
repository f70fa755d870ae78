"""Logins: how they go on, and how they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from garaza.accounts.models import RevokedToken, Role
from garaza.errors import GarazaError
from garaza.kit.ids import new_id
from garaza.kit.signing_keys import SigningKeys
from tests.accounts.conftest import MakeHouse
from tests.accounts.house import PASSWORD, House, Visitor
from tests.queries import Queries

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "battery staple"
DAY = 24 * 3600


async def change_password(who: Visitor, current: str = PASSWORD, new: str = NEW_PASSWORD) -> httpx2.Response:
    return await who.put("/api/auth/password", {"current_password": current, "new_password": new})


# Going on -------------------------------------------------------------------------------------------------------------


async def test_a_refresh_token_gives_new_tokens_once(house: House) -> None:
    anna = await house.register()
    house.clock.now += 1000
    assert not await anna.may_enter(), "15 minutes are over"
    answer = await house.refresh(anna.refresh_token)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    again = Visitor(house, answer.json())
    assert await again.may_enter()
    assert again.refresh_token != anna.refresh_token
    assert again.refresh_token.split(".")[0] == anna.refresh_token.split(".")[0], "the same login"


async def test_a_login_ends_when_it_is_not_used_for_thirty_days(house: House) -> None:
    anna = await house.register()
    for _ in range(3):
        house.clock.now += 29 * DAY
        anna = Visitor(house, (await house.refresh(anna.refresh_token)).json())
    house.clock.now += 30 * DAY
    answer = await house.refresh(anna.refresh_token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")


async def test_a_refresh_token_that_comes_twice_ends_the_login(house: House) -> None:
    anna, elsewhere = await house.register(), await house.signed_in()
    thief = Visitor(house, (await house.refresh(anna.refresh_token)).json())
    assert await thief.may_enter()
    # The owner, who doesn't know that it was used.
    answer = await house.refresh(anna.refresh_token)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
    assert not await thief.may_enter()
    assert not await anna.may_enter()
    assert (await house.refresh(thief.refresh_token)).status_code == 401
    assert await elsewhere.may_enter(), "another login of the same account"
    assert (await elsewhere.actions())[0] == "token_reuse"
    # It is told once, however often somebody tries.
    await house.refresh(anna.refresh_token)
    assert (await elsewhere.actions()).count("token_reuse") == 1


async def test_of_many_refreshes_at_once_one_is_first_and_the_rest_are_copies(house: House) -> None:
    anna, elsewhere = await house.register(), await house.signed_in()
    answers = await asyncio.gather(*(house.refresh(anna.refresh_token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert (await elsewhere.actions()).count("token_reuse") == 1
    assert not await anna.may_enter()


@pytest.mark.parametrize("secret", ["a" * 43, "", "x"])
async def test_a_token_of_a_login_that_never_was_says_nothing(house: House, secret: str) -> None:
    anna = await house.register()
    answer = await house.refresh(f"{new_id()}.{secret}")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
    assert await anna.may_enter()


async def test_a_refresh_takes_two_queries(house: House) -> None:
    anna = await house.register()
    with Queries(house.database) as seen:
        await house.refresh(anna.refresh_token)
    assert (len(seen.reads), len(seen.writes)) == (1, 1), seen


async def test_tokens_survive_a_restart(build: MakeHouse, tmp_path: Path) -> None:
    def keys() -> SigningKeys:
        return SigningKeys(tmp_path / "keys.json", retire_after_seconds=900)

    before = build(keys=keys())
    anna = await before.register()
    after = build(keys=keys())
    anna = Visitor(after, anna.answer)
    assert await anna.may_enter()
    assert (await after.refresh(anna.refresh_token)).status_code == 200


async def test_a_rotated_key_signs_nobody_out(build: MakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    house = build(keys=SigningKeys(path, retire_after_seconds=900))
    anna = await house.register()
    # As the command line does, in another process.
    SigningKeys(path, retire_after_seconds=900).rotate()
    after = build(keys=SigningKeys(path, retire_after_seconds=900))
    berta = await after.register("berta")
    assert await Visitor(after, anna.answer).may_enter()
    assert await Visitor(house, berta.answer).may_enter(), "it learns of the new key when it sees it"


# Ending ---------------------------------------------------------------------------------------------------------------


async def test_signing_out_ends_this_login_alone(build: MakeHouse) -> None:
    house = build()
    anna, elsewhere = await house.register(), await house.signed_in()
    other_process = build()
    assert (await anna.post("/api/auth/logout")).json() == {"success": True}
    for place in (house, other_process):
        assert not await Visitor(place, anna.answer).may_enter()
        assert await Visitor(place, elsewhere.answer).may_enter()
    assert (await house.refresh(anna.refresh_token)).status_code == 401
    assert (await elsewhere.actions())[0] == "logout"


async def test_a_token_taken_back_opens_nothing_even_if_its_login_goes_on(house: House) -> None:
    anna = await house.register()
    claims = house.accounts.tokens.read(anna.access)
    async with house.database.write() as session:
        for _ in range(2):
            await house.accounts._accounts.blacklist(session, claims.jti, claims.session_id, claims.expires_at)
    assert not await anna.may_enter()
    assert await Visitor(house, (await house.refresh(anna.refresh_token)).json()).may_enter()


async def test_signing_out_puts_the_token_on_the_list_until_it_expires(house: House) -> None:
    anna = await house.register()
    expires_at = house.clock() + 900
    await anna.post("/api/auth/logout")
    async with house.database.read() as session:
        assert (await session.scalars(select(RevokedToken.expires_at))).all() == [expires_at]


async def test_signing_out_everywhere_ends_all_logins_of_nobody_else(house: House) -> None:
    anna = await house.register()
    others = [await house.signed_in() for _ in range(3)]
    berta = await house.register("berta")
    assert (await anna.post("/api/auth/logout-all")).json() == {"success": True, "sessions": 4}
    for one in (anna, *others):
        assert not await one.may_enter()
        assert (await house.refresh(one.refresh_token)).status_code == 401
    assert await berta.may_enter()
    assert "token_reuse" not in await (await house.signed_in()).actions()


async def test_logins_are_listed_and_can_be_ended_one_by_one(house: House) -> None:
    anna = await house.register()
    house.clock.now += 60
    phone = await house.signed_in()
    berta = await house.register("berta")
    house.clock.now += 60
    phone = Visitor(house, (await house.refresh(phone.refresh_token)).json())
    with Queries(house.database) as seen:
        listed = (await anna.get("/api/auth/sessions")).json()
    assert len(seen) == 2, seen
    assert [one["current"] for one in listed] == [False, True]
    assert listed[0]["created_at"] < listed[0]["last_used_at"]
    of_phone = listed[0]["id"]
    strange = await berta.ask("DELETE", f"/api/auth/sessions/{of_phone}")
    assert strange.status_code == 404
    assert await phone.may_enter()
    assert (await anna.ask("DELETE", f"/api/auth/sessions/{of_phone}")).json() == {"success": True}
    assert not await phone.may_enter()
    assert await anna.may_enter()
    assert (await anna.ask("DELETE", f"/api/auth/sessions/{of_phone}")).status_code == 404
    assert (await anna.ask("DELETE", "/api/auth/sessions/nonsense")).status_code == 404
    assert len((await anna.get("/api/auth/sessions")).json()) == 1


# Another password -----------------------------------------------------------------------------------------------------


async def test_another_password_ends_all_logins_and_begins_one(house: House) -> None:
    anna, elsewhere = await house.register(), await house.signed_in()
    answer = await change_password(anna)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    after = Visitor(house, answer.json())
    assert await after.may_enter()
    for one in (anna, elsewhere):
        assert not await one.may_enter()
        assert (await house.refresh(one.refresh_token)).status_code == 401
    assert (await house.login()).status_code == 401
    assert (await house.login(password=NEW_PASSWORD)).status_code == 200
    assert (await after.actions())[1] == "password_change"
    assert (await house.refresh(after.refresh_token)).status_code == 200


async def test_another_password_needs_the_current_one_and_a_good_new_one(house: House) -> None:
    anna = await house.register()
    wrong = await change_password(anna, current="not this one")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    short = await change_password(anna, new="short")
    assert (short.status_code, short.json()["code"]) == (422, "bad_password")
    assert await anna.may_enter()
    assert (await house.login()).status_code == 200


async def test_of_two_changes_at_once_one_is_first(house: House) -> None:
    anna = await house.register()
    answers = await asyncio.gather(*(change_password(anna, new=f"{NEW_PASSWORD} {n}") for n in range(4)))
    # Those who were late found another password, or were signed out already.
    assert {answer.status_code for answer in answers} <= {200, 401, 403, 409}
    assert [answer.status_code for answer in answers].count(200) == 1
    (number,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    assert (await house.login(password=f"{NEW_PASSWORD} {number}")).status_code == 200


async def test_a_password_confirms_or_does_not(house: House) -> None:
    anna = await house.register()
    await house.accounts.confirm_password(anna.id, PASSWORD)
    for user_id, password in [(anna.id, "not this one"), (anna.id, ""), (999, PASSWORD)]:
        with pytest.raises(GarazaError) as caught:
            await house.accounts.confirm_password(user_id, password)
        assert (caught.value.status, caught.value.code) == (403, "wrong_password")


# Who may what ---------------------------------------------------------------------------------------------------------


async def test_where_a_token_is_optional_a_bad_one_is_refused_all_the_same(house: House) -> None:
    anna = await house.register()
    assert (await house.client.get("/anybody")).json() == {"who": None}
    assert (await anna.get("/anybody")).json() == {"who": "anna"}
    for value in ("Bearer", "Bearer ", "Bearer x", f"bearer {anna.access}x", "Bearer a b"):
        answer = await house.client.get("/anybody", headers={"Authorization": value})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), value
        assert answer.headers["www-authenticate"].startswith("Bearer")
    proxy = await house.client.get("/anybody", headers={"Authorization": "Basic YTpi"})
    assert proxy.json() == {"who": None}, "a proxy's password is the proxy's business"


async def test_without_a_token_one_is_asked_for(house: House) -> None:
    for path in ("/api/auth/me", "/api/profile", "/admins"):
        answer = await house.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_admin_calls_are_for_admins_as_of_now(house: House) -> None:
    anna = await house.register()
    answer = await anna.get("/admins")
    assert (answer.status_code, answer.json()["code"]) == (403, "admins_only")
    await house.change(anna.id, role=Role.ADMIN.value)
    assert (await anna.get("/admins")).json() == {"who": "anna"}
    await house.change(anna.id, role=Role.USER.value)
    assert (await anna.get("/admins")).status_code == 403


async def test_the_token_of_one_account_does_not_open_another_ones_login(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    mixed = house.accounts.tokens.issue(anna.id, berta.refresh_token.split(".")[0], 900)
    answer = await house.client.get("/anybody", headers={"Authorization": f"Bearer {mixed}"})
    assert answer.status_code == 401

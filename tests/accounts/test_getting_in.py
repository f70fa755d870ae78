"""Registering and signing in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from garaza.accounts.models import LoginSession, User
from tests.accounts.conftest import MakeHouse
from tests.accounts.house import PASSWORD, CountingHasher, House
from tests.queries import Queries

pytestmark = pytest.mark.anyio

REGISTER = "/api/auth/register"


def body(email: str = "anna@example.com", username: str = "anna", password: str = PASSWORD) -> dict[str, str]:
    return {"email": email, "username": username, "password": password}


async def rows(house: House, table: Any) -> int:
    async with house.database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_registering_signs_in_and_gives_what_clients_read(house: House) -> None:
    answer = await house.client.post(REGISTER, json=body(" Anna@Example.COM ", " Anna  B "))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["token_type"] == "bearer"
    assert (told["expires_in"], told["refresh_expires_in"]) == (900, 30 * 24 * 3600)
    assert told["user"].items() >= {"email": "Anna@example.com", "username": "Anna B", "plan": "free"}.items()
    assert told["user"]["is_active"] is True
    assert told["user"]["role"] == "user"
    me = await house.client.get("/api/auth/me", headers={"Authorization": f"Bearer {told['access_token']}"})
    assert me.status_code == 200
    assert me.json() == told["user"]


async def test_nothing_that_is_told_or_stored_contains_the_password(house: House) -> None:
    anna = await house.register()
    assert PASSWORD not in str(anna.answer)
    async with house.database.read() as session:
        user = await session.get_one(User, anna.id)
        login = (await session.scalars(select(LoginSession))).one()
    assert user.password_hash.startswith("$argon2id$")
    assert anna.refresh_token.split(".")[1] not in login.token_hash


@pytest.mark.parametrize(
    ("again", "code"),
    [
        (body("ANNA@example.com", "berta"), "email_taken"),
        (body("berta@example.com", "ANNA"), "username_taken"),
        (body("berta@example.com", "\uff21nna"), "username_taken"),
        # A name that looks like what the database complains of.
        (body("email_key@example.com", "anna"), "username_taken"),
    ],
)
async def test_a_taken_name_is_told(house: House, again: dict[str, str], code: str) -> None:
    await house.register()
    answer = await house.client.post(REGISTER, json=again)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert await rows(house, User) == 1


async def test_a_name_can_not_pretend_to_be_another_complaint(house: House) -> None:
    await house.client.post(REGISTER, json=body(username="email_key"))
    answer = await house.client.post(REGISTER, json=body("berta@example.com", "EMAIL_KEY"))
    assert answer.json()["code"] == "username_taken"


async def test_of_eight_identical_registrations_at_once_one_wins(house: House) -> None:
    answers = await asyncio.gather(*(house.client.post(REGISTER, json=body()) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "email_taken",
        "username_taken",
    }
    assert await rows(house, User) == await rows(house, LoginSession) == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (body(email="anna"), "bad_email"),
        (body(email="anna@example.com\0"), "bad_email"),
        (body(username="a\0b"), "bad_username"),
        (body(username="x" * 51), "bad_username"),
        (body(username="x" * 300), "invalid_request"),
        (body(email="x" * 600), "invalid_request"),
        (body(username=" "), "bad_username"),
        (body(password="short"), "bad_password"),
        (body(password="x" * 1025), "invalid_request"),
        (body(password="abc\0defgh"), "bad_password"),
        ({}, "invalid_request"),
    ],
)
async def test_what_can_not_be_used_is_refused_before_it_costs_anything(
    house: House, wrong: dict[str, str], code: str
) -> None:
    answer = await house.client.post(REGISTER, json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert house.hasher.calls == []


async def test_registration_can_be_off(build: MakeHouse) -> None:
    house = build(registration=False)
    answer = await house.client.post(REGISTER, json=body())
    assert (answer.status_code, answer.json()["code"]) == (403, "registration_off")
    await house.accounts.create_admin("anna@example.com", "anna", PASSWORD)
    assert (await house.login()).status_code == 200


async def test_signing_in_by_json_and_by_form(house: House) -> None:
    anna = await house.register()
    by_json = await house.client.post("/api/auth/login", json={"email": "ANNA@example.com", "password": PASSWORD})
    form = {"username": "anna@example.com", "password": PASSWORD, "grant_type": "password", "scope": ""}
    by_form = await house.client.post("/api/auth/login/form", data=form)
    for answer in (by_json, by_form):
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["user"]["id"] == anna.id
    assert by_json.json()["refresh_token"] != by_form.json()["refresh_token"]
    assert await anna.actions() == ["login", "login", "register"]


async def test_unknown_users_and_wrong_passwords_look_and_cost_the_same(house: House) -> None:
    await house.register()
    await house.login()
    tries = [
        ("anna@example.com", "battery staple"),
        ("berta@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("anna@example.com", "short"),
        ("anna@example.com\0", PASSWORD),
    ]
    seen = []
    for email, password in tries:
        house.hasher.calls.clear()
        answer = await house.client.post("/api/auth/login", json={"email": email, "password": password})
        seen.append((answer.status_code, answer.text, list(house.hasher.calls)))
    assert seen[0][0] == 401
    assert "wrong_credentials" in seen[0][1]
    assert seen[0][2] == ["verify"]
    assert all(one == seen[0] for one in seen)


async def test_an_account_that_is_closed_is_told_so_only_to_who_knows_the_password(house: House) -> None:
    anna = await house.register()
    await house.change(anna.id, is_active=False)
    assert (await house.login(password="battery staple")).json()["code"] == "wrong_credentials"
    answer = await house.login()
    assert (answer.status_code, answer.json()["code"]) == (403, "account_inactive")
    refreshed = await house.refresh(anna.refresh_token)
    assert (refreshed.status_code, refreshed.json()["code"]) == (403, "account_inactive")
    me = await anna.get("/api/auth/me")
    assert (me.status_code, me.json()["code"]) == (403, "account_inactive")
    # Opened again, everything goes on where it was.
    await house.change(anna.id, is_active=True)
    assert await anna.may_enter()
    assert (await house.refresh(anna.refresh_token)).status_code == 200


async def test_old_hashes_are_replaced_when_the_password_is_known(build: MakeHouse) -> None:
    await build(hasher=CountingHasher(memory_cost=16)).register()
    house = build()

    async def stored() -> str:
        async with house.database.read() as session:
            return (await session.scalars(select(User.password_hash))).one()

    assert "m=16," in await stored()
    assert (await house.login(password="battery staple")).status_code == 401
    assert "m=16," in await stored()
    assert (await house.login()).status_code == 200
    assert "m=8," in await stored()
    house.hasher.calls.clear()
    assert (await house.login()).status_code == 200
    assert house.hasher.calls == ["verify"]


async def test_a_password_changed_while_signing_in_with_the_old_one_lets_nobody_in(house: House) -> None:
    anna = await house.register()
    stored = house.accounts._passwords.verify

    async def verify_and_be_late(password: str | None, against: str | None) -> Any:
        verdict = await stored(password, against)
        await house.change(anna.id, password_hash="$another")
        return verdict

    house.accounts._passwords.verify = verify_and_be_late  # type: ignore[method-assign]
    answer = await house.login()
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_credentials")
    assert await rows(house, LoginSession) == 1


async def test_many_who_sign_in_while_the_hash_is_made_anew_all_get_in(build: MakeHouse) -> None:
    await build(hasher=CountingHasher(memory_cost=16)).register()
    house = build()
    answers = await asyncio.gather(*(house.login() for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8


async def test_no_transaction_is_open_while_a_password_is_hashed(house: House) -> None:
    await house.register()
    in_use: list[int] = []
    verify, make = house.hasher.verify, house.hasher.hash

    def watched(call: Any) -> Any:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            in_use.append(house.database.pool_state().in_use)
            return call(*arguments, **options)

        return wrapper

    house.hasher.verify = watched(verify)  # type: ignore[method-assign]
    house.hasher.hash = watched(make)  # type: ignore[method-assign]
    await house.login()
    berta = await house.register("berta")
    await berta.put("/api/auth/password", {"current_password": PASSWORD, "new_password": "battery staple"})
    assert in_use == [0] * 5


async def test_signing_in_takes_a_read_and_two_writes(house: House) -> None:
    await house.register()
    await house.login()
    with Queries(house.database) as seen:
        assert (await house.login()).status_code == 200
    assert (len(seen.reads), len(seen.writes)) == (1, 2), seen
    with Queries(house.database) as seen:
        assert (await house.login(password="battery staple")).status_code == 401
    assert len(seen) == 1, seen


async def test_who_asks_takes_one_query_and_its_connection_is_given_back(house: House) -> None:
    anna = await house.register()
    with Queries(house.database) as seen:
        assert await anna.may_enter()
    assert len(seen) == 1, seen
    assert house.database.pool_state().in_use == 0


async def test_many_at_once_with_one_connection_each_do_not_wait_for_themselves(house: House) -> None:
    # More requests than there are connections: if one needed two at once, all would wait until they give up.
    anna = await house.register()
    pool = house.database.pool_state()
    many = 2 * (pool.size + 20)
    answers = await asyncio.gather(*(anna.get("/api/profile/stats") for _ in range(many)))
    assert {answer.status_code for answer in answers} == {200}

"""How often, how long and how many at once, in the service as it is put together."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from garaza.accounts.tokens import ALGORITHM, AUDIENCE, ISSUER, KIND
from garaza.kit.ids import new_id
from garaza.limits.calls import TABLE, Place, Rate, Time, find_call
from garaza.settings import RateLimitSettings, RedisSettings
from tests.accounts.house import PASSWORD, SettableClock
from tests.api.whole import HOME, VIDEO, StartWhole, Visitor, Whole
from tests.limits import GENEROUS
from tests.servers.fixtures import valkey
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS

__all__ = ["valkey"]

pytestmark = pytest.mark.anyio

DEFAULTS = RateLimitSettings().model_dump()
NEVER = PATIENCE_SECONDS * 10


def credentials(name: str, password: str = "not this one") -> dict[str, str]:
    return {"email": f"{name}@example.com", "password": password}


async def statuses(visitor: Visitor, method: str, path: str, times: int, **options: Any) -> list[int]:
    return [(await visitor.call(method, path, **options)).status_code for _ in range(times)]


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not probe():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


# What counts as what -----------------------------------------------------------------------------------------------


def calls_of(whole: Whole) -> set[tuple[str, str]]:
    paths = whole.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


async def test_what_looks_at_a_password_is_limited_as_that_and_nothing_else(whole: Whole) -> None:
    found = {call for call in calls_of(whole) if find_call(*call).rate is Rate.AUTH}
    assert found == {
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/login/form"),
        ("PUT", "/api/auth/password"),
        ("DELETE", "/api/auth/me"),
    }


async def test_each_row_of_the_table_means_something(whole: Whole) -> None:
    elsewhere = {"/", "/page/**", "/docs**", "/openapi.json", "/ws", "/ws/{}"}
    for methods, path, call in TABLE:
        if path not in elsewhere:
            assert any(
                find_call(method, there) == call and set(methods.split()) & {method, "*"}
                for method, there in calls_of(whole)
            ), path


@pytest.mark.parametrize(
    ("method", "path", "rate", "time", "place"),
    [
        ("GET", "/health", Rate.FREE, Time.GENERAL, Place.NONE),
        ("GET", "/ready", Rate.POLLING, Time.GENERAL, Place.REQUESTS),
        ("GET", "/", Rate.FREE, Time.GENERAL, Place.REQUESTS),
        ("HEAD", "/page/main-ABC.js", Rate.FREE, Time.GENERAL, Place.REQUESTS),
        ("GET", "/docs", Rate.FREE, Time.GENERAL, Place.REQUESTS),
        ("POST", "/api/upload", Rate.UPLOAD, Time.NONE, Place.TRANSFERS),
        ("PUT", "/api/upload", Rate.UPLOAD, Time.NONE, Place.TRANSFERS),
        ("POST", "/api/uploads", Rate.UPLOAD, Time.NONE, Place.TRANSFERS),
        ("PATCH", "/api/uploads/abc", Rate.ASSETS, Time.NONE, Place.TRANSFERS),
        ("GET", "/api/assets/id/depth/0.webp", Rate.ASSETS, Time.NONE, Place.TRANSFERS),
        ("GET", "/api/rooms/id/assets/model.glb", Rate.ASSETS, Time.NONE, Place.TRANSFERS),
        ("GET", "/api/shared/token/thumbnail", Rate.ASSETS, Time.NONE, Place.TRANSFERS),
        ("GET", "/api/shared/token", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("GET", "/api/status/id", Rate.POLLING, Time.GENERAL, Place.REQUESTS),
        ("WEBSOCKET", "/ws/id", Rate.POLLING, Time.NONE, Place.NONE),
        ("WEBSOCKET", "/ws", Rate.POLLING, Time.NONE, Place.NONE),
        ("GET", "/api/events", Rate.POLLING, Time.NONE, Place.NONE),
        ("POST", "/api/live/ticket", Rate.POLLING, Time.GENERAL, Place.REQUESTS),
        ("POST", "/api/furniture/search", Rate.SEARCH, Time.GENERAL, Place.REQUESTS),
        ("GET", "/api/result/id", Rate.GENERAL, Time.HEAVY, Place.REQUESTS),
        ("POST", "/api/process/id", Rate.GENERAL, Time.HEAVY, Place.REQUESTS),
        ("GET", "/api/auth/me", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("POST", "/api/auth/refresh", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("GET", "/api/profile", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        # What isn't there isn't free.
        ("GET", "/nowhere", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("POST", "/health", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("GET", "", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("GET", "/api/rooms/id/assets", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("GET", "//page/x", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
        ("POST", "/api/auth/login\n", Rate.GENERAL, Time.GENERAL, Place.REQUESTS),
    ],
)
def test_calls_count_as(method: str, path: str, rate: Rate, time: Time, place: Place) -> None:
    call = find_call(method, path)
    assert (call.rate, call.time, call.place) == (rate, time, place)


# Rates -------------------------------------------------------------------------------------------------------------


async def test_the_sixth_attempt_to_sign_in_is_refused_with_advice(start: StartWhole) -> None:
    whole = await start(rate_limits=DEFAULTS)
    for number in range(5):
        answer = await whole.guest().post("/api/auth/login", json=credentials(f"guess{number}"))
        assert answer.status_code == 401
        assert answer.headers["RateLimit-Policy"] == '"auth";q=5;w=60'
        assert answer.headers["RateLimit"].startswith(f'"auth";r={4 - number};t=')
    answer = await whole.guest().post("/api/auth/login", json=credentials("anna", PASSWORD))
    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert re.match(r'"auth";r=0;t=(5\d|60)$', answer.headers["RateLimit"])
    told = answer.json()
    assert (told["code"], told["limit"]) == ("rate_limited", "auth")
    assert told["retry_after"] == int(answer.headers["Retry-After"])
    assert "Try again in" in told["detail"]
    # Everything else is as it was, and so is everybody else.
    assert answer.headers["X-Request-ID"]
    assert (await whole.guest().get("/api/status?ids=x")).status_code == 200
    assert (await whole.guest("198.51.100.7").post("/api/auth/login", json=credentials("a"))).status_code == 401


async def test_defaults_are_those_that_are_documented(start: StartWhole) -> None:
    whole = await start(rate_limits=DEFAULTS)
    seen = {}
    for method, path in (
        ("POST", "/api/auth/login"),
        ("POST", "/api/upload"),
        ("POST", "/api/furniture/search"),
        ("GET", "/api/profile"),
        ("GET", "/api/status/x"),
        ("GET", "/api/assets/x/y"),
    ):
        headers = (await whole.guest().call(method, path)).headers
        seen[path] = headers["RateLimit-Policy"]
    assert list(seen.values()) == [
        '"auth";q=5;w=60',
        '"upload";q=2;w=60',
        '"search";q=30;w=60',
        '"general";q=100;w=60',
        '"polling";q=600;w=60',
        '"assets";q=1200;w=60',
    ]


@pytest.mark.usefixtures("fake_probe")
async def test_uploads_are_limited_before_a_byte_is_kept(start: StartWhole) -> None:
    whole = await start(rate_limits=DEFAULTS, accounts={"guests": True})
    found = [(await whole.guest().post("/api/upload", files={"file": ("a.mp4", VIDEO)})).status_code for _ in range(3)]
    assert found == [200, 200, 429]
    assert len(list((whole.data.root / "uploads").iterdir())) == 2


async def test_accounts_are_counted_each_for_itself_and_guests_by_address(start: StartWhole) -> None:
    whole = await start(rate_limits={"general_per_minute": 3})
    anna, ben = await whole.register(), await whole.register()
    assert await statuses(anna, "GET", "/api/auth/me", 4) == [200, 200, 200, 429]
    assert await statuses(ben, "GET", "/api/auth/me", 1) == [200]
    # The same account elsewhere, with another of its tokens.
    again = await whole.signed_in(anna)
    elsewhere = Visitor("anna", whole.guest("198.51.100.1").client, anna.user_id, again.token)
    assert await statuses(elsewhere, "GET", "/api/auth/me", 1) == [429]
    assert await statuses(whole.guest(), "GET", "/api/profile", 4) == [401, 401, 401, 429]
    assert await statuses(whole.guest("198.51.100.1"), "GET", "/api/profile", 1) == [401]


async def test_a_household_is_one_client(start: StartWhole) -> None:
    whole = await start(rate_limits={"general_per_minute": 2})
    home = [whole.guest(f"2001:db8:1:2::{number}") for number in range(3)]
    found = [(await guest.get("/api/profile")).status_code for guest in home]
    assert found == [401, 401, 429]
    assert (await whole.guest("2001:db8:1:3::1").get("/api/profile")).status_code == 401


async def test_tokens_that_were_made_up_get_no_allowance_of_their_own(start: StartWhole, clock: SettableClock) -> None:
    whole = await start(rate_limits={"general_per_minute": 6})
    person = await whole.register()
    assert person.token is not None
    head, body, _ = person.token.split(".")
    now = int(clock())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1", "jti": new_id(), "sid": new_id(), "iat": now, "exp": now + 99}
    kid = jwt.get_unverified_header(person.token)["kid"]
    made_up = [
        jwt.encode(claims, b"x" * 32, ALGORITHM, {"kid": kid, "typ": KIND}),
        f"{head}.{body}.",
        f"{head}.{body}.AAAA",
        "rubbish",
        "\xe9",
        person.token + "x",
    ]
    for token in made_up:
        answer = await whole.guest().get("/api/profile", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
        assert answer.status_code == 401
    assert (await whole.guest().get("/api/profile")).status_code == 429
    # And nobody else's allowance was touched.
    assert (await person.get("/api/profile")).headers["RateLimit"].startswith('"general";r=5;')


async def test_a_token_that_has_had_its_time_counts_by_address(start: StartWhole, clock: SettableClock) -> None:
    whole = await start(rate_limits={"general_per_minute": 50})
    person = await whole.register()
    assert (await person.get("/api/profile")).headers["RateLimit"].startswith('"general";r=49;')
    clock.now += 3600
    for left in (49, 48):
        answer = await person.get("/api/profile")
        assert answer.status_code == 401
        assert answer.headers["RateLimit"].startswith(f'"general";r={left};')


async def test_having_accounts_gives_no_more_attempts(start: StartWhole) -> None:
    whole = await start(rate_limits={"auth_per_minute": 5})
    people = [await whole.register() for _ in range(3)]
    found = [(await person.post("/api/auth/login", json=credentials("victim"))).status_code for person in people]
    assert found == [401, 401, 429]


async def test_loading_the_page_again_and_again_is_no_abuse(start: StartWhole) -> None:
    whole = await start(rate_limits=DEFAULTS, accounts={"guests": True})
    job_id = await whole.finished()
    guest = whole.guest()
    index = (await guest.get("/")).text
    bundles = re.findall(r'(?:src|href)="(/page/[^"]+)"', index)
    for _ in range(15):
        for path in ["/", *bundles, f"/api/status/{job_id}", f"/api/status?ids={job_id}", f"/api/result/{job_id}"]:
            assert (await guest.get(path)).status_code == 200
        for number in range(60):
            assert (await guest.get(f"/api/assets/{job_id}/depth/{number}.webp")).status_code in {200, 404}


async def test_health_is_never_limited(start: StartWhole) -> None:
    whole = await start(rate_limits={"general_per_minute": 1, "polling_per_minute": 1})
    assert await statuses(whole.guest(), "GET", "/health", 50) == [200] * 50
    assert "RateLimit" not in (await whole.guest().get("/health")).headers


async def test_switched_off_nothing_is_limited_or_told(start: StartWhole) -> None:
    whole = await start(rate_limits={"enabled": False, "general_per_minute": 1, "password_attempts": 3})
    assert await statuses(whole.guest(), "GET", "/api/profile", 5) == [401] * 5
    assert "RateLimit" not in (await whole.guest().get("/api/profile")).headers
    assert await statuses(whole.guest(), "POST", "/api/auth/login", 8, json=credentials("anna")) == [401] * 8


async def test_what_was_refused_is_in_the_figures(start: StartWhole) -> None:
    whole = await start(rate_limits={"general_per_minute": 1})
    await statuses(whole.guest(), "GET", "/api/profile", 3)
    figures = (await whole.guest("127.0.0.1").get("/metrics")).text
    assert "garaza_rate_limited_general_total 2.0" in figures
    assert "garaza_requests_in_flight 1.0" in figures
    assert "garaza_timeouts_late_total 0.0" in figures


# Guessing ----------------------------------------------------------------------------------------------------------


def addresses() -> Iterator[str]:
    return (f"203.0.113.{number}" for number in range(1, 255))


async def guessed(whole: Whole, name: str, places: Iterator[str], times: int) -> list[Any]:
    """What somebody is told who tries wrong passwords, each from another address."""
    told = []
    for _ in range(times):
        answer = await whole.guest(next(places)).post("/api/auth/login", json=credentials(name))
        body = {key: value for key, value in answer.json().items() if key != "retry_after"}
        body["detail"] = re.sub(r"\d+ s", "", body["detail"])
        told.append((answer.status_code, body, "Retry-After" in answer.headers))
    return told


async def test_guessing_from_many_addresses_is_slowed_down_for_accounts_and_non_accounts_alike(
    start: StartWhole,
) -> None:
    whole = await start(rate_limits={**DEFAULTS, "password_attempts": 4})
    person = await whole.register("anna")
    places = addresses()
    known = await guessed(whole, "anna", places, 6)
    unknown = await guessed(whole, "nobody", places, 6)
    assert [status for status, _, _ in known] == [401] * 4 + [429] * 2
    assert known == unknown
    assert known[-1][1]["code"] == "too_many_attempts"
    # However the address is written.
    shouted = await whole.guest(next(places)).post(
        "/api/auth/login", json={**credentials("x"), "email": "ANNA@Example.com "}
    )
    assert shouted.status_code == 429
    # Nor does the right password help, or it would be known by that; but who is signed in stays so.
    right = await whole.guest(next(places)).post("/api/auth/login", json=credentials("anna", PASSWORD))
    assert right.status_code == 429
    assert (await person.get("/api/auth/me")).status_code == 200
    again = await person.post("/api/auth/refresh", json={"refresh_token": person.refresh_token})
    assert again.status_code == 200
    new = {"current_password": PASSWORD, "new_password": "another one"}
    answer = await whole.guest(next(places)).call(
        "PUT", "/api/auth/password", json=new, headers={"Authorization": f"Bearer {again.json()['access_token']}"}
    )
    assert answer.status_code == 200


async def test_the_owner_gets_in_from_where_they_have_been_before(start: StartWhole) -> None:
    whole = await start(rate_limits={**GENEROUS, "password_attempts": 4})
    await whole.register("anna")
    at_home = whole.guest(HOME)
    assert (await at_home.post("/api/auth/login", json=credentials("anna", PASSWORD))).status_code == 200
    assert [status for status, _, _ in await guessed(whole, "anna", addresses(), 6)][-1] == 429
    for _ in range(5):
        assert (await at_home.post("/api/auth/login", json=credentials("anna", PASSWORD))).status_code == 200


async def test_nobody_is_kept_out_for_longer_than_a_quarter_of_an_hour(start: StartWhole) -> None:
    whole = await start(rate_limits={**GENEROUS, "password_attempts": 3})
    await whole.register("anna")
    clock = SettableClock()
    whole.app.state.accounts._attempts._memory._clock = clock
    places = addresses()
    longest = 0
    for _ in range(40):
        answer = await whole.guest(next(places)).post("/api/auth/login", json=credentials("anna"))
        if answer.status_code == 429:
            seconds = int(answer.headers["Retry-After"])
            longest = max(longest, seconds)
            clock.now += seconds
    assert longest == 900
    clock.now += 900
    right = await whole.guest(next(places)).post("/api/auth/login", json=credentials("anna", PASSWORD))
    assert right.status_code == 200


async def test_a_right_password_forgets_the_wrong_ones(start: StartWhole) -> None:
    whole = await start(rate_limits={**GENEROUS, "password_attempts": 4})
    await whole.register("anna")
    places = addresses()
    for _ in range(4):
        assert [status for status, _, _ in await guessed(whole, "anna", places, 2)] == [401, 401]
        right = await whole.guest(next(places)).post("/api/auth/login", json=credentials("anna", PASSWORD))
        assert right.status_code == 200


async def test_many_guesses_at_once_are_no_way_around_it(start: StartWhole) -> None:
    whole = await start(rate_limits={**GENEROUS, "password_attempts": 4})
    await whole.register("anna")
    answers = await asyncio.gather(
        *(
            whole.guest(place).post("/api/auth/login", json=credentials("anna"))
            for place, _ in zip(addresses(), range(30), strict=False)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 26


async def test_who_has_a_stolen_token_guesses_the_password_no_faster(start: StartWhole) -> None:
    whole = await start(rate_limits={**GENEROUS, "password_attempts": 4})
    person = await whole.register()
    wrong = {"current_password": "not this one", "new_password": "another one"}
    assert await statuses(person, "PUT", "/api/auth/password", 5, json=wrong) == [403] * 4 + [429]
    assert await statuses(person, "DELETE", "/api/auth/me", 1, json={"password": PASSWORD}) == [429]
    # Nobody else is held up by that.
    other = await whole.register()
    assert await statuses(other, "DELETE", "/api/auth/me", 1, json={"password": PASSWORD}) == [204]


def test_the_address_of_the_store_must_be_one() -> None:
    assert RedisSettings(url=SecretStr("")).url is None
    with pytest.raises(ValidationError, match="must look like redis://"):
        RedisSettings(url=SecretStr("http://127.0.0.1"))


# Several processes -------------------------------------------------------------------------------------------------


async def test_two_services_with_one_valkey_have_one_allowance(start: StartWhole, valkey: Valkey) -> None:
    groups: dict[str, Any] = {
        "redis": {"url": valkey.url},
        "rate_limits": {"general_per_minute": 4, "password_attempts": 4},
    }
    services = [await start(**groups), await start(**groups)]
    for service in services:
        service._parts.shared_limits._patience = PATIENCE_SECONDS
    found = [(await services[number % 2].guest().get("/api/profile")).status_code for number in range(6)]
    assert found == [401] * 4 + [429] * 2
    places = addresses()
    told = [(await guessed(services[number % 2], "anna", places, 1))[0][0] for number in range(6)]
    assert told == [401] * 4 + [429] * 2
    # What is asked for all the time each counts for itself.
    polled = [(await service.guest().get("/api/status/x")).headers["RateLimit"] for service in services]
    assert [value.split(";")[1] for value in polled] == ["r=999999"] * 2
    figures = (await services[0].guest("127.0.0.1").get("/metrics")).text
    assert "garaza_shared_limits_up 1.0" in figures
    assert "garaza_shared_limits_fallbacks_total 0.0" in figures
    valkey.flush()


async def test_without_its_valkey_the_service_goes_on(start: StartWhole, tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey.log") as own:
        whole = await start(redis={"url": own.url}, rate_limits={"general_per_minute": 4})
        whole._parts.shared_limits._patience = PATIENCE_SECONDS
        assert (await whole.guest().get("/api/profile")).status_code == 401
        own.kill()
        assert await statuses(whole.guest(), "GET", "/api/profile", 5) == [401] * 4 + [429]
        person = await whole.register()
        assert (await whole.guest().post("/api/auth/login", json=credentials(person.name, PASSWORD))).status_code == 200
        assert "garaza_shared_limits_up 0.0" in (await whole.guest("127.0.0.1").get("/metrics")).text


# Time and room -----------------------------------------------------------------------------------------------------


async def test_work_on_the_database_that_takes_too_long_is_undone_and_leaves_the_connection_free(
    start: StartWhole,
) -> None:
    whole = await start(timeouts={"general_seconds": 2})
    reached = asyncio.Event()

    async def slow() -> None:
        async with whole.database.write() as session:
            await session.execute(text("UPDATE users SET username = 'changed'"))
            reached.set()
            await asyncio.sleep(NEVER)

    whole.app.add_api_route("/api/slow", slow)
    person = await whole.register()
    answer = await whole.guest().get("/api/slow")
    assert answer.status_code == 504
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "timed_out"
    assert answer.headers["Retry-After"]
    assert answer.headers["X-Request-ID"]
    assert reached.is_set()
    # Giving it back goes on behind a cancellation.
    await until(lambda: whole.database.pool_state().in_use == 0)
    # Nobody holds the lock, and nothing was changed.
    assert (await person.get("/api/auth/me")).json()["username"] == person.name
    assert (await person.post("/api/profile/activity", json={"action": "looked"})).status_code == 200
    assert "garaza_timeouts_late_total 1.0" in (await whole.guest("127.0.0.1").get("/metrics")).text


async def test_too_many_at_once_are_told_so_and_health_is_not(start: StartWhole) -> None:
    whole = await start(shedding={"max_requests": 2})
    go_on = asyncio.Event()

    async def slow() -> None:
        await go_on.wait()

    whole.app.add_api_route("/api/slow", slow)
    asked = [asyncio.create_task(whole.guest().get("/api/slow")) for _ in range(2)]
    await until(lambda: whole.app.state.limits._rooms[Place.REQUESTS][0].in_use == 2)
    answer = await whole.guest().get("/api/profile")
    assert answer.status_code == 503
    assert answer.json()["code"] == "overloaded"
    assert answer.headers["Retry-After"]
    assert (await whole.guest().get("/health")).status_code == 200
    # Files are another matter.
    assert (await whole.guest().get("/api/assets/x/y")).status_code == 404
    go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200, 200]
    assert (await whole.guest().get("/api/profile")).status_code == 401


async def test_everything_switched_off_is_not_in_the_stack(start: StartWhole) -> None:
    off = {"enabled": False}
    whole = await start(rate_limits=off, timeouts=off, shedding=off)
    names = [middleware.cls.__name__ for middleware in whole.app.user_middleware]
    assert not {"RateLimits", "Timeouts", "LoadShedding"} & set(names)
    assert (await whole.guest().get("/health")).status_code == 200


async def test_the_stack_is_in_this_order(whole: Whole) -> None:
    names = [middleware.cls.__name__ for middleware in whole.app.user_middleware]
    mine = [
        name
        for name in names
        if name in {"AnswerHeaders", "UnexpectedErrors", "LoadShedding", "RateLimits", "Timeouts"}
    ]
    assert mine == ["AnswerHeaders", "UnexpectedErrors", "LoadShedding", "RateLimits", "Timeouts"]

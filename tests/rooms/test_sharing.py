"""Links that open one room to whoever has them, and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from garaza.accounts.tokens import AccessTokens, InvalidTokenError
from garaza.rooms.share_tokens import AUDIENCE, ShareClaims, ShareTokens
from garaza.rooms.sharing import MAX_LINKS
from tests.accounts.house import Keys, SettableClock
from tests.queries import Queries
from tests.rooms.world import Visitor, World, assert_problem

pytestmark = pytest.mark.anyio

DAY = 24 * 3600


async def shared_room(world: World, days: float = 1) -> tuple[Visitor, dict[str, Any], dict[str, Any]]:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    return anna, room, await anna.share(room["id"], days)


async def test_a_link_opens_the_room_to_read(world: World) -> None:
    _, room, link = await shared_room(world)
    assert link["url"] == f"/api/shared/{link['token']}"
    assert link["expires_at"] == "2026-11-19T11:06:40.000Z"
    answer = await world.client.get(link["url"])
    assert answer.status_code == 200
    seen = answer.json()
    assert "user_id" not in seen
    assert "job_id" not in seen
    assert {name: seen[name] for name in ("id", "name", "point_count")} == {
        name: room[name] for name in ("id", "name", "point_count")
    }
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-cache"
    asset = seen["assets"]["model_asset"]
    assert asset["url"].startswith(f"{link['url']}/assets/model.glb?v=")
    for address, file in [(asset["url"], "model.glb"), (seen["thumbnail_url"], "thumbnail.jpg")]:
        found = await world.client.get(address)
        assert found.content == (world.template / file).read_bytes()
        # It may be revoked at any time, whatever the address says of the content.
        assert found.headers["cache-control"] == "private, no-cache"
        assert found.headers["referrer-policy"] == "no-referrer"
        again = await world.client.get(address, headers={"If-None-Match": found.headers["etag"]})
        assert again.status_code == 304
        part = await world.client.get(address, headers={"Range": "bytes=2-5"})
        assert part.content == found.content[2:6]
    assert (await world.client.head(asset["url"])).status_code == 200
    # Nothing can be done with it.
    for method in ("PUT", "DELETE", "POST"):
        assert (await world.client.request(method, link["url"])).status_code == 405
    assert (await world.client.get(f"/api/rooms/{room['id']}", headers=bearer(link["token"]))).status_code == 401
    assert (await world.client.get(f"{link['url']}/assets/../../rooms")).status_code == 404


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_link_opens_that_room_only(world: World) -> None:
    anna, room, link = await shared_room(world)
    other = await anna.save(room["job_id"], "Other")
    forged = ShareTokens(world.keys, world.clock).make(ShareClaims(link["id"], other["id"], world.clock() + DAY))
    assert_problem(await world.client.get(f"/api/shared/{forged}"), 404, "not_found")
    assert_problem(await world.client.get(f"/api/shared/{forged}/thumbnail"), 404, "not_found")
    assert_problem(await world.client.get(f"/api/shared/{forged}/assets/model.glb"), 404, "not_found")


async def test_a_link_ends_when_it_is_revoked(world: World) -> None:
    anna, room, link = await shared_room(world)
    other = await anna.share(room["id"], 3)
    place = f"/api/rooms/{room['id']}/shares"
    links = (await anna.get(place)).json()
    assert sorted(links, key=lambda one: one["expires_at"]) == [link, other]
    assert (await anna.call("DELETE", f"{place}/{link['id']}")).status_code == 204
    assert_problem(await anna.call("DELETE", f"{place}/{link['id']}"), 404, "not_found")
    for path in ("", "/thumbnail", "/assets/model.glb"):
        assert_problem(await world.client.get(link["url"] + path), 404, "not_found")
        assert (await world.client.get(other["url"] + path)).status_code == 200
    assert (await anna.get(place)).json() == [other]


async def test_a_link_ends_with_its_time_and_with_its_room(world: World) -> None:
    anna, room, link = await shared_room(world, days=0.5)
    other = await anna.share(room["id"], 2)
    world.clock.now += DAY / 2 - 1
    assert (await world.client.get(link["url"])).status_code == 200
    world.clock.now += 1
    assert_problem(await world.client.get(link["url"]), 404, "not_found")
    await anna.renew()
    assert (await anna.get(f"/api/rooms/{room['id']}/shares")).json() == [other]
    await anna.delete_room(room["id"])
    assert_problem(await world.client.get(other["url"]), 404, "not_found")


async def test_links_that_were_never_made_or_have_expired_cost_no_query(world: World) -> None:
    _, room, link = await shared_room(world)
    head, body, signature = link["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    kid, secret = world.keys.signing()
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        longer = jwt.encode(claims, secret, "HS512", {"kid": kid})
    bad = [
        "x",
        "a.b.c",
        "%00.a.b",
        "x" * 5000,
        f"{head}.{body}.{'A' * len(signature)}",
        f"{head}.{body}.",
        jwt.encode({**claims, "exp": claims["exp"] + DAY}, b"2" * 32, "HS256", {"kid": kid}),
        jwt.encode(claims, secret, "HS256", {"kid": "unknown"}),
        jwt.encode(claims, secret, "HS256"),
        longer,
        jwt.encode(claims, None, "none", {"kid": kid}),
        jwt.encode({**claims, "aud": "garaza:api"}, secret, "HS256", {"kid": kid}),
        jwt.encode({**claims, "sub": "1e3"}, secret, "HS256", {"kid": kid}),
        jwt.encode({**claims, "jti": "short"}, secret, "HS256", {"kid": kid}),
        jwt.encode({name: claims[name] for name in claims if name != "exp"}, secret, "HS256", {"kid": kid}),
        jwt.encode({**claims, "exp": "soon"}, secret, "HS256", {"kid": kid}),
        jwt.encode({**claims, "exp": int(world.clock())}, secret, "HS256", {"kid": kid}),
    ]
    with Queries(world.database) as seen:
        for token in bad:
            for path in ("", "/thumbnail", "/assets/model.glb"):
                assert_problem(await world.client.get(f"/api/shared/{token}{path}"), 404, "not_found")
    assert len(seen) == 0, seen
    with Queries(world.database) as seen:
        assert (await world.client.get(link["url"])).status_code == 200
    assert len(seen) == 2, seen
    assert room["id"] == 1


async def test_tokens_of_one_kind_are_none_of_the_other(world: World) -> None:
    anna, _, link = await shared_room(world)
    assert_problem(await world.client.get(f"/api/shared/{anna.token}"), 404, "not_found")
    with pytest.raises(InvalidTokenError):
        AccessTokens(world.keys, world.clock).read(link["token"])


async def test_links_survive_a_new_signing_key(world: World) -> None:
    anna, room, link = await shared_room(world)
    world.keys.rotate()
    assert (await world.client.get(link["url"])).status_code == 200
    (again,) = (await anna.get(f"/api/rooms/{room['id']}/shares")).json()
    assert again["token"] != link["token"]
    assert (await world.client.get(again["url"])).status_code == 200


@pytest.mark.parametrize("days", [0, -1, 366, 1e300, "NaN", "x", None])
async def test_times_that_a_link_cannot_have(world: World, days: object) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    answer = await anna.call("POST", f"/api/rooms/{room['id']}/shares", json={"expires_in_days": days})
    assert answer.status_code == 422
    assert (await anna.get(f"/api/rooms/{room['id']}/shares")).json() == []


async def test_a_link_without_a_time_is_good_for_a_week(world: World) -> None:
    anna = await world.register()
    room = await anna.save(await world.finished(anna))
    link = (await anna.call("POST", f"/api/rooms/{room['id']}/shares")).json()
    assert link["expires_at"] == "2026-11-25T11:06:40.000Z"


async def test_a_room_has_so_many_links(world: World) -> None:
    anna, room, link = await shared_room(world)
    for _ in range(MAX_LINKS - 1):
        await anna.share(room["id"], 2)
    body = {"expires_in_days": 1}
    place = f"/api/rooms/{room['id']}/shares"
    assert_problem(await anna.call("POST", place, json=body), 409, "too_many_links")
    await anna.call("DELETE", f"{place}/{link['id']}")
    await anna.share(room["id"])


async def test_expired_links_are_forgotten(world: World) -> None:
    anna, room, link = await shared_room(world)
    kept = await anna.share(room["id"], 3)
    world.clock.now += 2 * DAY
    async with world.database.write() as session:
        assert await world.shares.purge(session) == 1
    async with world.database.write() as session:
        assert await world.shares.purge(session) == 0
    assert_problem(await world.client.get(link["url"]), 404, "not_found")
    assert (await world.client.get(kept["url"])).status_code == 200


def test_what_a_token_says() -> None:
    clock = SettableClock()
    tokens = ShareTokens(Keys(), clock)
    claims = ShareClaims("a" * 22, 7, clock() + 10)
    token = tokens.make(claims)
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == AUDIENCE
    assert tokens.read(token) == claims
    assert tokens.make(claims) == token
    clock.now += 10
    assert tokens.read(token) is None

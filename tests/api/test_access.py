"""Who may see what: each call on a scan or a room, by everybody who could make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.accounts.house import PASSWORD, SettableClock
from tests.api.whole import StartWhole, Visitor, Whole

pytestmark = pytest.mark.anyio

NOBODY, OTHER, OWNER, ADMIN = "nobody", "other", "owner", "admin"
VIEWERS = (NOBODY, OTHER, OWNER, ADMIN)


@dataclass
class People:
    """One of each."""

    whole: Whole
    by_name: dict[str, Visitor]

    @property
    def owner(self) -> Visitor:
        return self.by_name[OWNER]


@pytest.fixture
async def people(whole: Whole) -> People:
    owner, other = await whole.register("owner", plan="enterprise"), await whole.register("other", plan="enterprise")
    admin = await whole.register("admin", role="admin", plan="enterprise")
    return People(whole, {NOBODY: whole.guest(), OTHER: other, OWNER: owner, ADMIN: admin})


# Scans -------------------------------------------------------------------------------------------------------------

FINISHED, UPLOADED, QUEUED = "finished", "uploaded", "queued"


@dataclass(frozen=True)
class OnScan:
    """A call on a scan, and what it is answered where the scan is there for the one who calls."""

    method: str
    path: str
    state: str = FINISHED
    body: dict[str, Any] | None = None
    good: int = 200
    statuses: tuple[int, int, int, int] | None = None
    """Of an account's scan, by nobody, another account, the owner and an admin, where that is another rule."""
    guests: tuple[int, int, int, int] | None = None
    """The same of a guest's scan."""

    def of_accounts(self) -> tuple[int, ...]:
        return self.statuses or (404, 404, self.good, self.good)

    def of_guests(self) -> tuple[int, ...]:
        return self.guests or (self.good,) * 4

    def on(self, job_id: str) -> dict[str, Any]:
        """The path and the body that name this scan."""
        path = self.path.replace("{job_id}", job_id)
        if self.body is None:
            return {"path": path}
        body = {key: job_id if value == "{job_id}" else value for key, value in self.body.items()}
        return {"path": path, "json": body}


ON_SCANS = [
    OnScan("POST", "/api/process/{job_id}", UPLOADED, {}),
    OnScan("GET", "/api/status/{job_id}"),
    OnScan("GET", "/api/result/{job_id}"),
    OnScan("GET", "/api/result/{job_id}?include=frames"),
    OnScan("GET", "/api/assets/{job_id}/model.glb"),
    OnScan("HEAD", "/api/assets/{job_id}/model.glb"),
    OnScan("PUT", "/api/scans/{job_id}/scale", body={"metres_per_unit": 2}),
    OnScan("DELETE", "/api/job/{job_id}"),
    OnScan("DELETE", "/api/job/{job_id}", QUEUED),
    OnScan("POST", "/api/jobs/{job_id}/cancel", QUEUED),
    OnScan("GET", "/api/jobs/{job_id}/attempts"),
    OnScan("GET", "/api/jobs/{job_id}/events"),
    OnScan("GET", "/api/jobs/{job_id}/webhooks"),
    # The video itself is its owner's alone, and a guest's is nobody's.
    OnScan("GET", "/api/jobs/{job_id}/video", statuses=(401, 404, 200, 404), guests=(401, 404, 404, 404)),
    OnScan("HEAD", "/api/jobs/{job_id}/video", statuses=(401, 404, 200, 404), guests=(401, 404, 404, 404)),
    # A room is made of one's own scan, or of a guest's by whoever has its id. Admins see scans, and don't take them.
    OnScan(
        "POST",
        "/api/rooms",
        body={"job_id": "{job_id}", "name": "Kitchen"},
        statuses=(401, 404, 201, 404),
        guests=(401, 201, 201, 201),
    ),
]


@pytest.mark.parametrize("of_guest", [False, True], ids=["an account's", "a guest's"])
async def test_each_call_on_a_scan(people: People, of_guest: bool) -> None:
    owner = None if of_guest else people.owner
    to_look_at = await people.whole.finished(owner)
    wrong = []
    for call in ON_SCANS:
        expected = call.of_guests() if of_guest else call.of_accounts()
        for name, status in zip(VIEWERS, expected, strict=True):
            make: Callable[..., Awaitable[str]] = getattr(people.whole, call.state)
            job_id = to_look_at if call.method in {"GET", "HEAD"} else await make(owner)
            answer = await people.by_name[name].call(call.method, **call.on(job_id))
            if answer.status_code != status:
                wrong.append((call.method, call.path, name, answer.status_code, "and not", status))
            if name in {NOBODY, OTHER} and status == 404 and owner is not None and call.method != "HEAD":
                # What is somebody else's looks like what isn't there.
                missing = await people.by_name[name].call(call.method, **call.on("0" * 22))
                assert missing.json() == answer.json()
    assert not wrong


async def test_no_call_on_a_scan_or_room_is_left_out(whole: Whole) -> None:
    described = {
        (method.upper(), path)
        for path, item in whole.app.openapi()["paths"].items()
        for method in item
        if "{job_id}" in path or "{room_id}" in path or "{token}" in path
    }
    tried = {(call.method, call.path.partition("?")[0].replace("model.glb", "{path}")) for call in ON_SCANS}
    tried |= {(method, path.replace("model.glb", "{filename}")) for method, path, _, _ in ON_ROOMS}
    tried |= {("GET", path.replace("model.glb", "{filename}")) for path in ON_LINKS}
    assert described <= tried


async def test_many_statuses_are_of_what_one_may_see(people: People) -> None:
    owned, others = await people.whole.uploaded(people.owner), await people.whole.uploaded(people.by_name[OTHER])
    guests = await people.whole.uploaded()
    seen = {}
    for name, visitor in people.by_name.items():
        answer = await visitor.get("/api/status", params={"ids": ",".join([owned, "0" * 22, others, guests])})
        seen[name] = [status["job_id"] for status in answer.json()]
    assert seen == {NOBODY: [guests], OTHER: [others, guests], OWNER: [owned, guests], ADMIN: [owned, others, guests]}


async def test_a_guests_scan_is_in_no_list_but_the_admins(people: People) -> None:
    whole = people.whole
    owned, guests = await whole.uploaded(people.owner), await whole.uploaded()
    charged = await whole.uploaded()
    # Paid for by an account it is the guest's still.
    assert (await people.owner.post(f"/api/process/{charged}")).status_code == 200
    assert (await people.by_name[NOBODY].get(f"/api/status/{charged}")).status_code == 200
    assert (await people.owner.get("/api/profile/stats")).json()["scans_this_month"] == 1
    lists = {name: await listed(visitor) for name, visitor in people.by_name.items()}
    assert lists == {NOBODY: None, OTHER: [], OWNER: [owned], ADMIN: []}
    answer = await people.by_name[ADMIN].get("/api/admin/jobs")
    assert {job["job_id"] for job in answer.json()["jobs"]} == {owned, guests, charged}


async def listed(visitor: Visitor) -> list[str] | None:
    answer = await visitor.get("/api/jobs")
    return [job["job_id"] for job in answer.json()["jobs"]] if answer.status_code == 200 else None


async def test_a_guests_scan_is_open_for_a_day(people: People, clock: SettableClock) -> None:
    whole, guest = people.whole, people.by_name[NOBODY]
    guests, owned = await whole.finished(), await whole.finished(people.owner)
    paths = [f"/api/status/{guests}", f"/api/result/{guests}", f"/api/assets/{guests}/model.glb"]
    clock.now += 24 * 3600 - 60
    assert [(await guest.get(path)).status_code for path in paths] == [200, 200, 200]
    clock.now += 120
    assert [(await guest.get(path)).status_code for path in paths] == [404, 404, 404]
    assert (await guest.call("DELETE", f"/api/job/{guests}")).status_code == 404
    again = await guest.post("/api/auth/login", json={"email": people.owner.email, "password": PASSWORD})
    token = {"Authorization": f"Bearer {again.json()['access_token']}"}
    assert (await guest.get(f"/api/result/{owned}", headers=token)).status_code == 200


# Rooms and links to them -------------------------------------------------------------------------------------------

ON_ROOMS: list[tuple[str, str, Any, int]] = [
    ("GET", "/api/rooms/{room_id}", None, 200),
    ("GET", "/api/rooms/{room_id}/assets/model.glb", None, 200),
    ("HEAD", "/api/rooms/{room_id}/assets/model.glb", None, 200),
    ("GET", "/api/rooms/{room_id}/thumbnail", None, 200),
    ("HEAD", "/api/rooms/{room_id}/thumbnail", None, 200),
    ("PUT", "/api/rooms/{room_id}", {"name": "Mine"}, 200),
    ("POST", "/api/rooms/{room_id}/shares", {}, 201),
    ("GET", "/api/rooms/{room_id}/shares", None, 200),
    ("DELETE", "/api/rooms/{room_id}/shares/{share_id}", None, 204),
    ("DELETE", "/api/rooms/{room_id}", None, 204),
]
ON_LINKS = ["/api/shared/{token}", "/api/shared/{token}/assets/model.glb", "/api/shared/{token}/thumbnail"]


async def saved(owner: Visitor, job_id: str) -> int:
    answer = await owner.post("/api/rooms", json={"job_id": job_id, "name": "Kitchen"})
    assert answer.status_code == 201, answer.text
    room_id: int = answer.json()["id"]
    return room_id


async def shared(owner: Visitor, room_id: int) -> dict[str, Any]:
    answer = await owner.post(f"/api/rooms/{room_id}/shares", json={"expires_in_days": 1})
    assert answer.status_code == 201, answer.text
    share: dict[str, Any] = answer.json()
    return share


async def test_each_call_on_a_room_is_its_owners_alone(people: People) -> None:
    room_id = await saved(people.owner, await people.whole.finished(people.owner))
    share = await shared(people.owner, room_id)
    wrong = []
    for method, path, body, good in ON_ROOMS:
        there = path.replace("{room_id}", str(room_id)).replace("{share_id}", share["id"])
        options = {} if body is None else {"json": body}
        # The owner is the last one, after whom it may be gone.
        for name, status in {NOBODY: 401, OTHER: 404, ADMIN: 404, OWNER: good}.items():
            answer = await people.by_name[name].call(method, there, **options)
            if answer.status_code != status:
                wrong.append((method, path, name, answer.status_code, "and not", status))
    assert not wrong


async def test_a_list_of_rooms_is_ones_own(people: People) -> None:
    room_id = await saved(people.owner, await people.whole.finished(people.owner))
    seen = {}
    for name, visitor in people.by_name.items():
        answer = await visitor.get("/api/rooms")
        seen[name] = [room["id"] for room in answer.json()["rooms"]] if answer.status_code == 200 else None
    assert seen == {NOBODY: None, OTHER: [], OWNER: [room_id], ADMIN: []}


async def test_a_link_opens_one_room_to_whoever_has_it_and_nothing_else(people: People) -> None:
    job_id = await people.whole.finished(people.owner)
    room_id, other_room = await saved(people.owner, job_id), await saved(people.owner, job_id)
    share = await shared(people.owner, room_id)
    for visitor in people.by_name.values():
        for path in ON_LINKS:
            answer = await visitor.get(path.replace("{token}", share["token"]))
            assert answer.status_code == 200, (visitor.name, path)
    told = (await people.by_name[NOBODY].get(f"/api/shared/{share['token']}")).json()
    assert told["id"] == room_id
    assert job_id not in str(told), "the scan's id would be a key to nothing, and is nobody's business"
    # It is no access token, nor does it change anything.
    bearer = {"Authorization": f"Bearer {share['token']}"}
    for path in ("/api/auth/me", f"/api/rooms/{room_id}", f"/api/rooms/{other_room}", f"/api/result/{job_id}"):
        assert (await people.by_name[NOBODY].get(path, headers=bearer)).status_code == 401
    for method in ("PUT", "DELETE", "POST", "PATCH"):
        answer = await people.by_name[NOBODY].call(method, f"/api/shared/{share['token']}")
        assert answer.status_code == 405, method


@pytest.mark.parametrize("end", ["revoked", "expired", "room deleted", "account deleted"])
async def test_a_link_ends(people: People, clock: SettableClock, end: str) -> None:
    room_id = await saved(people.owner, await people.whole.finished(people.owner))
    share = await shared(people.owner, room_id)
    match end:
        case "revoked":
            answer = await people.owner.call("DELETE", f"/api/rooms/{room_id}/shares/{share['id']}")
        case "room deleted":
            answer = await people.owner.call("DELETE", f"/api/rooms/{room_id}")
        case "account deleted":
            answer = await people.owner.call("DELETE", "/api/auth/me", json={"password": PASSWORD})
    if end == "expired":
        clock.now += 24 * 3600 + 1
    else:
        assert answer.status_code == 204
    for path in ON_LINKS:
        answer = await people.by_name[NOBODY].get(path.replace("{token}", share["token"]))
        assert answer.status_code == 404, path


# Everything else ---------------------------------------------------------------------------------------------------


async def test_what_needs_a_token_or_an_admin(people: People) -> None:
    """By the description itself: what says that it needs a token is closed without, and admins' calls are theirs."""
    wrong = []
    for path, item in people.whole.app.openapi()["paths"].items():
        for method, operation in item.items():
            security = operation.get("security", [])
            there = path.replace("{user_id}", "1").replace("{room_id}", "1")
            # A body that is none would be refused before or after: it is looked at who asks first.
            answer = await people.by_name[NOBODY].call(method.upper(), there)
            needs = bool(security) and {} not in security
            if needs != (answer.status_code == 401):
                wrong.append((method, path, answer.status_code, "without a token"))
            if path.startswith("/api/admin/"):
                answer = await people.by_name[OTHER].call(method.upper(), there)
                if answer.status_code != 403:
                    wrong.append((method, path, answer.status_code, "by a user"))
    assert not wrong


async def test_a_token_that_is_not_good_is_refused_where_none_is_needed(people: People) -> None:
    job_id = await people.whole.uploaded()
    guest = people.by_name[NOBODY]
    for token in ("nonsense", "a.b.c", people.owner.token[:-1] + "_" if people.owner.token else ""):
        answer = await guest.get(f"/api/status/{job_id}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    # The scheme of somebody else, a proxy perhaps.
    answer = await guest.get(f"/api/status/{job_id}", headers={"Authorization": "Basic YTpi"})
    assert answer.status_code == 200


async def test_with_guests_off_nothing_is_taken_without_a_token(start: StartWhole, clip: bytes) -> None:
    whole = await start(accounts={"guests": False})
    anna = await whole.register()
    form = {"file": ("room.mp4", clip)}
    refused = await whole.guest().post("/api/upload", files=form)
    assert (refused.status_code, refused.json()["code"]) == (401, "guests_off")
    assert (await anna.post("/api/upload", files=form)).status_code == 200

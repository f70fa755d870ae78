"""What somebody sees of their account, and how its plan changes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from garaza.accounts.activities import ICONS
from garaza.accounts.models import Activity, Role
from garaza.accounts.plans import GIB
from garaza.kit.signing.keys import new_private_key, public_pem
from garaza.kit.signing.outgoing import sign
from garaza.machines.scopes import Scope
from garaza.machines.service import MachineService
from tests.accounts.house import House, Visitor
from tests.queries import Queries

pytestmark = pytest.mark.anyio


async def plan_of(who: Visitor) -> str:
    return str((await who.get("/api/auth/me")).json()["plan"])


# Reading --------------------------------------------------------------------------------------------------------------


async def test_a_profile_has_what_clients_read(house: House) -> None:
    anna = await house.register()
    await house.store(anna.id, 1234)
    async with house.database.write() as session:
        await house.accounts.quota.charge_scan(session, anna.id)
    house.clock.now += 300
    with Queries(house.database) as seen:
        told = (await anna.get("/api/profile")).json()
    assert len(seen) == 2, seen
    expected = {"id": anna.id, "email": "anna@example.com", "username": "anna", "is_active": True, "plan": "free"}
    assert told.items() >= expected.items()
    assert told["plan_display"] == "Free"
    assert told["created_at"] == "2026-11-18T11:06:40.000Z"
    assert told["stats"] == {
        "scans_this_month": 1,
        "total_scans": 1,
        "storage_used": 1234,
        "storage_limit": GIB,
        "plan": "free",
        "plan_display": "Free",
        "scans_limit": 3,
        "scans_reset_date": "2026-12-01T00:00:00.000Z",
        "rooms_limit": 5,
    }
    (activity,) = told["recent_activities"]
    assert activity == {
        "id": activity["id"],
        "action": "register",
        "description": "Created this account",
        "icon": "👋",
        "time_ago": "5 minutes ago",
        "created_at": "2026-11-18T11:06:40.000Z",
    }
    assert (await anna.get("/api/profile/stats")).json() == told["stats"]


async def test_a_profile_has_the_latest_activities_of_its_owner_alone(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    for number in range(12):
        house.clock.now += 1
        await anna.post("/api/profile/activity", {"action": "viewed", "description": f"{number}"})
        await berta.post("/api/profile/activity", {"action": "viewed", "description": "of berta"})
    recent = (await anna.get("/api/profile")).json()["recent_activities"]
    assert [activity["description"] for activity in recent] == [f"{number}" for number in range(11, 1, -1)]


async def test_whatever_is_measured_storage_is_never_negative(house: House) -> None:
    anna = await house.register()
    await house.store(anna.id, -5)
    assert (await anna.get("/api/profile/stats")).json()["storage_used"] == 0


@pytest.mark.parametrize(
    ("plan", "display", "scans", "storage", "rooms"),
    [("pro", "Pro", -1, 50 * GIB, 100), ("enterprise", "Enterprise", -1, 500 * GIB, -1)],
)
async def test_paid_plans_have_what_the_contract_says(
    house: House, plan: str, display: str, scans: int, storage: int, rooms: int
) -> None:
    anna = await house.register()
    await house.change(anna.id, plan=plan)
    told = (await anna.get("/api/profile/stats")).json()
    assert (told["plan"], told["plan_display"], told["scans_limit"]) == (plan, display, scans)
    assert (told["storage_limit"], told["rooms_limit"]) == (storage, rooms)


async def test_nothing_of_a_profile_is_kept_on_the_way(house: House) -> None:
    anna = await house.register()
    for path in ("/api/profile", "/api/profile/stats", "/api/profile/activities", "/api/auth/sessions"):
        assert (await anna.get(path)).headers["cache-control"] == "no-store"


async def test_every_call_of_a_profile_needs_somebody(house: House) -> None:
    calls = [("GET", ""), ("GET", "/stats"), ("GET", "/activities"), ("PUT", "/plan"), ("POST", "/activity")]
    calls += [("POST", "/increment-scan"), ("POST", "/log-export")]
    for method, path in calls:
        answer = await house.client.request(method, f"/api/profile{path}", json={"plan": "free", "action": "x"})
        assert answer.status_code == 401, path


# Plans ----------------------------------------------------------------------------------------------------------------


async def test_a_larger_plan_is_not_given_away(house: House) -> None:
    anna = await house.register()
    for plan in ("pro", "enterprise"):
        answer = await anna.put("/api/profile/plan", {"plan": plan})
        assert (answer.status_code, answer.json()["code"]) == (403, "payment_needed")
    assert await plan_of(anna) == "free"
    assert await anna.actions() == ["register"]


async def test_a_smaller_plan_is_taken_by_oneself(house: House) -> None:
    anna = await house.register()
    await house.change(anna.id, plan="enterprise")
    told = (await anna.put("/api/profile/plan", {"plan": "pro"})).json()
    assert (told["plan"], told["scans_limit"]) == ("pro", -1)
    assert (await anna.put("/api/profile/plan", {"plan": "free"})).json()["scans_limit"] == 3
    assert (await anna.put("/api/profile/plan", {"plan": "free"})).status_code == 200
    assert (await anna.put("/api/profile/plan", {"plan": "pro"})).status_code == 403, "the way back has to be paid for"
    assert await anna.actions() == ["plan_change", "plan_change", "register"]
    async with house.database.read() as session:
        last = (await session.scalars(select(Activity).order_by(Activity.id.desc()))).first()
    assert last is not None
    assert last.details == {"from": "pro", "to": "free", "by": f"account {anna.id}"}


async def test_only_admins_change_the_plans_of_others(house: House) -> None:
    anna, berta = await house.register(), await house.register("berta")
    body = {"plan": "pro", "user_id": berta.id}
    answer = await anna.put("/api/profile/plan", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yours")
    await house.change(anna.id, role=Role.ADMIN.value)
    assert (await anna.put("/api/profile/plan", body)).json()["plan"] == "pro"
    assert (await anna.put("/api/profile/plan", {"plan": "enterprise"})).json()["plan"] == "enterprise"
    assert await plan_of(berta) == "pro"
    assert (await berta.actions())[0] == "plan_change"
    assert (await anna.put("/api/profile/plan", {"plan": "pro", "user_id": 999})).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"plan": "gold"}, {"plan": None}, {"plan": "pro", "user_id": 0}, {"plan": "pro", "user_id": 2**63}]
)
async def test_what_is_no_plan_is_refused(house: House, body: dict[str, Any]) -> None:
    anna = await house.register()
    assert (await anna.put("/api/profile/plan", body)).status_code == 422


# Machines -------------------------------------------------------------------------------------------------------------


class Machine:
    """A program that signs its requests."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._key = new_private_key()
        self._id = ""

    async def add(self, scope: Scope) -> None:
        machines = MachineService(self._house.database, self._house.clock)
        self._house.app.state.machines = machines
        async with self._house.database.write() as session:
            self._id = (await machines.add(session, "billing system", scope, public_pem(self._key.public_key()))).id

    async def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        url = f"http://garaza.test{path}"
        headers = sign(method, url, key=self._key, keyid=self._id, now=self._house.clock(), body=body)
        return await self._house.client.request(method, path, content=body, headers=headers)


@pytest.fixture
def machine(house: House) -> Machine:
    return Machine(house)


@pytest.mark.parametrize("scope", list(Scope))
async def test_the_billing_side_changes_plans(house: House, machine: Machine, scope: Scope) -> None:
    anna = await house.register()
    await machine.add(scope)
    answer = await machine.ask("PUT", "/api/profile/plan", b'{"plan": "pro", "user_id": %d}' % anna.id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["plan"] == await plan_of(anna) == "pro"
    assert (await anna.actions())[0] == "plan_change"
    async with house.database.read() as session:
        last = (await session.scalars(select(Activity).order_by(Activity.id.desc()))).first()
    assert last is not None
    assert last.details["by"] == "machine billing system"


async def test_a_machine_says_whose_plan(house: House, machine: Machine) -> None:
    await machine.add(Scope.BILLING)
    for body, status, code in [
        (b'{"plan": "pro"}', 422, "user_id_missing"),
        (b'{"plan": "pro", "user_id": 999}', 404, "not_found"),
    ]:
        answer = await machine.ask("PUT", "/api/profile/plan", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_machine_is_nobody_where_accounts_are_meant(house: House, machine: Machine) -> None:
    await machine.add(Scope.ADMIN)
    for path in ("/api/profile", "/api/auth/me", "/anybody"):
        answer = await machine.ask("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "people_only"), path
    assert (await machine.ask("GET", "/admins")).json() == {"who": "billing system"}


async def test_the_billing_side_is_no_admin(house: House, machine: Machine) -> None:
    await machine.add(Scope.BILLING)
    answer = await machine.ask("GET", "/admins")
    assert (answer.status_code, answer.json()["code"]) == (403, "admins_only")


async def test_a_bad_signature_is_refused(house: House, machine: Machine) -> None:
    await machine.add(Scope.ADMIN)
    other = Machine(house)
    other._id = machine._id
    assert (await other.ask("GET", "/admins")).status_code == 401
    assert (await other.ask("GET", "/anybody")).status_code == 401


# What clients report --------------------------------------------------------------------------------------------------


async def test_a_reported_scan_is_noted_and_counts_nothing(house: House) -> None:
    anna = await house.register()
    await house.store(anna.id, 77)
    for options in (
        {"params": {"storage_bytes": 1_000_000}},
        {"json": {"storage_bytes": 1_000_000}},
        {"params": {"storage_bytes": 0}},
        {},
    ):
        answer = await anna.ask("POST", "/api/profile/increment-scan", **options)
        assert answer.json() == {"success": True, "scans_this_month": 0, "total_scans": 0, "storage_used": 77}
    assert await anna.actions() == ["scan_claim"] * 4 + ["register"]
    async with house.database.read() as session:
        claims = await session.scalars(
            select(Activity.details).where(Activity.action == "scan_claim").order_by(Activity.id)
        )
        assert [claim["storage_bytes"] for claim in claims] == [1_000_000, 1_000_000, 0, 0]


@pytest.mark.parametrize("size", [-1, 2**50 + 1, 2**64, "many", 1.5, None])
async def test_a_reported_size_has_bounds(house: House, size: Any) -> None:
    anna = await house.register()
    assert (await anna.post("/api/profile/increment-scan", {"storage_bytes": size})).status_code == 422
    if size is not None:
        assert (await anna.post("/api/profile/increment-scan", params={"storage_bytes": size})).status_code == 422


async def test_an_export_is_noted(house: House) -> None:
    anna = await house.register()
    assert (await anna.post("/api/profile/log-export", params={"format": "glb"})).json() == {"success": True}
    assert (await anna.post("/api/profile/log-export", {"format": "ply"})).json() == {"success": True}
    told = (await anna.get("/api/profile/activities", action="export")).json()
    assert [activity["description"] for activity in told] == ["Exported as ply", "Exported as glb"]
    for bad in ("", "x" * 21, "a b", "a\0", "é"):
        assert (await anna.post("/api/profile/log-export", {"format": bad})).status_code == 422
    missing = await anna.post("/api/profile/log-export")
    assert (missing.status_code, missing.json()["code"]) == (422, "format_missing")


async def test_an_activity_of_a_client_is_noted(house: House) -> None:
    anna = await house.register()
    body = {"action": "room.viewed", "description": "Looked at the kitchen", "metadata": {"zoom": [1, 2.5, None]}}
    answer = await anna.post("/api/profile/activity", body)
    assert answer.json()["success"] is True
    (latest, _) = (await anna.get("/api/profile/activities")).json()
    assert latest["id"] == answer.json()["activity_id"]
    assert (latest["action"], latest["description"]) == ("room.viewed", "Looked at the kitchen")
    assert "zoom" not in str(latest)
    async with house.database.read() as session:
        stored = await session.get_one(Activity, latest["id"])
    assert stored.details == {"metadata": {"zoom": [1, 2.5, None]}}
    bare = await anna.post("/api/profile/activity", {"action": "x"})
    assert bare.status_code == 200


@pytest.mark.parametrize("action", [*ICONS, "admin_cleanup", "admin_"])
async def test_nobody_writes_the_audit_trail_by_hand(house: House, action: str) -> None:
    anna = await house.register()
    answer = await anna.post("/api/profile/activity", {"action": action})
    assert (answer.status_code, answer.json()["code"]) == (422, "reserved_action")
    assert await anna.actions() == ["register"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": ""},
        {"action": "x" * 51},
        {"action": "Login"},
        {"action": "x\n"},
        {"action": "a b"},
        {"description": "x" * 501},
        {"description": "\0"},
        {"metadata": {"a": "x" * 4097}},
        {"metadata": {"a": "\0"}},
        {"metadata": {"\0": 1}},
        {"metadata": [1]},
        {"metadata": "x"},
        {"metadata": {"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}},
    ],
)
async def test_what_clients_note_has_bounds(house: House, wrong: dict[str, Any]) -> None:
    anna = await house.register()
    answer = await anna.post("/api/profile/activity", {"action": "fine", **wrong})
    assert answer.status_code == 422
    assert await anna.actions() == ["register"]

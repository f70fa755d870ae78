"""What machines may do, at the routes that people use."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import ColumnElement, literal

from garaza.accounts.dependencies import AdminOnly, MaybeUser, SignedIn, identify
from garaza.accounts.routes import make_router
from garaza.accounts.service import AccountService
from garaza.kit.database import Database
from garaza.kit.signing_keys import SigningKeys
from garaza.machines.scopes import Scope
from garaza.machines.service import MachineService
from garaza.settings import AccountSettings
from tests.machines.conftest import ADDRESS, Program, Service, make_app
from tests.machines.fixtures import SettableClock

pytestmark = pytest.mark.anyio


def nothing_stored(_user_id: ColumnElement[int] | int) -> ColumnElement[int]:
    return literal(0)


@pytest.fixture
def accounts(database: Database, clock: SettableClock, tmp_path: Path) -> Iterator[AccountService]:
    keys = SigningKeys(tmp_path / "keys.json", retire_after_seconds=3600, clock=clock)
    accounts = AccountService(AccountSettings(), database, keys, nothing_stored, clock)
    yield accounts
    accounts.close()


@pytest.fixture
async def service(database: Database, clock: SettableClock, accounts: AccountService) -> AsyncIterator[Service]:
    machines = MachineService(database, clock)
    app: FastAPI = make_app(machines)
    app.state.accounts = accounts
    app.state.database = database
    app.include_router(make_router(accounts), dependencies=[Depends(identify)])

    @app.post("/admins")
    async def admins(who: AdminOnly) -> str:
        return who.username

    @app.post("/people")
    async def people(who: SignedIn) -> None: ...

    @app.post("/anybody")
    async def anybody(who: MaybeUser, again: Annotated[Any, Depends(identify)]) -> None: ...

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ADDRESS) as client:
        yield Service(machines, database, clock, client)


async def post(service: Service, program: Program, path: str) -> int:
    return (await service.send("POST", path, program.sign("POST", path))).status_code


async def plan_of(accounts: AccountService, token: str) -> str:
    principal = await accounts.identify_token(token)
    assert principal is not None
    return principal.plan.value


async def test_an_admin_machine_makes_admin_calls_and_a_billing_one_does_not(service: Service) -> None:
    admin, billing = await service.program(Scope.ADMIN), await service.program(Scope.BILLING)
    assert await post(service, admin, "/admins") == 200
    assert await post(service, billing, "/admins") == 403
    assert (await service.send("POST", "/admins", {})).status_code == 401


@pytest.mark.parametrize("scope", list(Scope))
async def test_no_machine_passes_for_a_person(service: Service, scope: Scope) -> None:
    program = await service.program(scope)
    assert await post(service, program, "/people") == 403
    assert await post(service, program, "/anybody") == 403


async def test_a_bad_signature_is_refused_even_where_nobody_has_to_say_who_they_are(service: Service) -> None:
    program = await service.program()
    assert (await service.send("POST", "/anybody", {})).status_code == 200
    assert await post(service, Program(program.keyid, service.clock), "/anybody") == 401


@pytest.mark.parametrize("scope", list(Scope))
async def test_machines_change_plans_once_for_each_signature(
    service: Service, accounts: AccountService, scope: Scope
) -> None:
    program = await service.program(scope)
    admitted = await accounts.register("a@example.com", "Ada", "correct horse")
    path, body = "/api/profile/plan", json.dumps({"plan": "pro", "user_id": admitted.user.id}).encode()
    headers = program.sign("PUT", path, body)
    answer = await service.send("PUT", path, headers, body)
    assert (answer.status_code, answer.json()["plan"]) == (200, "pro")
    assert await plan_of(accounts, admitted.access_token) == "pro"

    down = json.dumps({"plan": "free", "user_id": admitted.user.id}).encode()
    assert (await service.send("PUT", path, program.sign("PUT", path, down), down)).status_code == 200
    again = await service.send("PUT", path, headers, body)
    assert (again.status_code, again.json()["reason"]) == (401, "replayed")
    changed = await service.send("PUT", path, program.sign("PUT", path, down), body)
    assert (changed.status_code, changed.json()["reason"]) == (401, "digest_mismatch")
    assert await plan_of(accounts, admitted.access_token) == "free"


async def test_people_do_not_give_themselves_a_larger_plan(service: Service, accounts: AccountService) -> None:
    admitted = await accounts.register("a@example.com", "Ada", "correct horse")
    body = json.dumps({"plan": "pro", "user_id": admitted.user.id}).encode()
    headers = {"Authorization": f"Bearer {admitted.access_token}", "Content-Type": "application/json"}
    assert (await service.send("PUT", "/api/profile/plan", headers, body)).status_code == 403
    assert await plan_of(accounts, admitted.access_token) == "free"

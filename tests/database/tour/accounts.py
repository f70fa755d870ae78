"""Every call of accounts, in every way that asks something else of the database."""

from __future__ import annotations

import json

from garaza.kit.signing.keys import new_private_key, public_pem
from garaza.kit.signing.outgoing import sign
from garaza.machines.scopes import Scope
from tests.database.seed import LEAVER, PASSWORD
from tests.database.service import ADDRESS, Person, Service


async def tour(service: Service, people: list[Person], admin: Person) -> None:
    await _getting_in_and_out(service)
    for who in people:
        await _profile(service, who)
    await _plans(service, people[-1], admin)
    leaver = await service.sign_in(LEAVER, "leaver")
    await service.running(leaver)
    await service.call("DELETE /api/auth/me", leaver, json={"password": PASSWORD})


async def _getting_in_and_out(service: Service) -> None:
    await service.register("anna")
    form = {"username": "anna@example.org", "password": PASSWORD}
    await service.call("POST /api/auth/login/form", data=form)
    body = {"email": "anna@example.org", "password": PASSWORD}
    admitted = (await service.call("POST /api/auth/login", json=body)).json()
    again = {"refresh_token": admitted["refresh_token"]}
    await service.call("POST /api/auth/refresh", json=again)
    # A second time it was stolen, which ends the login.
    assert (await service.client.post("/api/auth/refresh", json=again)).status_code == 401

    first = await _anna(service)
    await service.call("GET /api/auth/me", first)
    logins = (await service.call("GET /api/auth/sessions", first)).json()
    other = next(login["id"] for login in logins if not login["current"])
    await service.call("DELETE /api/auth/sessions/{session_id}", first, path={"session_id": other})
    second = await _anna(service)
    await service.call("POST /api/auth/logout", await _anna(service))
    await service.call("POST /api/auth/logout-all", first)
    assert (await service.client.get("/api/auth/me", headers={"Authorization": f"Bearer {second.token}"})).is_error
    new = {"current_password": PASSWORD, "new_password": f"{PASSWORD} battery"}
    await service.call("PUT /api/auth/password", await _anna(service), json=new)


async def _anna(service: Service) -> Person:
    body = {"email": "anna@example.org", "password": PASSWORD}
    answer = (await service.call("POST /api/auth/login", json=body)).json()
    return Person(answer["user"]["id"], "anna", answer["access_token"])


async def _profile(service: Service, who: Person) -> None:
    await service.call("GET /api/auth/sessions", who)
    await service.call("GET /api/profile", who)
    await service.call("GET /api/profile/stats", who)
    await service.call("POST /api/profile/activity", who, json={"action": "note", "metadata": {"a": 1}})
    await service.call("POST /api/profile/increment-scan", who, params={"storage_bytes": 1})
    await service.call("POST /api/profile/log-export", who, params={"format": "glb"})


async def _plans(service: Service, who: Person, admin: Person) -> None:
    """Up and down again, by whom each way is open to."""
    route = "PUT /api/profile/plan"
    await service.call(route, admin, json={"plan": "enterprise", "user_id": who.id})
    await service.call(route, who, json={"plan": "pro"})
    key = new_private_key()
    async with service.database.write() as session:
        row = await service.services.machines.add(session, "billing", Scope.BILLING, public_pem(key.public_key()))
    body = json.dumps({"plan": "enterprise", "user_id": who.id}).encode()
    url = f"{ADDRESS}/api/profile/plan"
    headers = sign("PUT", url, key=key, keyid=row.id, now=service.clock(), body=body)
    await service.call(route, content=body, headers=headers)
    async with service.database.write() as session:
        assert len(await service.services.machines.keys(session)) > 1
        await service.services.machines.revoke(session, row.id)

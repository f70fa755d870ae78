"""Requests that programs sign: who is taken for whom, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy import func, select

from garaza.errors import GarazaError
from garaza.kit.ids import new_id
from garaza.kit.signing.incoming import Incoming, from_scope
from garaza.kit.signing.keys import BadKeyError, new_private_key, public_pem
from garaza.machines.models import UsedNonce
from garaza.machines.scopes import Scope
from garaza.machines.service import MAX_BODY_BYTES, MachineService
from tests.machines.conftest import Program, Service

pytestmark = pytest.mark.anyio


def reason(answer: httpx2.Response) -> str:
    """Why it was refused; the answer is one that the client can do something about."""
    assert answer.status_code == 401, answer.text
    problem = answer.json()
    assert problem["code"] == "signature_refused"
    assert problem["detail"].endswith(".")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert '"@authority"' in answer.headers["accept-signature"]
    return str(problem["reason"])


async def used_nonces(service: Service) -> int:
    async with service.database.read() as session:
        return await session.scalar(select(func.count()).select_from(UsedNonce)) or 0


# Who it is -------------------------------------------------------------------------------------------------------


async def test_a_signed_request_is_from_the_machine_that_signed_it(service: Service) -> None:
    await service.program(name="another")
    program = await service.program(Scope.BILLING, "billing")
    answer = await service.send("GET", "/who?of=me", program.sign("GET", "/who?of=me"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"name": "billing", "scope": "billing", "body": ""}


async def test_a_request_without_a_signature_is_from_no_machine(service: Service) -> None:
    answer = await service.send("GET", "/who", {})
    assert answer.json()["name"] is None


async def test_beside_a_token_a_signature_counts_for_nothing(service: Service) -> None:
    program = await service.program()
    for signature in (program.sign("GET", "/who"), {"Signature-Input": "nonsense"}):
        answer = await service.send("GET", "/who", {**signature, "Authorization": "bearer token"})
        assert (answer.status_code, answer.json()["name"]) == (200, None)
    basic = {**program.sign("GET", "/who"), "Authorization": "Basic eDp5"}
    assert (await service.send("GET", "/who", basic)).json()["name"] == "deploy"


async def test_routes_read_the_body_of_a_signed_request_as_of_any_other(service: Service) -> None:
    program = await service.program()
    streamed = await service.send("POST", "/who", program.sign("POST", "/who", b"some text"), b"some text")
    assert streamed.json()["body"] == "some text"
    body = b'{"plan": "pro"}'
    parsed = await service.send("PUT", "/plan", program.sign("PUT", "/plan", body), body)
    assert parsed.json() == {"name": "deploy", "plan": "pro"}


async def test_many_programs_at_once_are_told_apart(service: Service) -> None:
    programs = {f"program {n}": await service.program(name=f"program {n}") for n in range(8)}
    answers = await asyncio.gather(*(service.send("GET", "/who", p.sign("GET", "/who")) for p in programs.values()))
    assert [answer.json()["name"] for answer in answers] == list(programs)


async def test_what_each_scope_may(service: Service) -> None:
    for scope, administrate in ((Scope.BILLING, False), (Scope.ADMIN, True)):
        program = await service.program(scope)
        request = httpx2.Request("GET", "http://garaza.test/who", headers=program.sign("GET", "/who"))
        machine = await service.machines.authenticate(incoming(request))
        assert machine.may_administrate is administrate
        assert machine.may_change_plans


def incoming(request: httpx2.Request) -> Incoming:
    scope = {
        "method": request.method,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": request.headers.raw,
    }
    return from_scope(scope, request.content)


# Replays ---------------------------------------------------------------------------------------------------------


async def test_the_same_request_is_taken_once(service: Service) -> None:
    program = await service.program()
    headers = program.sign("GET", "/who")
    assert (await service.send("GET", "/who", headers)).status_code == 200
    assert reason(await service.send("GET", "/who", headers)) == "replayed"


async def test_of_the_same_request_sent_many_times_at_once_exactly_one_is_taken(service: Service) -> None:
    program = await service.program()
    headers = program.sign("GET", "/who")
    answers = await asyncio.gather(*(service.send("GET", "/who", headers) for _ in range(12)))
    taken = [answer for answer in answers if answer.status_code == 200]
    assert len(taken) == 1
    assert {reason(answer) for answer in answers if answer is not taken[0]} == {"replayed"}


async def test_another_request_with_a_used_nonce_is_refused_and_with_a_key_of_its_own_it_is_not(
    service: Service,
) -> None:
    one, other = await service.program(), await service.program()
    nonce = "n" * 32
    assert (await service.send("GET", "/who", one.sign("GET", "/who", nonce=nonce))).status_code == 200
    assert reason(await service.send("GET", "/who?x=1", one.sign("GET", "/who?x=1", nonce=nonce))) == "replayed"
    assert (await service.send("GET", "/who", other.sign("GET", "/who", nonce=nonce))).status_code == 200


async def test_only_who_has_a_key_writes_to_the_table_of_nonces(service: Service) -> None:
    program = await service.program()
    forged = Program(program.keyid, service.clock)
    assert reason(await service.send("GET", "/who", forged.sign("GET", "/who"))) == "bad_signature"
    stranger = Program(new_id(), service.clock)
    assert reason(await service.send("GET", "/who", stranger.sign("GET", "/who"))) == "unknown_key"
    assert await used_nonces(service) == 0
    await service.send("GET", "/who", program.sign("GET", "/who"))
    assert await used_nonces(service) == 1


async def test_a_nonce_is_forgotten_only_when_its_signature_is_too_old_anyway(service: Service) -> None:
    program = await service.program()
    headers = program.sign("GET", "/who", lifetime_seconds=300)
    await service.send("GET", "/who", headers)

    async def forget() -> int:
        async with service.database.write() as session:
            return await service.machines.forget_nonces(session)

    service.clock.now += 300
    assert await forget() == 0
    assert reason(await service.send("GET", "/who", headers)) == "replayed"
    service.clock.now += 3601
    assert await forget() == 1
    assert reason(await service.send("GET", "/who", headers)) == "too_old"
    assert await used_nonces(service) == 0


# What is refused -------------------------------------------------------------------------------------------------


async def test_a_changed_body_is_refused(service: Service) -> None:
    program = await service.program()
    headers = program.sign("POST", "/who", b'{"plan": "free"}')
    assert reason(await service.send("POST", "/who", headers, b'{"plan": "pro!"}')) == "digest_mismatch"


async def test_a_body_under_a_signature_for_none_is_refused(service: Service) -> None:
    program = await service.program()
    assert reason(await service.send("POST", "/who", program.sign("POST", "/who"), b"more")) == "not_covered"


@pytest.mark.parametrize(
    ("method", "path", "host"),
    [
        ("POST", "/who", None),
        ("GET", "/who?of=you", None),
        ("GET", "/who", "another.test"),
        ("GET", "/plan", None),
    ],
)
async def test_a_signature_is_for_one_request_only(service: Service, method: str, path: str, host: str | None) -> None:
    program = await service.program()
    headers = program.sign("GET", "/who?of=me")
    if host is not None:
        path, headers["Host"] = "/who?of=me", host
    if path == "/plan":
        method = "PUT"
    answer = await service.send(method, path, headers, b'{"plan": "pro"}' if method == "PUT" else None)
    assert reason(answer) in {"bad_signature", "not_covered"}


async def test_old_signatures_those_from_the_future_and_long_ones_are_refused(service: Service) -> None:
    program = await service.program()
    now = service.clock.now
    made = {
        "too_old": program.sign("GET", "/who", now=now - 301),
        "expired": program.sign("GET", "/who", now=now - 61, lifetime_seconds=60),
        "in_the_future": program.sign("GET", "/who", now=now + 120),
    }
    for expected, headers in made.items():
        assert reason(await service.send("GET", "/who", headers)) == expected
    assert (await service.send("GET", "/who", program.sign("GET", "/who", now=now - 250))).status_code == 200


async def test_a_revoked_key_is_refused_at_once_and_only_its_owner_is_told(service: Service) -> None:
    program = await service.program()
    assert (await service.send("GET", "/who", program.sign("GET", "/who"))).status_code == 200
    await service.revoke(program.keyid)
    assert reason(await service.send("GET", "/who", program.sign("GET", "/who"))) == "revoked_key"
    forged = Program(program.keyid, service.clock)
    assert reason(await service.send("GET", "/who", forged.sign("GET", "/who"))) == "bad_signature"
    assert await used_nonces(service) == 1, "what a revoked key signs is not remembered"


async def test_revoking_twice_keeps_the_first_time_and_no_key_is_no_error(service: Service) -> None:
    program = await service.program()
    first = service.clock.now
    for seconds in (0, 60):
        service.clock.now = first + seconds
        async with service.database.write() as session:
            row = await service.machines.revoke(session, program.keyid)
        assert row is not None
        assert row.revoked_at == first
    async with service.database.write() as session:
        assert await service.machines.revoke(session, new_id()) is None
        assert await service.machines.revoke(session, "x' OR 1=1 --") is None


async def test_a_request_for_another_server_with_the_same_public_key_is_none_to_this_one(service: Service) -> None:
    program = await service.program()
    async with service.database.write() as session:
        row = await service.machines.add(session, "same key", Scope.ADMIN, public_pem(program.key.public_key()))
    elsewhere = Program(new_id(), service.clock, program.key)
    assert row.id not in {program.keyid, elsewhere.keyid}
    assert reason(await service.send("GET", "/who", elsewhere.sign("GET", "/who"))) == "unknown_key"


@pytest.mark.parametrize(
    "signature_input",
    [
        "",
        "x",
        "sig1=",
        'sig1=("@method");keyid="',
        'sig1=("@method");keyid="' + "k" * 5000 + '"',
        "sig1=" + "(" * 200,
        'sig1=("@method");created=99999999999999999999;keyid="x"',
        "sig1=();\u00e4",
    ],
)
async def test_nonsense_is_refused_and_never_a_failure_of_ours(service: Service, signature_input: str) -> None:
    headers = {"Signature-Input": signature_input.encode("latin-1").decode("latin-1"), "Signature": "sig1=:AAAA:"}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await service.client.get("/who", headers=raw)
    assert reason(answer) in {"malformed", "too_large", "not_signed", "unknown_key", "several_signatures"}


async def test_a_large_body_is_refused_before_it_is_read(service: Service) -> None:
    program = await service.program()
    body = b"x" * (MAX_BODY_BYTES + 1)
    read = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal read
        for start in range(0, len(body), 1 << 16):
            read += 1
            yield body[start : start + (1 << 16)]

    headers = {**program.sign("POST", "/who", body), "Content-Length": str(len(body))}
    answer = await service.client.post("/who", headers=headers, content=parts())
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    chunked = await service.client.post("/who", headers=program.sign("POST", "/who", b"x"), content=parts())
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
    assert read == 0
    for nonsense in ("-1", "99999999999999999999", "1e3"):
        headers["Content-Length"] = nonsense
        assert (await service.client.post("/who", headers=headers, content=b"x")).status_code == 413


async def test_the_largest_body_is_taken(service: Service) -> None:
    program = await service.program()
    body = b"x" * MAX_BODY_BYTES
    answer = await service.send("POST", "/who", program.sign("POST", "/who", body), body)
    assert answer.status_code == 200


async def test_a_signed_form_is_refused_with_a_reason(service: Service) -> None:
    program = await service.program()
    headers = program.sign("POST", "/form", b"word=x", content_type="application/x-www-form-urlencoded")
    answer = await service.send("POST", "/form", headers, b"word=x")
    assert (answer.status_code, answer.json()["code"]) == (400, "form_not_signed")


# Keys ------------------------------------------------------------------------------------------------------------


async def test_keys_are_listed_oldest_first_with_those_that_are_revoked(service: Service) -> None:
    first = await service.program(name="first")
    service.clock.now += 1
    second = await service.program(Scope.BILLING, "second")
    await service.revoke(first.keyid)
    async with service.database.read() as session:
        keys = await service.machines.keys(session)
    assert [(key.id, key.name, key.scope) for key in keys] == [
        (first.keyid, "first", "admin"),
        (second.keyid, "second", "billing"),
    ]
    assert keys[0].revoked_at == service.clock.now
    assert keys[1].revoked_at is None


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "\x1b[31mred"])
async def test_names_that_a_terminal_cannot_show_are_refused(service: Service, name: str) -> None:
    machines: MachineService = service.machines
    with pytest.raises(GarazaError, match="name"):
        async with service.database.write() as session:
            await machines.add(session, name, Scope.ADMIN, public_pem(new_private_key().public_key()))


async def test_what_is_no_public_key_is_refused(service: Service) -> None:
    with pytest.raises(BadKeyError):
        async with service.database.write() as session:
            await service.machines.add(session, "x", Scope.ADMIN, "not a key")
    async with service.database.read() as session:
        assert await service.machines.keys(session) == []

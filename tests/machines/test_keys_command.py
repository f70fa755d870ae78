"""`garaza admin keys`, beside a service that uses the same database."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import URL

from garaza.kit.signing.keys import new_private_key, private_pem, public_pem, read_private_key
from tests.cli.command import run
from tests.machines.conftest import Program, Service

pytestmark = pytest.mark.anyio

Keys = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """The command, on a data directory of its own."""
    return command(tmp_path)


@pytest.fixture
def service_keys(database_url: URL, tmp_path: Path) -> Keys:
    """The command, on the service's database."""
    url = database_url.render_as_string(hide_password=False)
    return command(tmp_path, **({} if url.startswith("sqlite") else {"GARAZA_DATABASE__URL": url}))


def command(data: Path, **settings: str) -> Keys:
    def call(*arguments: str | Path) -> CompletedProcess[str]:
        done = run("admin", "keys", *arguments, "--data-dir", data, **settings)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


def id_in(text: str) -> str:
    found = re.search(r"\b[0-9A-Za-z]{22}\b", text)
    assert found is not None, text
    return found[0]


async def status(service: Service, keyid: str, key: Ed25519PrivateKey) -> int:
    program = Program(keyid, service.clock, key)
    return (await service.send("GET", "/who", program.sign("GET", "/who"))).status_code


async def test_a_running_service_knows_a_new_key_and_a_revoked_one_at_once(
    service: Service, service_keys: Keys
) -> None:
    added = service_keys("add", "billing system", "--scope", "billing")
    assert added.returncode == 0, added.stderr
    # All of standard output, so that it can be sent into a file.
    key = read_private_key(added.stdout)
    keyid = id_in(added.stderr)
    assert "PRIVATE" not in added.stderr
    assert await status(service, keyid, key) == 200

    listed = service_keys("list")
    [line] = [line for line in listed.stdout.splitlines() if keyid in line]
    assert line.split("  ")[1].strip() == "billing system"
    assert "PRIVATE" not in listed.stdout

    revoked = service_keys("revoke", keyid)
    assert revoked.returncode == 0, revoked.stderr
    assert await status(service, keyid, key) == 401
    assert service_keys("revoke", keyid).returncode == 0


async def test_a_program_may_bring_a_key_of_its_own(service: Service, service_keys: Keys, tmp_path: Path) -> None:
    key = new_private_key()
    file = tmp_path / "deploy.pub"
    file.write_text(public_pem(key.public_key()))
    added = service_keys("add", "deploy", "--scope", "admin", "--public-key", file)
    assert (added.returncode, added.stdout) == (0, "")
    assert await status(service, id_in(added.stderr), key) == 200


def test_what_is_no_public_key_is_refused_and_nothing_kept(keys: Keys, tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    private.write_text(private_pem(new_private_key()))
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)) * 100)
    for file in (private, binary, tmp_path, tmp_path / "missing"):
        refused = keys("add", "x", "--scope", "admin", "--public-key", file)
        assert (refused.returncode, refused.stdout) == (1, ""), refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    assert "no keys" in keys("list").stderr


def test_scopes_and_ids_that_there_are_not_are_refused(keys: Keys) -> None:
    assert keys("add", "x", "--scope", "root").returncode == 2
    assert keys("add", "x").returncode == 2
    refused = keys("revoke", "nonsense")
    assert refused.returncode == 1
    assert "garaza admin keys list" in refused.stderr

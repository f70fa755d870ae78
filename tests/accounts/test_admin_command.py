"""`garaza admin create` and `rotate-signing-key`, as somebody at a terminal types them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from sqlalchemy import URL

from garaza.kit.database import sqlite_url
from garaza.kit.signing_keys import SigningKeys
from tests.accounts.house import PASSWORD, House, Visitor, make_house
from tests.cli.command import ENVIRONMENT, PATIENCE_SECONDS


@pytest.fixture
def settings(database_url: URL, tmp_path: Path) -> dict[str, str]:
    """The command uses the database that the house of the test has."""
    given = {"GARAZA_DATA_DIR": str(tmp_path)}
    if database_url.get_backend_name() == "postgresql":
        given["GARAZA_DATABASE__URL"] = database_url.render_as_string(hide_password=False)
    return given


def garaza(settings: dict[str, str], *arguments: str, said: str = "", code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "garaza", "admin", *arguments],
        env={**ENVIRONMENT, **settings},
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return re.sub(r"\s+", " ", done.stdout if code == 0 else done.stderr).strip()


def at_a_terminal(settings: dict[str, str], *arguments: str, said: list[str]) -> str:
    """What the terminal shows of it, to somebody who answers each question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "garaza", "admin", *arguments],
        env={**ENVIRONMENT, **settings},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, answers = b"", [*said]
    try:
        while select.select([ours], [], [], PATIENCE_SECONDS)[0] and (part := _read(ours)):
            shown += part
            if answers and shown.endswith(b": "):
                os.write(ours, answers.pop(0).encode() + b"\n")
                shown += b"\n"
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""  # Linux says so when the other side has closed.


@pytest.mark.anyio
async def test_the_first_admin_is_made_with_a_password_from_standard_input(
    settings: dict[str, str], house: House
) -> None:
    said = garaza(settings, "create", " Anna@Example.com", "anna", "--password-stdin", said=f"{PASSWORD}\n")
    assert said == "Made Anna@example.com, an admin."
    assert PASSWORD not in said
    anna = await house.signed_in()
    assert anna.answer["user"]["role"] == "admin"
    assert (await anna.get("/admins")).status_code == 200
    assert set(await anna.actions()) == {"login", "admin_grant"}


@pytest.mark.anyio
async def test_an_account_that_is_there_is_made_an_admin_and_keeps_its_password(
    settings: dict[str, str], house: House
) -> None:
    anna = await house.register()
    for _ in range(2):
        assert garaza(settings, "create", "ANNA@example.com", "--promote") == "anna@example.com is an admin."
    assert (await anna.get("/admins")).json() == {"who": "anna"}
    assert (await house.login()).status_code == 200


# The rest is the same on any database.


@pytest.fixture
def here(tmp_path: Path, empty_file: Path) -> dict[str, str]:
    shutil.copy(empty_file, tmp_path / "garaza.db")
    return {"GARAZA_DATA_DIR": str(tmp_path)}


def test_a_password_is_asked_for_twice_and_not_shown(here: dict[str, str]) -> None:
    shown = at_a_terminal(here, "create", "anna@example.com", "anna", said=["another", PASSWORD, PASSWORD, PASSWORD])
    assert "Made anna@example.com, an admin." in shown
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("arguments", "said", "told"),
    [
        (["anna", "anna", "--password-stdin"], PASSWORD, "This is no e-mail address"),
        (["a@example.com", "x" * 51, "--password-stdin"], PASSWORD, "A username has 1 to 50 characters"),
        (["a@example.com", "anna", "--password-stdin"], "", "A password has 8 to 1024 characters"),
        (["a@example.com", "anna", "--password-stdin"], "x" * 20_000, "A password has 8 to 1024 characters"),
        (["a@example.com", "anna"], PASSWORD, "There is nobody to ask for a password"),
    ],
)
def test_what_can_not_be_done_is_said(here: dict[str, str], arguments: list[str], said: str, told: str) -> None:
    assert told in garaza(here, "create", *arguments, said=said, code=1)


def test_a_username_is_given_once(here: dict[str, str]) -> None:
    garaza(here, "create", "a@example.com", "anna", "--password-stdin", said=PASSWORD)
    told = garaza(here, "create", "b@example.com", "ANNA", "--password-stdin", said=PASSWORD, code=1)
    assert told == "There is an account with this username already."


@pytest.mark.anyio
async def test_a_rotated_key_signs_nobody_out(here: dict[str, str], tmp_path: Path) -> None:
    garaza(here, "rotate-signing-key")

    def start() -> House:
        keys = SigningKeys(tmp_path / "signing-keys.json", retire_after_seconds=900)
        return make_house(sqlite_url(tmp_path / "garaza.db"), keys=keys)

    house = start()
    anna = await house.register()
    told = garaza(here, "rotate-signing-key")
    again = start()
    assert await Visitor(again, anna.answer).may_enter()
    kid = jwt.get_unverified_header((await again.signed_in()).access)["kid"]
    assert kid in told
    assert kid != jwt.get_unverified_header(anna.access)["kid"]
    await house.close()
    await again.close()


@pytest.mark.parametrize(("of", "file"), [("links", "share-keys.json"), ("webhooks", "signing-keys.json")])
def test_what_an_old_key_has_signed_stays_good(here: dict[str, str], tmp_path: Path, of: str, file: str) -> None:
    def newest() -> str:
        keys = SigningKeys(tmp_path / file, retire_after_seconds=900)
        return keys.outgoing()[0] if of == "webhooks" else keys.signing()[0]

    garaza(here, "rotate-signing-key", "--of", of)
    old = newest()
    told = garaza(here, "rotate-signing-key", "--of", of)
    assert newest() in told
    assert newest() != old
    keys = SigningKeys(tmp_path / file, retire_after_seconds=900)
    known = [key["kid"] for key in keys.public_jwks()["keys"]] if of == "webhooks" else [old]
    assert old in known
    if of == "links":
        assert keys.verifying(old) is not None


def test_given_keys_are_rotated_where_they_are_given(here: dict[str, str]) -> None:
    given = {"GARAZA_ACCOUNTS__SIGNING_KEYS": "first:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="}
    assert "given by a setting" in garaza({**here, **given}, "rotate-signing-key", code=1)

"""`garaza admin keys`: programs that may sign requests, such as a billing system."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from garaza.cli.common import DataDir, data_errors_told, load_settings, refuse
from garaza.machines.scopes import Scope

if TYPE_CHECKING:
    from garaza.kit.database import WriteSession
    from garaza.machines.models import MachineKey
    from garaza.machines.service import MachineService

T = TypeVar("T")

keys_app = typer.Typer(help="Programs that may sign requests, such as a billing system.", no_args_is_help=True)

_MAX_FILE = 10_000


@keys_app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it, for people.")],
    scope: Annotated[Scope, typer.Option(help="billing: may change plans. admin: may do what an admin may.")],
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            help="Its Ed25519 public key: PEM or an OpenSSH line; - reads standard input. Without it a pair is made.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Let a program sign requests.

    Without --public-key its new private key goes to standard output, this once, and everything else to standard error.
    """
    from garaza.errors import GarazaError  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.kit.signing.keys import BadKeyError, new_private_key, private_pem, public_pem  # noqa: PLC0415

    made = new_private_key() if public_key is None else None
    given = public_pem(made.public_key()) if made is not None else _read(public_key)

    async def work(machines: MachineService, session: WriteSession) -> MachineKey:
        return await machines.add(session, name, scope, given)

    try:
        key = _run(data_dir, work)
    except (BadKeyError, GarazaError) as error:
        refuse(f"{error}")
    if made is not None:
        typer.echo(private_pem(made), nl=False)
    for line in _usage(key, made=made is not None):
        typer.echo(line, err=True)


@keys_app.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """Show all keys, oldest first."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    async def work(machines: MachineService, session: WriteSession) -> list[MachineKey]:
        return await machines.keys(session)

    keys = _run(data_dir, work)
    if not keys:
        typer.echo("There are no keys. `garaza admin keys add` makes one.", err=True)
        return
    table = Table("id", "name", "scope", "made", "revoked", box=None)
    for key in keys:
        table.add_row(key.id, Text(key.name), key.scope, _day(key.created_at), _day(key.revoked_at))
    # Through a pipe nothing is cut off to fit a terminal that isn't there.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@keys_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Refuse whatever is signed with a key from now on. A running service knows at once."""

    async def work(machines: MachineService, session: WriteSession) -> MachineKey | None:
        return await machines.revoke(session, key_id)

    key = _run(data_dir, work)
    if key is None:
        refuse(f"There is no key {key_id}. `garaza admin keys list` shows those there are.")
    typer.echo(f"Key {key.id} of {key.name} is revoked.")


def _run(data_dir: Path | None, work: Callable[[MachineService, WriteSession], Awaitable[T]]) -> T:
    """Do something in one transaction, beside whoever else uses the database."""
    from garaza.kit.database import Database  # noqa: PLC0415
    from garaza.kit.migrate import prepare  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.machines.service import MachineService  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from garaza.wiring import database_url, pool_options  # noqa: PLC0415

    settings = load_settings(data_dir)
    data = DataDirectory(settings.data_dir)
    url = database_url(settings)

    async def run() -> T:
        database = Database(url, pool_options(settings.database, url))
        try:
            async with database.write() as session:
                return await work(MachineService(database), session)
        finally:
            await database.close()

    with data_errors_told(data.root):
        prepare(data, url, PACKAGE)
        return asyncio.run(run())


def _read(path: Path | None) -> str:
    assert path is not None
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(_MAX_FILE + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE + 1)
    except OSError as error:
        refuse(f"Can't read {path}: {os.strerror(error.errno) if error.errno else error}.")
    return content.decode("utf-8", "replace")


def _usage(key: MachineKey, *, made: bool) -> list[str]:
    may = "change plans" if key.scope == Scope.BILLING else "do what an admin may"
    once = ["It is shown this once: keep it where only that program can read it."] if made else []
    return [
        f"Key {key.id} is for {key.name}. Whoever has its private key may {may}.",
        *once,
        f'Sign each request by RFC 9421 with alg="ed25519", keyid="{key.id}", created, expires at most 300 seconds',
        "later, and a nonce of 16 to 128 characters that is new each time. Cover @method, @authority, @path, @query if",
        "there is one, and content-digest if there is a body.",
        f"To end it: garaza admin keys revoke {key.id}",
    ]


def _day(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at is not None else ""

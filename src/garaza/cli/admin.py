"""`garaza admin`: what only who runs the service may do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from garaza.cli.common import DataDir, data_errors_told, load_settings, refuse
from garaza.cli.keys import keys_app

if TYPE_CHECKING:
    from garaza.accounts.models import User
    from garaza.accounts.service import AccountService
    from garaza.kit.database import Database
    from garaza.settings import Settings

T = TypeVar("T")

admin_app = typer.Typer(help="Admins, and the keys of programs.", no_args_is_help=True)
admin_app.add_typer(keys_app, name="keys")

_MAX_LINE = 16_384


@admin_app.command()
def create(
    email: Annotated[str, typer.Argument(help="Of the new account, or with --promote of one that there is.")],
    username: Annotated[str, typer.Argument(help="Of the new account.")] = "admin",
    promote: Annotated[
        bool, typer.Option("--promote", help="Make an account that there is already an admin, with its own password.")
    ] = False,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the password from standard input, one line, instead of asking."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make an admin."""
    from garaza.accounts import normalise  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.errors import GarazaError  # noqa: PLC0415

    settings = load_settings(data_dir)
    try:
        normalise.username(username)
        if promote:
            promoted = _run(settings, lambda accounts, database: _promote(accounts, database, email))
            if promoted is None:
                refuse("There is no account with this e-mail address. Without --promote one is made.")
            typer.echo(f"{promoted.email} is an admin.")
            return
        password = normalise.password(_read_password() if password_stdin else _ask_password())
        made = _run(settings, lambda accounts, _database: accounts.create_admin(email, username, password))
    except GarazaError as error:
        # Addresses aren't confirmed: somebody else may have been here first.
        hint = " If you know that it is the right person's, --promote makes it an admin."
        refuse(error.detail + (hint if error.code == "email_taken" else ""))
    typer.echo(f"Made {made.email}, an admin.")


class Signed(StrEnum):
    """What the service signs."""

    TOKENS = "tokens"
    LINKS = "links"
    WEBHOOKS = "webhooks"


@admin_app.command()
def rotate_signing_key(
    of: Annotated[Signed, typer.Option("--of", help="What is signed with it.")] = Signed.TOKENS,
    data_dir: DataDir = None,
) -> None:
    """Sign with a new key from now on. Nobody is signed out, and no link breaks: the old key goes on verifying for as
    long as what it has signed is good.
    """
    from garaza.kit.clock import system_clock  # noqa: PLC0415 - `garaza --help` must not wait for it
    from garaza.kit.signing_keys import SigningKeysError  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.wiring import make_share_keys, make_signing_keys  # noqa: PLC0415

    settings = load_settings(data_dir)
    data = DataDirectory(settings.data_dir)
    with data_errors_told(data.root):
        data.create()
        try:
            make = make_share_keys if of is Signed.LINKS else make_signing_keys
            keys = make(settings, data, system_clock)
            kid = keys.rotate_outgoing() if of is Signed.WEBHOOKS else keys.rotate()
        except SigningKeysError as error:
            refuse(str(error))
    typer.echo(f"{of.value.capitalize()} are signed with {kid} from now on; a running service follows within seconds.")


async def _promote(accounts: AccountService, database: Database, email: str) -> User | None:
    async with database.write() as session:
        return await accounts.promote(session, email)


def _run(settings: Settings, work: Callable[[AccountService, Database], Awaitable[T]]) -> T:
    """Do something with accounts, beside whoever else uses the database."""
    from sqlalchemy import literal  # noqa: PLC0415 - `garaza --help` must not wait for it

    from garaza.accounts.service import AccountService  # noqa: PLC0415
    from garaza.kit.clock import system_clock  # noqa: PLC0415
    from garaza.kit.database import Database  # noqa: PLC0415
    from garaza.kit.migrate import prepare  # noqa: PLC0415
    from garaza.kit.signing_keys import SigningKeysError  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from garaza.wiring import database_url, make_caching, make_signing_keys, pool_options  # noqa: PLC0415

    data = DataDirectory(settings.data_dir)
    url = database_url(settings)

    async def run() -> T:
        database = Database(url, pool_options(settings.database, url))
        caching = make_caching(settings, database)
        keys = make_signing_keys(settings, data, system_clock)
        # Nothing is stored by these commands, so nothing has to be measured.
        accounts = AccountService(settings.accounts, database, keys, lambda _user_id: literal(0), system_clock)
        try:
            return await work(accounts, database)
        finally:
            accounts.close()
            if caching is not None:
                await caching.stop()
            await database.close()

    with data_errors_told(data.root):
        prepare(data, url, PACKAGE)
        try:
            return asyncio.run(run())
        except SigningKeysError as error:
            refuse(str(error))


def _ask_password() -> str:
    if not sys.stdin.isatty():
        refuse("There is nobody to ask for a password. Send it to standard input, with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _read_password() -> str:
    line = sys.stdin.buffer.readline(_MAX_LINE)
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        refuse("The password on standard input isn't UTF-8.")

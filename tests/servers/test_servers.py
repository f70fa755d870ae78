"""The servers that other tests rely on do as they are told, and leave nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.servers.daemon import Daemon
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from tests.service.harness import PATIENCE_SECONDS, ROOT, eventually, is_gone

pytestmark = pytest.mark.anyio

KINDS = [Postgres, Valkey]

TESTS_WITH_A_SERVER = """
import importlib, pathlib, sys
module, kind, log = sys.argv[1:]
server = getattr(importlib.import_module(module), kind)(pathlib.Path(log))
print(server.process.pid, server.folder, server.data, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[type[Daemon]], Daemon]]:
    """Start one of your own."""
    started: list[Daemon] = []

    def start(kind: type[Daemon]) -> Daemon:
        # The shared one knows whether this platform has any.
        request.getfixturevalue(kind.__name__.lower())
        started.append(kind(tmp_path / "log"))
        return started[-1]

    yield start
    for server in started:
        server.stop()


async def greet(server: Daemon) -> object:
    if isinstance(server, Postgres):
        return await ask(server.url(), "SELECT 1")
    async with Redis.from_url(server.url) as client:
        return await client.ping()


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url, timeout=PATIENCE_SECONDS)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_a_new_database_is_a_copy_of_what_was_prepared_once(postgres: Postgres) -> None:
    prepared: list[str] = []

    def prepare(url: str) -> None:
        prepared.append(url)
        # Migrations run an event loop, even when the test that is first to need them has one.
        asyncio.run(ask(url, "CREATE TABLE kept (id int PRIMARY KEY)"))

    first = postgres.new_database(postgres.template(prepare))
    second = postgres.new_database(postgres.template(prepare))
    await ask(first, "INSERT INTO kept VALUES (1)")

    assert len(prepared) == 1
    assert await ask(first, "SELECT count(*) FROM kept") == 1
    assert await ask(second, "SELECT count(*) FROM kept") == 0
    postgres.drop(first)
    postgres.drop(second)


async def test_a_dropped_database_is_gone_for_who_is_connected_as_well(postgres: Postgres) -> None:
    with postgres.database() as url:
        connection = await asyncpg.connect(url, timeout=PATIENCE_SECONDS)
        assert await connection.fetchval("SELECT current_user") == "garaza"
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(url, "SELECT 1")
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
        await connection.fetchval("SELECT 1")


async def test_postgres_killed_and_restarted_has_what_was_committed(own: Callable[..., Postgres]) -> None:
    postgres = own(Postgres)
    url = postgres.new_database()
    await ask(url, "CREATE TABLE kept AS SELECT 'this' AS what")

    postgres.kill()
    with pytest.raises(ConnectionRefusedError):
        await ask(url, "SELECT 1")

    postgres.restart()
    assert await ask(url, "SELECT what FROM kept") == "this"


async def test_valkey_killed_and_restarted_is_empty(own: Callable[..., Valkey]) -> None:
    valkey = own(Valkey)
    async with Redis.from_url(valkey.url, retry=None) as client:
        await client.set("name", "value")
        valkey.kill()
        with pytest.raises(RedisConnectionError):
            await client.ping()

        valkey.restart()
        assert await client.get("name") is None


async def test_flushed_valkey_is_empty(valkey: Valkey) -> None:
    async with Redis.from_url(valkey.url) as client:
        await client.set("name", "value")
        valkey.flush()
        assert await client.get("name") is None


@pytest.mark.parametrize("name", ["postgres", "valkey"])
async def test_a_paused_server_is_silent_until_it_goes_on(name: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(name)
    server.pause()
    try:
        answer = asyncio.create_task(greet(server))
        # However long one waits.
        assert (await asyncio.wait([answer], timeout=0.1))[0] == set()
    finally:
        server.resume()
    assert await answer


@pytest.mark.parametrize("state", ["running", "paused", "killed"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_a_stopped_server(kind: type[Daemon], state: str, own: Callable[..., Daemon]) -> None:
    server = own(kind)
    processes = family(server.process.pid)
    if state == "paused":
        server.pause()
    elif state == "killed":
        server.kill()

    server.stop()
    for process in processes:
        eventually(lambda pid=process: is_gone(pid), f"end of {process}")
    assert not server.folder.exists()
    assert not server.data.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_when_the_tests_are_killed(
    kind: type[Daemon], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    request.getfixturevalue(kind.__name__.lower())
    with subprocess.Popen(
        [sys.executable, "-c", TESTS_WITH_A_SERVER, kind.__module__, kind.__name__, tmp_path / "log"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        pid, *folders = tests.stdout.readline().split()
        processes = family(int(pid))
        assert all(Path(folder).exists() for folder in folders)
        tests.kill()
    for process in processes:
        eventually(lambda pid=process: is_gone(pid), f"end of {process}")
    for folder in map(Path, folders):
        eventually(lambda path=folder: not path.exists(), f"end of {folder}")

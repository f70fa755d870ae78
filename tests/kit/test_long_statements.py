"""What takes long on PostgreSQL is waited for as long as the server works at it, and no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import pytest
from sqlalchemy import URL, Connection, make_url, text

from garaza.kit import long_statements, migrate
from garaza.kit.long_statements import DatabaseUnreachableError, run_on_postgresql
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres

__all__ = ["postgres"]

T = TypeVar("T")

LOOK_SECONDS = 0.1


@pytest.fixture
def url(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[URL]:
    monkeypatch.setattr(long_statements, "LOOK_SECONDS", LOOK_SECONDS)
    with postgres.database() as made:
        yield make_url(made)


class Line:
    """Between a server and those who connect, some of whom hear nothing any more when `lost` is set."""

    def __init__(self, server: URL, deaf: int) -> None:
        """`deaf`: so many of those who connect first."""
        self._server = server
        self._deaf = deaf
        self.lost = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listening: asyncio.Server

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        return self

    @property
    def url(self) -> URL:
        return self._server.set(host="127.0.0.1", port=self._listening.sockets[0].getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _end(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._deaf -= 1
        up, down = await asyncio.open_connection(self._server.host, self._server.port)
        await asyncio.gather(_copy(reader, down), _copy(up, writer, self.lost if self._deaf >= 0 else None))


async def _copy(source: asyncio.StreamReader, to: asyncio.StreamWriter, lost: threading.Event | None = None) -> None:
    try:
        while part := await source.read(1 << 16):
            if lost is None or not lost.is_set():
                to.write(part)
    finally:
        to.close()


def test_what_takes_long_is_not_ended(url: URL) -> None:
    def slow(connection: Connection) -> object:
        return connection.execute(text(f"SELECT 'done' FROM pg_sleep({6 * LOOK_SECONDS})")).scalar_one()

    assert run_on_postgresql(url, slow, "SET LOCAL lock_timeout = '1s'") == "done"


@pytest.mark.parametrize("deaf", [1, 99], ids=["a connection is lost", "the server is silent"])
def test_what_never_comes_is_not_waited_for(url: URL, monkeypatch: pytest.MonkeyPatch, deaf: int) -> None:
    monkeypatch.setattr(long_statements, "ANSWER_SECONDS", 1.0)
    with Line(url, deaf) as line:

        def ask(connection: Connection) -> None:
            line.lost.set()
            connection.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnreachableError, match=r"^it doesn't answer$"):
            run_on_postgresql(line.url, ask)


def test_who_brings_it_up_to_date_for_too_long_is_named(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)

    def meanwhile(_connection: Connection) -> None:
        with (
            ThreadPoolExecutor(1) as other,
            pytest.raises(DatabaseUnreachableError, match="another process has been bringing it up to date"),
        ):
            other.submit(migrate._on_postgresql, url, lambda _: None, lock=True).result()

    migrate._on_postgresql(url, meanwhile, lock=True)

"""PostgreSQL goes away and comes back under a real service: clients are told to come again, and then are served."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx2
import pytest

from tests.servers.postgres import Postgres
from tests.service.fixtures import StartServer
from tests.service.harness import PATIENCE_SECONDS, Server, eventually

SOON_SECONDS = "2"


@pytest.fixture
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Postgres]:
    """A server that may be taken away."""
    # The shared one knows whether this platform has any.
    request.getfixturevalue("postgres")
    with Postgres(tmp_path / "postgres.log") as server:
        yield server


@pytest.fixture
def service(own: Postgres, start_server: StartServer) -> Server:
    return start_server(
        GARAZA_DATABASE__URL=own.new_database(),
        GARAZA_DATABASE__CONNECT_TIMEOUT_SECONDS=SOON_SECONDS,
        GARAZA_DATABASE__STATEMENT_TIMEOUT_SECONDS=SOON_SECONDS,
        GARAZA_DATABASE__POOL_TIMEOUT_SECONDS=SOON_SECONDS,
    )


class Clients:
    """Ask again and again, several at a time, until they are told to stop."""

    def __init__(self, service: Server, paths: list[str]) -> None:
        self._service = service
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(path,)) for path in paths]
        self.answers: list[httpx2.Response] = []
        self.broken: list[Exception] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, path: str) -> None:
        with httpx2.Client(base_url=self._service.address, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            while not self._over.is_set():
                try:
                    self.answers.append(client.get(path))
                except httpx2.HTTPError as error:
                    self.broken.append(error)

    def until(self, status: int, count: int = 10) -> None:
        """So many answers in a row, from now on."""
        seen = len(self.answers)
        eventually(
            lambda: [answer.status_code for answer in self.answers[seen:][-count:]] == [status] * count,
            f"{count} times {status}, not {self.codes}",
        )

    @property
    def codes(self) -> Counter[int]:
        return Counter(answer.status_code for answer in self.answers)


def _away(own: Postgres, how: str) -> tuple[Callable[[], None], Callable[[], None]]:
    return {"killed": (own.kill, own.restart), "paused": (own.pause, own.resume)}[how]


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_while_the_database_is_away_clients_are_told_to_come_back(own: Postgres, service: Server, how: str) -> None:
    job_id = service.new_scan()
    take_away, give_back = _away(own, how)
    with Clients(service, [f"/api/status/{job_id}"] * 4) as clients:
        clients.until(200)
        take_away()
        try:
            clients.until(503)
            assert service.client.get("/health").status_code == 200
            assert service.client.get("/ready").status_code == 503
        finally:
            give_back()
        clients.until(200)
    assert clients.broken == []
    assert set(clients.codes) == {200, 503}
    for answer in clients.answers:
        if answer.status_code == 503:
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
    # What was begun goes on as if nothing had been.
    assert service.process_scan(job_id).status_code == 200
    service.until(job_id, "completed")


def test_after_a_restart_nobody_notices_it(own: Postgres, start_server: StartServer) -> None:
    """Connections are asked whether they live before they are used."""
    service = start_server(GARAZA_DATABASE__URL=own.new_database())
    job_id = service.new_scan()
    with Clients(service, [f"/api/status/{job_id}"] * 4) as clients:
        clients.until(200, 50)
    own.restart()
    answers = [service.client.get(f"/api/status/{job_id}").status_code for _ in range(20)]
    assert answers == [200] * 20


def test_outages_are_counted(own: Postgres, service: Server) -> None:
    job_id = service.new_scan()
    own.kill()
    assert service.client.get(f"/api/status/{job_id}").status_code == 503
    own.restart()
    figures = service.client.get("/metrics").text
    (line,) = [line for line in figures.splitlines() if line.startswith("garaza_database_outages_total")]
    assert float(line.split()[1]) >= 1

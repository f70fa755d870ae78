"""A browser for tests of the page, and visitors whose browser may complain of nothing unexpected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.page.visitor import Visitor
from tests.service.fixtures import clip, new_database, postgres, server, start_server, template
from tests.service.harness import PATIENCE_SECONDS, Server

__all__ = ["clip", "new_database", "postgres", "server", "start_server", "template"]

expect.set_options(timeout=PATIENCE_SECONDS * 1000)

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL without a GPU.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]

Visit = Callable[..., Visitor]


def find_chromium() -> str | None:
    if named := os.environ.get("GARAZA_CHROMIUM"):
        if named == "none":
            return None
        found = shutil.which(named)
        assert found is not None, f"GARAZA_CHROMIUM={named} is no program"
        return found
    return next((found for name in NAMES if (found := shutil.which(name))), None)


# Of a module, not of the session: while Playwright runs, no other test in this process can have an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("needs a Chromium: set GARAZA_CHROMIUM to one, or have it on PATH")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """Someone opens the start of a server, the shared one unless told otherwise. `options`: those of a context."""
    visitors: list[Visitor] = []

    def come(of: Server = server, **options: object) -> Visitor:
        visitors.append(Visitor(browser, of, **options))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.leave()
        assert visitor.complaints() == []

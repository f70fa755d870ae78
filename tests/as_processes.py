"""The service and its worker as processes, with the reconstruction exchanged; everything else as `garaza` starts it.

Packages that do so have a `__main__` of their own, which is named as `garaza.__main__` is: a reconstruction's process
would import a main module of any other name, and all that it imports.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from garaza.cli.common import configure_logging, load_settings
from garaza.cli.serve import run_service
from garaza.cli.worker import run_worker
from garaza.kit.migrate import prepare
from garaza.migrations import PACKAGE
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.wiring import make_parts


def run(package: str, work: Callable[..., Any], owner: str | None = None) -> None:
    """What the command line says.

    Args:
        package: that the worker is started by, too.
        work: what is done in the place of a reconstruction.
        owner: of a worker that isn't told whose it is.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve", "worker"])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--owner", default=owner)
    parser.add_argument("--supervised", action="store_true")
    given = parser.parse_args()
    settings = load_settings(given.data_dir, server={"port": given.port})
    configure_logging(settings.logging)
    parts = replace(
        make_parts(settings),
        reconstruct=functools.partial(reconstruct_isolated, work=work),
        worker_command=(sys.executable, "-m", package, "worker"),
    )
    if given.command == "serve":
        run_service(settings, parts)
    else:
        prepare(parts.data, parts.database.url, PACKAGE)
        run_worker(parts, given.owner, supervised=given.supervised)

"""The service and its worker as processes, whose reconstruction is `work`; everything else as `garaza` starts it.

Named as `garaza.__main__` is: a reconstruction's process would import a main module of any other name, and all that
it imports.
"""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import replace
from pathlib import Path

from garaza.cli.common import configure_logging, load_settings
from garaza.cli.serve import run_service
from garaza.cli.worker import run_worker
from garaza.kit.migrate import prepare
from garaza.migrations import PACKAGE
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.wiring import make_parts
from tests.chaos.work import work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve", "worker"])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--owner")
    parser.add_argument("--supervised", action="store_true")
    given = parser.parse_args()
    settings = load_settings(given.data_dir, server={"port": given.port})
    configure_logging()
    parts = replace(
        make_parts(settings),
        reconstruct=functools.partial(reconstruct_isolated, work=work),
        worker_command=(sys.executable, "-m", "tests.chaos", "worker"),
    )
    if given.command == "serve":
        run_service(settings, parts)
    else:
        prepare(parts.data, parts.database.url, PACKAGE)
        run_worker(parts, given.owner, supervised=given.supervised)


if __name__ == "__main__":
    main()

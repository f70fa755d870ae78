"""`garaza worker` with the reconstruction exchanged; which adapter it uses is up to its environment, as always."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from garaza.cli.common import configure_logging, load_settings
from garaza.cli.worker import run_worker
from garaza.kit.migrate import prepare
from garaza.migrations import PACKAGE
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Cancelled
from garaza.reconstruction.result import RESULT_FILE, Result
from garaza.wiring import make_parts
from tests.jobs.double import RESULT

CONTROL = "GARAZA_TEST_CONTROL"


def reconstruct(
    source: Path,
    out: Path,
    _options: Options,
    _on_progress: object,
    cancelled: Callable[[], bool],
    *,
    checkpoints: Path,
    on_log: Callable[[str], None],
) -> Result:
    """Notes that it was called, and is done when no file says to hold."""
    control = Path(os.environ[CONTROL])
    job_id = source.name
    # In one write, so that workers may do this at the same time.
    with (control / "attempts").open("a") as log:
        log.write(json.dumps({"job": job_id, "pid": os.getpid(), "at": time.time()}) + "\n")
    checkpoints.mkdir(exist_ok=True)
    on_log("begun")
    while (control / f"{job_id}.hold").exists():
        if cancelled():
            raise Cancelled
        time.sleep(0.01)
    out.mkdir()
    (out / RESULT_FILE).write_text(RESULT.to_json(), encoding="utf-8")
    return RESULT


def main() -> None:
    """Arguments: the owner's name, and how many jobs at once."""
    configure_logging()
    settings = load_settings(None, jobs={"concurrency": int(sys.argv[2])})
    parts = replace(make_parts(settings), reconstruct=reconstruct)
    prepare(parts.data, parts.database.url, PACKAGE)
    run_worker(parts, sys.argv[1], supervised=True)


if __name__ == "__main__":
    main()

"""Stands in for the reconstruction, so that what surrounds it can be tested in seconds: copies a result made once.

Everything else is real: the worker, the isolated child process, progress, cancellation, the files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

from garaza.reconstruction.failures import failure_from_reason
from garaza.reconstruction.options import Options
from garaza.reconstruction.partial import complete_or_nothing
from garaza.reconstruction.progress import Monitor, Stage
from garaza.reconstruction.result import Result


def work(source: Path, out: Path, options: Options, monitor: Monitor, checkpoints: Path | None = None) -> Result:
    """As `pipeline.reconstruct`. Files named after the job in $GARAZA_TEST_CONTROL tell it how to behave.

    What it leaves in `checkpoints` is only there to be found: every attempt starts from zero.
    """
    control = Path(os.environ["GARAZA_TEST_CONTROL"])
    job_id = source.name
    attempt = {
        "pid": os.getpid(),
        "worker": os.getppid(),
        "options": [options.quality.value, options.max_frames],
        "checkpoints": str(checkpoints) if checkpoints else None,
        "found": sorted(path.name for path in checkpoints.glob("*")) if checkpoints else [],
    }
    with (control / f"{job_id}.attempts").open("a") as log:
        log.write(json.dumps(attempt) + "\n")
    assert source.stat().st_size > 0
    with complete_or_nothing(out) as folder:
        with monitor.stage(Stage.FRAMES, "Reading the video"):
            monitor.report(0.5, "Half of it", 1, 2)
        monitor.log("2 of 2 pictures chosen")
        if checkpoints:
            checkpoints.mkdir(parents=True, exist_ok=True)
            (checkpoints / "frames.npz").write_bytes(b"x")
        (folder / "half-written").write_text("x")
        while (control / f"{job_id}.hold").exists():
            monitor.checkpoint()
            time.sleep(0.02)
        if (failure := control / f"{job_id}.fail").exists():
            raise failure_from_reason(failure.read_text(), {"figure": 1.5})
        if (control / f"{job_id}.crash").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "half-written").unlink()
        with monitor.stage(Stage.EXPORT, "Writing the files"):
            shutil.copytree(os.environ["GARAZA_TEST_TEMPLATE"], folder, dirs_exist_ok=True)
    return Result.read(out)

"""What goes wrong, and what is known of each time that it did."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from garaza.reconstruction.progress import Stage
from tests.chaos.clients import ENDED, Scan
from tests.chaos.work import END, Mark, marks
from tests.chaos.world import World, settles
from tests.service.harness import is_gone

ORPHAN_SECONDS = 10.0
"""What a reconstruction without a worker may take to end: it gives itself one, and the machine may be slow."""
_LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 120.0


@dataclass
class Blow:
    """One thing that was done."""

    what: str
    stage: str = ""
    """Of the reconstruction that was killed; for the double, that it was one."""
    job_id: str | None = None
    at: float = 0.0
    pid: int = 0
    unsupervised: bool = False
    """The worker that was killed was nobody's child: only its lease tells of its end."""
    able_at: float = 0.0
    """When there was a server again, whose start is not a part of the recovery."""
    orphan_seconds: float | None = None
    """From the death of the worker to the end of the reconstruction below it."""
    timed: bool = True
    """Nothing else was away that the recovery needed."""


class Faults:
    """Each method does one thing to a world, and waits until what it took away is back."""

    def __init__(self, world: World, dice: random.Random, live: list[Scan], new_real: Callable[[float], Scan]) -> None:
        self._world = world
        self._dice = dice
        self._live = live
        self._new_real = new_real
        self.blows: list[Blow] = []

    # Whom it hits ------------------------------------------------------------------------------------------------

    def _in_stage(self, stage: Stage) -> Mark:
        """A real reconstruction that is in the stage now."""
        stages = ["", *Stage]
        going_on = [scan for scan in self._live if scan.real and scan.phase not in ENDED]
        scan = going_on[-1] if going_on else None
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            mark = self._latest(scan) if scan is not None else None
            if mark is not None and mark.stage == stage:
                # Somewhere in it: none of them takes less.
                time.sleep(self._dice.uniform(0, 0.1 if stage in {Stage.FUSION, Stage.MESH} else 0.4))
                return self._latest(scan) or mark
            if scan is None or scan.phase in ENDED:
                scan = self._new_real(0)
            elif mark is not None and not is_gone(mark.pid) and stages.index(mark.stage or "") > stages.index(stage):
                # It went on from a later one.
                scan = self._new_real(0)
            time.sleep(_LOOK_SECONDS)
        msg = f"no reconstruction came to {stage.value}; wrong so far: {self._world.wrong}"
        raise AssertionError(msg)

    def _latest(self, scan: Scan) -> Mark | None:
        """Where its attempt is that is alive."""
        found = marks(self._world.control, scan.job_id) if scan.job_id else []
        alive = found and found[-1].stage != END and not is_gone(found[-1].pid) and not is_gone(found[-1].worker)
        return found[-1] if alive else None

    def _any_worker(self) -> int | None:
        """One that has done something lately."""
        found = [m for scan in self._live if scan.job_id for m in marks(self._world.control, scan.job_id)]
        for mark in sorted(found, key=lambda m: -m.at):
            if not is_gone(mark.worker):
                return mark.worker
        return None

    def _note(self, what: str, mark: Mark | None = None) -> Blow:
        blow = Blow(what, at=time.time())
        if mark is not None:
            double = (self._world.control / f"{mark.job_id}.double").exists()
            blow.stage, blow.job_id, blow.pid = "double" if double else mark.stage, mark.job_id, mark.pid
        self.blows.append(blow)
        return blow

    # The worker --------------------------------------------------------------------------------------------------

    def worker(self, stage: Stage, *, group: bool = False) -> None:
        """Kill -9 of the worker; of the reconstruction below it as well, or it is left to itself."""
        mark = self._in_stage(stage)
        if group:
            _kill(mark.worker)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(mark.pid, signal.SIGKILL)
        else:
            _kill(mark.worker)
        blow = self._note("worker and reconstruction" if group else "worker", mark)
        self._see_orphan_end(blow)
        self._replace_extra(blow, mark.worker)

    def reconstruction(self, stage: Stage) -> None:
        """Kill -9 of the reconstruction alone."""
        mark = self._in_stage(stage)
        _kill(mark.pid)
        self._note("reconstruction", mark)

    def worker_told_to_stop(self) -> None:
        """SIGTERM."""
        if (worker := self._any_worker()) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)
        blow = self._note("SIGTERM of the worker")
        if not settles(lambda: is_gone(worker), 20):
            self._world.say_wrong("a worker told to stop did not")
        self._replace_extra(blow, worker)

    def worker_asleep(self) -> None:
        """A worker and its reconstruction stand still until somebody else has the job, and then go on."""
        mark = self._in_stage(self._dice.choice([Stage.CAMERAS, Stage.DEPTH]))
        frozen = [mark.worker, mark.pid]
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        self._note("worker stopped for longer than its lease", mark).timed = False
        time.sleep(self._world.lease_seconds + self._dice.uniform(1, 3))
        for pid in reversed(frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _see_orphan_end(self, blow: Blow) -> None:
        if not settles(lambda: is_gone(blow.pid), ORPHAN_SECONDS):
            self._world.say_wrong(f"a reconstruction ({blow.stage}) outlived its worker by {ORPHAN_SECONDS} s")
        blow.orphan_seconds = time.time() - blow.at

    def _replace_extra(self, blow: Blow, worker: int) -> None:
        if self._world.is_extra(worker):
            blow.unsupervised = True
            self._world.reap_extra()
            self._world.start_extra()

    # The server --------------------------------------------------------------------------------------------------

    def server(self, stage: Stage) -> None:
        """Kill -9 of the server; its worker is left to itself."""
        mark = self._in_stage(stage)
        self._kill_server(self._note("server", mark))

    def server_in_upload(self) -> None:
        """Kill -9 of the server while a video comes in, or is being looked into."""
        scan = self._new_real(self._dice.choice([0.3, 1.5]))
        scan.uploading.wait(PATIENCE_SECONDS)
        time.sleep(self._dice.uniform(0, 1.6 * scan.upload_seconds))
        self._kill_server(self._note("server in an upload" if scan.job_id is None else "server after an upload"))

    def _kill_server(self, blow: Blow) -> None:
        self._world.server.process.kill()
        blow.at = time.time()
        self._world.server.wait()
        time.sleep(self._dice.uniform(0, 0.3))
        self._world.start()
        blow.able_at = time.time()
        if blow.pid and not settles(lambda: is_gone(blow.pid), ORPHAN_SECONDS):
            self._world.say_wrong(f"a reconstruction ({blow.stage}) outlived its server")

    def server_told_to_stop(self) -> None:
        """SIGTERM; then it starts again."""
        self._note("SIGTERM of the server")
        self._world.stop()
        self._world.start()

    # What is below it --------------------------------------------------------------------------------------------

    def postgres_killed(self, seconds: float) -> None:
        assert self._world.postgres is not None
        self._note(f"PostgreSQL killed for {seconds:.0f} s").timed = False
        self._world.postgres.kill()
        time.sleep(seconds)
        self._world.postgres.restart()

    def postgres_silent(self, seconds: float) -> None:
        assert self._world.postgres is not None
        self._note(f"PostgreSQL silent for {seconds:.0f} s").timed = False
        self._world.postgres.pause()
        time.sleep(seconds)
        self._world.postgres.resume()

    def postgres_away_and_worker(self, stage: Stage) -> None:
        """Whose death nobody can write down."""
        assert self._world.postgres is not None
        mark = self._in_stage(stage)
        self._world.postgres.kill()
        _kill(mark.worker)
        blow = self._note("PostgreSQL for 3 s, and the worker", mark)
        blow.timed = False
        self._see_orphan_end(blow)
        time.sleep(3)
        self._world.postgres.restart()
        self._replace_extra(blow, mark.worker)

    def broker_away(self, seconds: float) -> None:
        """It comes back knowing nothing."""
        assert self._world.valkey is not None
        self._note(f"Valkey killed for {seconds:.0f} s").timed = False
        self._world.valkey.kill()
        time.sleep(seconds)
        self._world.valkey.restart()

    def broker_silent(self, seconds: float) -> None:
        assert self._world.valkey is not None
        self._note(f"Valkey silent for {seconds:.0f} s").timed = False
        self._world.valkey.pause()
        time.sleep(seconds)
        self._world.valkey.resume()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

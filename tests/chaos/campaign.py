"""Rounds of scans during which things go wrong, and of looking at what that has left."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from garaza.reconstruction.progress import Stage
from tests.chaos.books import Auditor, Books, read_books
from tests.chaos.clients import ENDED, Client, Line, Reader, Scan, real_scan, register, some_scan
from tests.chaos.faults import Blow, Faults
from tests.chaos.work import END, runs
from tests.chaos.world import World, settles

Fault = Callable[[Faults], None]

LONG_OUTAGE_SECONDS = 10.0
_EXTRA = 0.15
"""How likely it is before each fault that a second worker begins."""
_GOING = 3
"""Of the scans that are there already, at most so many are deleted in a round."""


@dataclass
class Recovery:
    """From a death to the next attempt at what died."""

    what: str
    back_seconds: float
    """Until the job waited in the queue again."""
    begun_seconds: float
    """Until somebody was at it again."""
    in_line: bool
    """The worker that could have been at it was at another scan."""


@dataclass
class Story:
    """All that is told at the end."""

    seed: str
    rounds: int = 0
    blows: list[Blow] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    left_until_start: Counter[str] = field(default_factory=Counter)
    """What was in the folders of what is passing when a round was over, and had to wait for the sweep."""
    resumed: int = 0
    from_zero: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """Rounds in one world.

    Args:
        seed: what it draws from, for each round anew: a round does the same whichever came before.
    """

    def __init__(self, world: World, seed: int, say: Callable[[str], None] = print) -> None:
        self._world = world
        self._seed = seed
        self._say = say
        self._auditor = Auditor(world)
        self._scans: list[Scan] = []
        self._counted: set[tuple[str, int]] = set()
        self.story = Story(str(seed))
        self._token = register(world)

    def run(self, rounds: Iterable[int]) -> Story:
        began = time.monotonic()
        for number in rounds:
            wrong = len(self._world.wrong)
            self._round(number)
            self.story.rounds += 1
            for what in self._world.wrong[wrong:]:
                self._say(f"  WRONG in round {number} (--seed {self._seed} --first {number} --rounds 1): {what}")
        self._world.stop()
        self._nothing_runs()
        self.story.seconds = time.monotonic() - began
        self.story.wrong, self.story.answers = self._world.wrong, self._world.counts
        self.story.slowest = self._world.slowest
        return self.story

    # A round -----------------------------------------------------------------------------------------------------

    def _round(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        began = time.monotonic()
        clients: list[Client] = []
        live: list[Scan] = []

        def begin(scan: Scan) -> Scan:
            live.append(scan)
            self._scans.append(scan)
            clients.append(Client(self._world, scan, self._token))
            clients[-1].start()
            return scan

        def new_real(upload_seconds: float) -> Scan:
            scan = real_scan(dice)
            scan.upload_seconds = upload_seconds
            return begin(scan)

        reader = Reader(self._world, live, self._token)
        reader.start()
        for _ in range(dice.randint(1, 3)):
            begin(some_scan(dice))
        faults = Faults(self._world, dice, live, new_real)
        names = []
        for name, fault in self._drawn(number, random.Random(f"{self._seed}/{number}/drawn")):
            names.append(name)
            if not self._world.has_extra and ("asleep" in name or dice.random() < _EXTRA):
                self._world.start_extra()
            try:
                fault(faults)
            except Exception as error:  # noqa: BLE001 - told with all else
                self._world.say_wrong(f"{name}: {type(error).__name__}: {error}")
            self._delete_some(dice)
        for client in clients:
            client.join(300)
        reader.over.set()
        reader.join(120)
        self._settle(live, faults.blows)
        ends = Counter("deleted" if scan.deleted else scan.phase or "?" for scan in live)
        self.story.ends += ends
        told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
        self._say(f"round {number}: {'; '.join(names)} → {told} ({time.monotonic() - began:.0f} s)")

    def _delete_some(self, dice: random.Random) -> None:
        """Earlier ones, while something may be away."""
        done = [scan for scan in self._scans if scan.phase in ENDED and scan.job_id and not scan.deleted]
        for scan in done[: min(dice.randint(0, _GOING), max(0, len(done) - 6))]:
            line = Line(self._world, self._token)
            line.expect({200, 404}, "DELETE", f"/api/job/{scan.job_id}")
            line.close()
            scan.deleted = True

    def _settle(self, live: list[Scan], blows: list[Blow]) -> None:
        """Stop everything in order, look what is left, start it again, and look at the books."""
        if not settles(lambda: not self._world.zombies()):
            self._world.say_wrong(f"dead processes that nobody waits for: {self._world.zombies()}")
        self._world.stop_extra()
        self._world.stop()
        self._nothing_runs()
        for kind in ("incoming", "work", "trash"):
            for path in (self._world.data / kind).iterdir():
                self.story.left_until_start[f"{kind}/{'checkpoints' if 'checkpoints' in path.name else '…'}"] += 1
        before = read_books(self._world.database_url)
        self._world.start()
        books = self._auditor.audit(self._scans)
        self._learn(before, live, blows)
        if before.jobs.keys() - books.jobs.keys() - {scan.job_id for scan in self._scans if scan.deleted}:
            self._world.say_wrong("a start has lost scans")

    def _nothing_runs(self) -> None:
        if not settles(lambda: not self._world.ours()):
            self._world.say_wrong(f"processes that nobody has ended: {self._world.ours()}")

    # What goes wrong ---------------------------------------------------------------------------------------------

    def _drawn(self, number: int, dice: random.Random) -> list[tuple[str, Fault]]:
        """Two things of the deck; those that hit a stage in the order of the stages, so that one scan meets both."""
        deck = self._deck()
        random.Random(self._seed).shuffle(deck)
        drawn = [deck[(2 * number + step) % len(deck)] for step in range(2)]
        order = [stage.value for stage in Stage]
        if dice.random() < 0.3:
            drawn = drawn[:1]
        return sorted(drawn, key=lambda named: max((order.index(s) for s in order if s in named[0]), default=-1))

    def _deck(self) -> list[tuple[str, Fault]]:
        deck: list[tuple[str, Fault]] = []
        for stage in Stage:
            deck += [
                (f"worker in {stage}", lambda to, stage=stage: to.worker(stage)),
                (f"worker and reconstruction in {stage}", lambda to, stage=stage: to.worker(stage, group=True)),
                (f"reconstruction in {stage}", lambda to, stage=stage: to.reconstruction(stage)),
                (f"server in {stage}", lambda to, stage=stage: to.server(stage)),
            ]
        deck += 5 * [("server in an upload", Faults.server_in_upload)]
        deck += 2 * [("SIGTERM of the server", Faults.server_told_to_stop)]
        deck += 2 * [("SIGTERM of the worker", Faults.worker_told_to_stop)]
        deck += 2 * [("worker asleep", Faults.worker_asleep)]
        if self._world.postgres is not None:
            for seconds in (2.0, 4.0, LONG_OUTAGE_SECONDS):
                deck += [
                    (f"PostgreSQL killed for {seconds:.0f} s", lambda to, s=seconds: to.postgres_killed(s)),
                    (f"PostgreSQL silent for {seconds:.0f} s", lambda to, s=seconds: to.postgres_silent(s)),
                ]
            for stage in (Stage.CAMERAS, Stage.DEPTH, Stage.EXPORT):
                name = f"PostgreSQL, and the worker in {stage}"
                deck.append((name, lambda to, stage=stage: to.postgres_away_and_worker(stage)))
        if self._world.valkey is not None:
            for seconds in (1.0, 3.0, 6.0):
                deck += [
                    (f"Valkey killed for {seconds:.0f} s", lambda to, s=seconds: to.broker_away(s)),
                    (f"Valkey silent for {seconds:.0f} s", lambda to, s=seconds: to.broker_silent(s)),
                ]
        return deck

    # What came of it ---------------------------------------------------------------------------------------------

    def _learn(self, books: Books, live: list[Scan], blows: list[Blow]) -> None:
        self.story.blows += blows
        for scan in live:
            for attempt in books.attempts.get(scan.job_id or "", []):
                self.story.outcomes[str(attempt["outcome"])] += 1
        self._look_at_stages(live)
        for blow in blows:
            if blow.job_id is not None:
                self._look_at_recovery(books, blow)

    def _look_at_recovery(self, books: Books, blow: Blow) -> None:
        attempts = books.attempts.get(blow.job_id or "", [])
        died = [a for a in attempts if a["began_at"] <= blow.at <= (a["ended_at"] or 0)]
        later = [a for a in attempts if died and a["fence"] == died[0]["fence"] + 1]
        if not later or died[0]["outcome"] in {"cancelled", "completed"}:
            return
        back_at, begun_at = died[0]["ended_at"], later[0]["began_at"]
        others = [a for job_id, found in books.attempts.items() for a in found if job_id != blow.job_id]
        in_line = any(a["began_at"] < begun_at and (a["ended_at"] or begun_at) > back_at for a in others)
        if not blow.timed:
            return
        since = max(blow.at, blow.able_at)
        what = f"{blow.what}, without a supervisor" if blow.unsupervised else blow.what
        recovery = Recovery(what, max(0.0, back_at - since), max(0.0, begun_at - since), in_line)
        self.story.recoveries.append(recovery)
        bound = self._world.lease_seconds + 1
        if recovery.back_seconds > bound or (recovery.begun_seconds > bound and not in_line):
            self._world.say_wrong(
                f"{blow.what} ({blow.stage}): in the queue after {recovery.back_seconds:.1f} s, begun after "
                f"{recovery.begun_seconds:.1f} s, and the lease is {self._world.lease_seconds:.0f} s"
            )

    def _look_at_stages(self, live: list[Scan]) -> None:
        """A real reconstruction goes on behind the stages that were finished."""
        order = ["", *(stage.value for stage in Stage), END]
        for scan in live:
            if not scan.real or scan.job_id is None:
                continue
            reached = 0
            for run in runs(self._world.control, scan.job_id):
                came_to = [order.index(mark.stage) for mark in run if mark.stage]
                if not came_to:
                    continue
                if reached > 1:
                    self.story.resumed += 1
                if came_to[0] < min(reached, len(order) - 2):
                    self.story.from_zero += 1
                    self._world.say_wrong(f"{scan.job_id}: {order[came_to[0]]} again, after {order[reached]} had begun")
                reached = max(came_to)


def make_template(place: Path, clip: bytes) -> tuple[Path, float]:
    """A result of the tiny clip for the double to hand out, and what it took to make it."""
    world = World(place, place / "none", clip)
    try:
        token = register(world)
        scan = real_scan(random.Random(0))
        began = time.monotonic()
        client = Client(world, scan, token)
        client.run()
        seconds = time.monotonic() - began
        assert scan.phase == "completed", httpx2.get(f"{world.server.address}/api/status/{scan.job_id}").text
        template = place / "template"
        found = next((world.data / "results" / str(scan.job_id)).iterdir())
        found.rename(template)
        return template, seconds
    finally:
        world.close()


def middle_and_most(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.2f} s, max {max(values):.2f} s" if values else "none"

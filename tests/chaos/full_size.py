"""The whole sample, as a draft, killed once in each of its stages."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from rich.table import Table

from garaza.reconstruction.progress import Stage
from tests.chaos import clients, faults
from tests.chaos.books import Auditor, read_books
from tests.chaos.clients import Client, Scan, real_scan, register
from tests.chaos.clip import SAMPLE
from tests.chaos.faults import Faults
from tests.chaos.work import END, SIZE, marks, runs
from tests.chaos.world import World

SERVER_IN = {Stage.CAMERAS, Stage.MESH}
"""Stages in which it is the server that is killed, and otherwise the worker: one that dies again and again is started
again ever later, unless the server starts anew."""


def kill_in_every_stage(
    place: Path, *, postgresql: bool, say: Callable[[str], None], clip: bytes | None = None
) -> tuple[Table, list[str]]:
    """One scan; a table of what happened, and what was wrong."""
    settings = {"GARAZA_JOBS__MAX_ATTEMPTS": "20", SIZE: "full" if clip is None else "small"}
    # What hangs is for a person to see.
    clients.PATIENCE_SECONDS = faults.PATIENCE_SECONDS = 1800
    world = World(
        place, place / "none", clip or SAMPLE.read_bytes(), postgresql=postgresql, lease_seconds=15, **settings
    )
    try:
        return _run(world, say, exact=clip is None)
    finally:
        world.close()


def _run(world: World, say: Callable[[str], None], *, exact: bool) -> tuple[Table, list[str]]:
    """`exact`: stages are so long that none can be over before the blow falls."""
    token = register(world)
    scan = real_scan(random.Random(0))
    client = Client(world, scan, token)
    client.max_frames = None
    client.start()

    def one_only(_upload_seconds: float) -> Scan:
        msg = "the scan went past a stage in which it was to be killed"
        raise AssertionError(msg)

    killer = Faults(world, random.Random(1), [scan], one_only)
    began = time.monotonic()
    for stage in Stage:
        (killer.server if stage in SERVER_IN else killer.worker)(stage)
        say(f"{time.monotonic() - began:5.0f} s: killed the {killer.blows[-1].what} in {killer.blows[-1].stage}")
    client.join(1800)
    say(f"{time.monotonic() - began:5.0f} s: {scan.phase}")
    world.stop()
    books = read_books(world.database_url)
    world.start()
    Auditor(world).audit([scan])
    world.stop()
    job_id = str(scan.job_id)
    ran = runs(world.control, job_id)
    attempts, events = books.attempts[job_id], books.events[job_id]
    table = Table("killed in", "what", "back in the queue", "next attempt", "went on with", "said", title="Full size")
    order = [stage.value for stage in Stage]
    if len(ran) != len(Stage) + 1 or len(attempts) != len(ran):
        world.say_wrong(f"{len(ran)} runs and {len(attempts)} attempts instead of {len(Stage) + 1}")
    for stage, blow, died, later, run in zip(Stage, killer.blows, attempts, attempts[1:], ran[1:], strict=False):
        continued = [
            event["data"].get("text", "")
            for event in events
            if event["kind"] == "log" and later["began_at"] <= event["at"] <= later["ended_at"]
        ]
        said = next((text for text in continued if text.startswith("Continuing")), "")
        first = next((mark.stage for mark in run if mark.stage not in {"", END}), "")
        here = order.index(stage.value)
        fitting = order[here : here + (1 if exact else 2)]
        if blow.stage != stage or first not in fitting or (stage is not Stage.FRAMES and not said):
            world.say_wrong(f"killed in {blow.stage}, it went on with {first or 'nothing'} ({said!r})")
        back, begun = died["ended_at"] - blow.at, later["began_at"] - blow.at
        # A server is started again by this program, and not by what recovers.
        if later["began_at"] - max(blow.at, blow.able_at) > world.lease_seconds + 1:
            world.say_wrong(f"killed in {stage}, the next attempt began after {begun:.1f} s")
        away = f" ({blow.able_at - blow.at:.2f} s without a server)" if blow.able_at else ""
        table.add_row(stage.value, blow.what, f"{back:.2f} s", f"{begun:.2f} s{away}", first, said)
    if scan.phase != "completed":
        world.say_wrong(f"it ended {scan.phase}")
    whole = marks(world.control, job_id)
    began_counts = {stage.value: sum(mark.stage == stage for mark in whole) for stage in Stage}
    table.caption = f"begun: {began_counts}; {len(books.files[job_id])} files; {time.monotonic() - began:.0f} s in all"
    return table, world.wrong

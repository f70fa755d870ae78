"""What is drawn and alerted on is there: names, labels, and the files as they are made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from garaza.jobs.states import JobState
from garaza.reconstruction.failures import ReconstructionFailure
from tests.service.fixtures import NewDatabase
from tests.service.harness import Server, eventually
from tools import dashboards

_NAME = re.compile(r"\b(?:garaza|process)_\w+")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
# What Prometheus adds itself.
_ADDED = {"instance", "job", "le"}


@pytest.fixture(scope="module")
def figures(
    tmp_path_factory: pytest.TempPathFactory, template: Path, clip: bytes, new_database: NewDatabase
) -> Iterator[str]:
    """Of a service that has done something of everything, once. The one that other tests share has done more, as soon
    as one of their files comes before this one.
    """
    place = tmp_path_factory.mktemp("figures")
    server = Server(place / "data", place / "control", template, clip, **new_database())
    try:
        yield _figures_of(server)
    finally:
        server.stop()


def _figures_of(server: Server) -> str:
    server.client.get("/metrics")
    job_id = server.new_scan()
    (server.control / f"{job_id}.fail").write_text("too_dark")
    server.process_scan(job_id)
    server.until(job_id, "failed")
    finished = server.finished_scan()
    with server.socket(finished) as socket:
        for _ in socket:
            pass

    def counted() -> str | None:
        # The server's end of it may take a moment longer.
        text = server.client.get("/metrics").text
        return text if "garaza_websockets_closed_total{" in text else None

    return eventually(counted, "it is counted")


def _names(figures: str) -> set[str]:
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", figures, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def test_every_figure_that_is_asked_for_is_told(figures: str) -> None:
    asked = {name for expression in dashboards.expressions() for name in _NAME.findall(expression)}
    assert len(asked) > 25
    assert asked - _names(figures) == set()


def test_every_figure_of_ours_is_drawn_somewhere(figures: str) -> None:
    asked = {name for expression in dashboards.expressions() for name in _NAME.findall(expression)}
    drawn = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    told = set(re.findall(r"^# TYPE (garaza_\w+) \w+$", figures, re.MULTILINE))
    assert told - drawn == set()


def test_every_label_that_is_asked_for_is_one(figures: str) -> None:
    labels = {name for line in figures.splitlines() for name in re.findall(r'(\w+)="', line)} | _ADDED
    for expression in dashboards.expressions():
        grouped = {name.strip() for names in _GROUPING.findall(expression) for name in names.split(",")}
        assert grouped | set(_MATCHER.findall(expression)) <= labels, expression


def test_states_and_reasons_are_ours() -> None:
    reasons = {kind.reason for kind in ReconstructionFailure.__subclasses__()} | {"crashed", "disk_full", "files_lost"}
    for expression in dashboards.expressions():
        for state in re.findall(r'state="(\w+)"', expression):
            assert state in set(JobState)
        for pattern in re.findall(r'reason=~"([^"]+)"', expression):
            assert all(any(re.fullmatch(part, reason) for reason in reasons) for part in pattern.split("|"))


def test_work_of_another_process_is_told(figures: str) -> None:
    assert 'garaza_job_attempts_total{outcome="completed"} 1.0' in figures
    assert 'garaza_job_failures_total{reason="too_dark"} 1.0' in figures
    assert 'garaza_job_stage_seconds_count{stage="frames"} 1.0' in figures
    assert re.search(r'garaza_websockets_closed_total\{code="1000",route="/ws/\{job_id\}"\} 1\.0', figures)


def test_the_files_are_as_they_are_made() -> None:
    for name, content in dashboards.files().items():
        assert (dashboards.FOLDER / name).read_text(encoding="utf-8") == content, "run python -m tools.dashboards"
        if name.endswith(".yml"):
            yaml.safe_load(content)
    assert yaml.safe_load(dashboards.files()[dashboards.ALERTS]) == dashboards.alerts()
    panels = json.loads(dashboards.files()[dashboards.DASHBOARD])["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)

"""What an operator's instruments read, of the whole service."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from garaza.jobs.claims import Note, Report
from garaza.kit.storage import DataDirectory
from tests.api.whole import StartWhole, Whole

pytestmark = pytest.mark.anyio

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def _figures(whole: Whole) -> Figures:
    answer = await whole.guest("127.0.0.1").get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def _of(figures: Figures, name: str, **labels: str) -> float:
    return figures.get((name, tuple(sorted(labels.items()))), 0.0)


@pytest.mark.parametrize("token", ["", "  ", "figures please"])
async def test_an_empty_token_is_none(start: StartWhole, token: str) -> None:
    whole = await start(metrics={"token": token})
    for given in ("Bearer", "Bearer ", f"Bearer {token}x", None):
        headers = {} if given is None else {"Authorization": given}
        assert (await whole.guest("203.0.113.7").get("/metrics", headers=headers)).status_code == 403
    # Without one this machine may read them, with one whoever sends it.
    right = token.strip()
    visitor, headers = (
        (whole.guest("203.0.113.7"), {"Authorization": f"Bearer {right}"}) if right else (whole.guest("127.0.0.1"), {})
    )
    assert (await visitor.get("/metrics", headers=headers)).status_code == 200


async def test_requests_are_counted_by_route_and_unknown_paths_are_one(whole: Whole) -> None:
    guest = whole.guest()
    for number in range(30):
        await guest.get(f"/api/status/{number:022}")
        await guest.get(f"/nothing/{number}")
    figures = await _figures(whole)
    job = {"method": "GET", "route": "/api/status/{job_id}"}
    assert _of(figures, "garaza_http_requests_total", **job, status="404") == 30
    assert _of(figures, "garaza_http_request_seconds_count", **job) == 30
    assert _of(figures, "garaza_http_requests_total", method="GET", route="(none)", status="404") == 30
    # The one that asks.
    assert _of(figures, "garaza_http_requests_in_flight") == 1
    assert len({dict(labels).get("route") for name, labels in figures if name == "garaza_http_requests_total"}) == 2
    assert _of(figures, "garaza_database_queries_total") >= 30
    assert _of(figures, "garaza_disk_free_bytes") > 0
    size = _of(figures, "garaza_disk_free_bytes") + _of(figures, "garaza_disk_used_bytes")
    assert size == _of(figures, "garaza_disk_size_bytes")


async def test_what_workers_did_is_read_from_what_they_wrote(whole: Whole) -> None:
    await _figures(whole)
    good, bad, waiting = [await whole.queued() for _ in range(3)]
    whole.clock.now += 10
    claims = await _claim(whole, good), await _claim(whole, bad)
    for seconds, stage in ((0, "frames"), (7, "cameras"), (40, "made up")):
        whole.clock.now += seconds
        async with whole.database.write() as session:
            for claim in claims:
                assert await whole.jobs.renew(session, claim, Report(None, (Note("stage", {"stage": stage}),)))
    whole.clock.now += 3
    failure = {"reason": "too_dark", "message": "", "advice": "", "details": {}}
    async with whole.database.write() as session:
        assert await whole.jobs.complete(session, claims[0], "1", [])
        assert await whole.jobs.fail(session, claims[1], failure, permanent=True)

    for _ in range(2):
        # Asking twice counts nothing twice.
        figures = await _figures(whole)
        assert _of(figures, "garaza_jobs", state="queued") == 1
        assert _of(figures, "garaza_jobs_oldest_queued_seconds") == pytest.approx(60)
        assert _of(figures, "garaza_job_attempts_total", outcome="completed") == 1
        assert _of(figures, "garaza_job_attempts_total", outcome="failed") == 1
        assert _of(figures, "garaza_job_failures_total", reason="too_dark") == 1
        assert _of(figures, "garaza_job_wait_seconds_count") == 2
        assert _of(figures, "garaza_job_wait_seconds_sum") == pytest.approx(20)
        assert _of(figures, "garaza_job_attempt_seconds_sum") == pytest.approx(50)
        assert _of(figures, "garaza_job_stage_seconds_sum", stage="frames") == pytest.approx(14)
        assert _of(figures, "garaza_job_stage_seconds_sum", stage="cameras") == pytest.approx(80)
        stages = {dict(labels).get("stage") for name, labels in figures if name.startswith("garaza_job_stage")}
        assert stages == {"frames", "cameras"}
    async with whole.database.write() as session:
        await whole.jobs.cancel(session, waiting)
    figures = await _figures(whole)
    assert _of(figures, "garaza_jobs_oldest_queued_seconds") == 0
    assert _of(figures, "garaza_job_attempts_total", outcome="cancelled") == 1


async def _claim(whole: Whole, job_id: str) -> Any:
    async with whole.database.write() as session:
        claim = await whole.jobs.claim_job(session, "worker", job_id)
    assert claim is not None
    return claim


async def test_it_can_be_turned_off(start: StartWhole) -> None:
    whole = await start(monitoring={"enabled": False})
    answer = await whole.guest().get("/health")
    assert "server-timing" not in answer.headers
    assert answer.headers["x-request-id"]
    assert not [name for name, _ in await _figures(whole) if name.startswith("garaza_http")]


async def test_how_long_the_database_took_is_not_told_where_it_would_tell_who_exists(whole: Whole) -> None:
    anna = await whole.register()
    told = (await anna.get("/api/profile")).headers["server-timing"]
    assert re.fullmatch(r"(?:cache;dur=[\d.]+, )?db;dur=[\d.]+, compute;dur=[\d.]+, total;dur=[\d.]+", told)
    login = await anna.post("/api/auth/login", json={"email": anna.email, "password": "wrong"})
    assert re.fullmatch(r"total;dur=[\d.]+", login.headers["server-timing"])


# Ready -------------------------------------------------------------------------------------------------------------


async def test_a_disk_that_cannot_be_written_to_is_not_ready(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataDirectory, "is_writable", lambda _self: False)
    answer = await whole.guest().get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["disk"] == "can't be written to"
    assert (await whole.guest().call("HEAD", "/ready")).status_code == 503


async def test_a_folder_is_tried_and_nothing_is_left_in_it(whole: Whole) -> None:
    assert whole.data.is_writable()
    assert list(whole.data.work.iterdir()) == []
    whole.data.work.rmdir()
    assert not whole.data.is_writable()


async def test_all_that_is_needed_is_there(whole: Whole) -> None:
    answer = await whole.guest().get("/ready")
    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": "ok", "disk": "ok"})


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_load_balancers_may_ask_for_the_head_alone(whole: Whole, path: str) -> None:
    told, head = await whole.guest().get(path), await whole.guest().call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers[name] == told.headers[name]


async def test_a_broker_that_is_away_is_told(start: StartWhole) -> None:
    pytest.importorskip("celery")
    whole = await start(jobs={"broker_url": "redis://127.0.0.1:1/0"})
    answer = await whole.guest().get("/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "disk": "ok", "broker": "can't be reached"}

"""Traces, from a request to the work that a worker does for it later; and what is not in them."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from garaza.jobs.models import Job
from garaza.jobs.run_job import JobRunner
from garaza.kit import tracing
from garaza.kit.blobs.local import LocalBlobs
from garaza.observability.reporting import scrubbed, start_sentry
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Monitor, Stage
from garaza.reconstruction.result import Result
from garaza.settings import MonitoringSettings
from tests.api.whole import StartWhole, Whole

pytestmark = pytest.mark.anyio

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT.split("-")[1]


@pytest.fixture
def spans() -> Iterator[Any]:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    exporter = InMemorySpanExporter()
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)
    provider.shutdown()


def _named(spans: Any, name: str) -> Any:
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


async def _do(whole: Whole, template: Path) -> None:
    """What a worker does."""

    def reconstruct(source: Path, out: Path, options: Options, on_progress: Any, *_: Any, **__: Any) -> Result:
        monitor = Monitor(on_progress)
        for stage in (Stage.FRAMES, Stage.EXPORT):
            with monitor.stage(stage, "x"):
                pass
        shutil.copytree(template, out, dirs_exist_ok=True)
        return Result.read(out)

    runner = JobRunner(whole.database, whole.data, LocalBlobs(whole.data), whole.jobs, whole.settings.jobs, reconstruct)
    async with whole.database.write() as session:
        claim = await whole.jobs.claim(session, "worker")
    assert claim is not None
    await runner.run(claim, asyncio.Event())


async def test_a_request_its_statements_and_its_job_are_one_trace(
    spans: Any, start: StartWhole, template: Path
) -> None:
    whole = await start(monitoring={"trusted_callers": "192.0.2.0/24"})
    anna = await whole.register()
    job_id = await whole.uploaded(anna)
    spans.clear()
    answer = await anna.post(
        f"/api/process/{job_id}?secret=1", json={"quality": "draft"}, headers={"traceparent": PARENT}
    )
    assert answer.status_code == 200, answer.text
    await _do(whole, template)

    server = _named(spans, "POST /api/process/{job_id}")
    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == PARENT.split("-")[2]
    assert server.attributes["http.response.status_code"] == 200
    children = [
        span for span in spans.get_finished_spans() if span.parent and span.parent.span_id == server.context.span_id
    ]
    assert (
        len([span for span in children if "db.query.text" in span.attributes])
        == server.attributes["garaza.queries"]
        > 2
    )
    attempt = _named(spans, "job attempt")
    assert attempt.parent.span_id == server.context.span_id
    assert attempt.attributes["garaza.completed"] is True
    stages = [_named(spans, f"stage {name}") for name in ("frames", "export")]
    assert {stage.parent.span_id for stage in stages} == {attempt.context.span_id}
    assert all(attempt.start_time <= stage.start_time <= stage.end_time <= attempt.end_time for stage in stages)
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert job_id not in told
    assert "secret" not in told
    assert str(anna.token) not in told


async def test_a_trace_is_begun_by_us_where_the_caller_is_not_trusted(spans: Any, whole: Whole) -> None:
    await whole.guest().get("/health", headers={"traceparent": PARENT})
    server = _named(spans, "GET /health")
    assert server.parent is None
    assert f"{server.context.trace_id:032x}" != TRACE


@pytest.mark.parametrize(
    "given",
    ["", "00", PARENT.replace("00-", "ff-", 1), PARENT.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01", PARENT + "-x"],
)
async def test_what_is_no_traceparent_is_none(spans: Any, start: StartWhole, given: str) -> None:
    whole = await start(monitoring={"trusted_callers": "192.0.2.1"})
    await whole.guest().get("/health", headers={"traceparent": given})
    assert _named(spans, "GET /health").parent is None


async def test_work_between_requests_makes_no_spans(spans: Any, whole: Whole) -> None:
    async with whole.database.read() as session:
        await session.execute(select(Job.id))
    assert spans.get_finished_spans() == ()


async def test_without_traces_nothing_is_kept_with_jobs_and_logs_name_the_callers(start: StartWhole) -> None:
    whole = await start(monitoring={"trusted_callers": "192.0.2.1"})
    anna = await whole.register()
    job_id = await whole.queued(anna)
    async with whole.database.read() as session:
        assert "traceparent" not in (await whole.jobs.get(session, job_id, anna)).options
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(tracing.current_request.get().trace_id)
    logger = logging.getLogger("garaza.access")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        await anna.get("/api/profile", headers={"traceparent": PARENT})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert seen == [TRACE]


def test_traces_are_sent_only_where_somebody_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    assert tracing.provider_from_environment("garaza", "1") is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    provider = tracing.provider_from_environment("garaza", "1")
    assert provider.resource.attributes["service.name"] == "garaza"
    provider.shutdown()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.provider_from_environment("garaza", "1") is None
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert tracing.provider_from_environment("garaza", "1") is None
    assert "http/protobuf" in caplog.text


# Errors that nobody foresaw ----------------------------------------------------------------------------------------


async def test_errors_are_reported_without_anything_that_somebody_sent(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentry_sdk = pytest.importorskip("sentry_sdk")
    sent: list[Any] = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.extend(item.payload.json for item in envelope.items)

    settings = MonitoringSettings(sentry_dsn="https://key@sentry.invalid/1")
    start_sentry(settings, "garaza", transport=Transport)

    async def broken(*_arguments: object) -> None:
        whispered = "local-secret"
        raise RuntimeError(whispered + "-in-text")

    monkeypatch.setattr(whole.app.state.accounts, "identify_token", broken)
    try:
        headers = {"Authorization": "Bearer token-secret", "Cookie": "a=cookie-secret"}
        answer = await whole.guest().get("/api/auth/me?query-secret=1", headers=headers)
    finally:
        sentry_sdk.init(default_integrations=False)
    assert answer.status_code == 500
    (event,) = sent
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert event["tags"]["request_id"] == answer.headers["x-request-id"]
    assert event["exception"]["values"][-1]["stacktrace"]["frames"]
    for secret in ("token-secret", "cookie-secret", "query-secret=", "local-secret"):
        assert secret not in json.dumps({**event, "exception": None}), secret
    assert "value" not in event["exception"]["values"][-1]
    assert all("vars" not in frame for frame in event["exception"]["values"][-1]["stacktrace"]["frames"])


def test_what_is_not_known_to_be_harmless_is_left_out() -> None:
    event = {
        "level": "error",
        "request": {"url": "x"},
        "user": {"ip_address": "x"},
        "extra": {"a": 1},
        "breadcrumbs": 1,
    }
    assert set(scrubbed(event, {})) == {"level", "tags", "logentry", "exception"}


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(ValueError, match="https://key@host/project"):
        MonitoringSettings(sentry_dsn="https://host/1")

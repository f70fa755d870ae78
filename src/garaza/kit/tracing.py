"""Traces by OpenTelemetry: of requests, of statements, and of what is done later for a request by another process.

OpenTelemetry is an extra, imported only where it is used. Until `use` is called nothing here does anything, and what it
is asked costs a comparison.

Spans name routes and statements, never paths, queries or parameters: an id in a path may be all that is needed to see a
scan, and traces go to other machines.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from starlette.types import Scope

from garaza.kit.current_request import CurrentRequest, current_request
from garaza.kit.query_times import Statement

logger = logging.getLogger(__name__)

TRACEPARENT = "traceparent"
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_OPERATION = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)")
_ERRORS = 500

Stage = tuple[str, float]
"""Its name, and when it began, in Unix seconds."""


class _State:
    tracer: Any = None


def use(provider: Any) -> None:
    """Make spans, and hand them to this tracer provider; None: stop doing so."""
    _State.tracer = None if provider is None else provider.get_tracer("garaza")


def is_used() -> bool:
    """Whether spans are made."""
    return _State.tracer is not None


def provider_from_environment(service: str, version: str) -> Any:
    """A tracer provider as the standard variables OTEL_… say; None unless they name somebody to send spans to.

    What is asked for and can't be had is told in the log, and is no reason not to start.
    """
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoint = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_"))
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or exporter == "none" or not (endpoint or exporter):
        return None
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if exporter not in {"", "otlp"} or protocol not in {None, "", "http/protobuf"}:
        logger.warning("traces can be sent by OTLP over http/protobuf only: none are made")
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        logger.warning("OTEL_… asks for traces, which need packages: pip install 'garaza[otel]'")
        return None
    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": version}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def trusting(networks: str) -> Callable[[Scope], bool]:
    """Whether a request comes from one of these networks (`10.0.0.0/8,…`)."""
    trusted = [ipaddress.ip_network(part) for part in networks.split(",") if part]

    @lru_cache(maxsize=1024)
    def is_trusted(host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in trusted)

    def trusts(scope: Scope) -> bool:
        client = scope.get("client")
        return bool(trusted) and client is not None and is_trusted(client[0])

    return trusts


class RequestSpans:
    """A span for each request; see `watching.Spans`. While none are made, logs name the caller's trace all the same.

    Args:
        trusts: whether a request's `traceparent` is believed. Others could make us keep traces of what they like, or
            put theirs among those of somebody else.
    """

    def __init__(self, trusts: Callable[[Scope], bool]) -> None:
        self._trusts = trusts

    def begin(self, scope: Scope, request: CurrentRequest) -> Any:
        """See `watching.Spans`."""
        given = _traceparent(scope) if self._trusts(scope) else None
        if _State.tracer is None:
            request.trace_id = given.split("-")[1] if given else None
            return None
        from opentelemetry import context, trace  # noqa: PLC0415 - an extra

        span = _State.tracer.start_span(
            scope["method"], context=_parent(given), kind=trace.SpanKind.SERVER, attributes=_known(scope)
        )
        request.trace_id = f"{span.get_span_context().trace_id:032x}"
        return span, context.attach(trace.set_span_in_context(span))

    def end(self, span: Any, scope: Scope, route: str, request: CurrentRequest, error: BaseException | None) -> None:
        """See `watching.Spans`."""
        if span is None:
            return
        from opentelemetry import context, trace  # noqa: PLC0415 - an extra

        made, token = span
        if made.is_recording():
            made.update_name(f"{scope['method']} {route}")
            made.set_attribute("http.route", route)
            made.set_attribute("http.response.status_code", request.status)
            made.set_attribute("garaza.queries", request.queries)
            if request.status >= _ERRORS or error is not None:
                made.set_attribute("error.type", str(request.status) if error is None else type(error).__name__)
                made.set_status(trace.StatusCode.ERROR)
        made.end()
        context.detach(token)


def _known(scope: Scope) -> dict[str, str]:
    return {"http.request.method": scope["method"], "url.scheme": scope.get("scheme", "http")}


def _traceparent(scope: Scope) -> str | None:
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    text = found[0].decode("latin-1") if len(found) == 1 else ""
    return text if _is_traceparent(text) else None


def _is_traceparent(text: str) -> bool:
    match = _FORM.fullmatch(text)
    return match is not None and set(match[1]) != {"0"} and set(match[2]) != {"0"}


def _parent(traceparent: str | None) -> Any:
    """The context that a span begins in: below the one that is named, or below none."""
    from opentelemetry.context import Context  # noqa: PLC0415 - an extra
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier = {} if traceparent is None else {TRACEPARENT: traceparent}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def statement_spans(system: str) -> Statement:
    """A span for each statement that is made for something that has one. `system`: the kind of database."""

    def hear(text: str, _given: Any, _began: float, seconds: float) -> None:
        if _State.tracer is None:
            return
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        if not trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        operation, name = _named(text)
        attributes = {"db.system.name": system, "db.operation.name": operation, "db.query.text": text[:4000]}
        span = _State.tracer.start_span(
            name, kind=trace.SpanKind.CLIENT, attributes=attributes, start_time=ended - int(seconds * 1e9)
        )
        span.end(ended)

    return hear


@lru_cache(maxsize=1024)
def _named(text: str) -> tuple[str, str]:
    operation = _OPERATION.match(text)
    table = _TABLE.search(text)
    verb = operation[1].upper() if operation else "?"
    return verb, f"{verb} {table[1]}" if table else verb


def carried() -> dict[str, str]:
    """What has to be kept with work that is done later, so that it belongs to the same trace; see `attempt_span`."""
    if _State.tracer is None:
        return {}
    from opentelemetry import trace  # noqa: PLC0415 - an extra

    this = trace.get_current_span().get_span_context()
    if not this.is_valid:
        return {}
    return {TRACEPARENT: f"00-{this.trace_id:032x}-{this.span_id:016x}-{this.trace_flags:02x}"}


class AttemptSpan:
    """Of work that was asked for earlier."""

    def __init__(self, span: Any = None) -> None:
        self._span = span
        self._stages: Sequence[Stage] = ()

    def stages(self, begun: Sequence[Stage]) -> None:
        """What it consisted of, one after the other."""
        self._stages = begun

    def ended(self, *, well: bool) -> None:
        """Whether there is a result."""
        if self._span is not None:
            self._span.set_attribute("garaza.completed", well)

    def close(self) -> None:
        """End it, and make spans of its stages."""
        if self._span is None:
            return
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        now = time.time_ns()
        inside = trace.set_span_in_context(self._span)
        ends = [*(int(began * 1e9) for _, began in self._stages[1:]), now]
        for (name, began), end in zip(self._stages, ends, strict=True):
            start = int(began * 1e9)
            _State.tracer.start_span(f"stage {name}", context=inside, start_time=start).end(max(start, end))
        self._span.end(now)


@contextmanager
def attempt_span(options: dict[str, Any], job_id: str, attempt: int) -> Iterator[AttemptSpan]:
    """The block is an attempt at a job that was asked for with these options, `carried` among them."""
    given = options.get(TRACEPARENT)
    if _State.tracer is None or not isinstance(given, str) or not _is_traceparent(given):
        yield AttemptSpan()
        return
    from opentelemetry import context, trace  # noqa: PLC0415 - an extra

    # Who knows the id of a guest's job may see it.
    named = {"garaza.job": hashlib.sha256(job_id.encode()).hexdigest()[:16], "garaza.attempt": attempt}
    span = _State.tracer.start_span(
        "job attempt", context=_parent(given), kind=trace.SpanKind.CONSUMER, attributes=named
    )
    token = context.attach(trace.set_span_in_context(span))
    request = current_request.set(CurrentRequest(trace_id=given.split("-")[1]))
    told = AttemptSpan(span)
    try:
        yield told
    finally:
        current_request.reset(request)
        context.detach(token)
        told.close()

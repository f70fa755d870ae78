"""What is sent to other machines, where settings or the environment name any: traces, and errors nobody foresaw."""

from __future__ import annotations

import logging
from typing import Any

import garaza
from garaza.kit import tracing
from garaza.kit.current_request import current_request
from garaza.kit.logs import FIELDS
from garaza.settings import MonitoringSettings, Settings

_KEPT = ("event_id", "timestamp", "level", "platform", "release", "environment", "server_name", "sdk", "logger", "tags")


def start_reporting(settings: Settings, service: str) -> None:
    """Begin, for this process. `service`: what it is called there."""
    provider = tracing.provider_from_environment(service, garaza.__version__)
    if provider is not None:
        tracing.use(provider)
    if settings.monitoring.sentry_dsn is not None:
        start_sentry(settings.monitoring, service)


def start_sentry(settings: MonitoringSettings, service: str, **options: Any) -> None:
    """Report what is logged as an error. `options`: more of those of `sentry_sdk.init`."""
    import sentry_sdk  # noqa: PLC0415 - an extra
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415

    assert settings.sentry_dsn is not None
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.sentry_environment,
        release=f"garaza@{garaza.__version__}",
        # Others would wrap each request, and read bodies and headers.
        default_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ExcepthookIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        before_send=scrubbed,
        max_breadcrumbs=0,
        include_local_variables=False,
        traces_sample_rate=None,
        **options,
    )
    sentry_sdk.set_tag("service", service)


def scrubbed(event: Any, hint: dict[str, Any]) -> Any:
    """An event without what it may have been given by somebody: kept is where in the code it happened, and which kind
    of error it was; the id of its request finds the rest in the log.
    """
    kept = {name: event[name] for name in _KEPT if name in event}
    tags = dict(kept.get("tags") or {})
    request = current_request.get()
    if request is not None:
        tags |= {"request_id": request.request_id} if request.request_id else {}
        tags |= {"trace_id": request.trace_id} if request.trace_id else {}
    record = hint.get("log_record")
    if route := getattr(record, FIELDS, {}).get("route"):
        tags["route"] = route
    kept["tags"] = tags
    # The sentence as it is in the code, not what was put into it.
    entry = event.get("logentry") or {}
    kept["logentry"] = {"message": entry.get("message", "")}
    values = (event.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_bare(value) for value in values]}
    return kept


def _bare(value: dict[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "mechanism": value.get("mechanism"),
        "stacktrace": {"frames": [{key: item for key, item in frame.items() if key != "vars"} for frame in frames]},
    }

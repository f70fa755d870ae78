"""What watches requests and statements, put together as settings say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from prometheus_client.registry import Collector

from garaza.kit import tracing
from garaza.kit.access_log import AccessLog
from garaza.kit.client_address import digest_of_host
from garaza.kit.database import Database
from garaza.kit.logs import FIELDS
from garaza.kit.query_times import QueryTimes, Statement
from garaza.kit.slow_queries import SlowQueries, kinds_of, one_line
from garaza.kit.traffic import Traffic
from garaza.kit.watching import Watching
from garaza.observability.collectors import QueryFigures, TrafficFigures
from garaza.settings import LoggingSettings, MonitoringSettings

PRIVATE = ("/api/auth/", "/api/shared/")
"""Paths whose answers tell no more than how long they took: how it was spent would say whether there is such an
account, or such a link."""
QUIET = ("/health", "/ready", "/metrics")

_DIGEST_LETTERS = 16

sql = logging.getLogger("garaza.sql")


class Watch:
    """Of one application and its database."""

    def __init__(self, monitoring: MonitoringSettings, logs: LoggingSettings, database: Database) -> None:
        self._monitoring = monitoring
        self._logs = logs
        self._traffic = Traffic()
        self._slow: SlowQueries | None = None
        self._times: QueryTimes | None = None
        hear: list[Statement] = []
        if logs.sql != "none":
            hear.append(_log_sql(parameters=logs.sql == "parameters"))
        if monitoring.enabled and monitoring.slow_query_seconds:
            pause = monitoring.explain_pause_seconds or None
            self._slow = SlowQueries(database, monitoring.slow_query_seconds, pause)
            hear.append(self._slow)
        if monitoring.enabled and tracing.is_used():
            hear.append(tracing.statement_spans(database.dialect))
        if monitoring.enabled or hear:
            self._times = QueryTimes(database.engine, hear)

    @property
    def collectors(self) -> list[Collector]:
        """Of what it has counted."""
        if not self._monitoring.enabled or self._times is None:
            return []
        return [TrafficFigures(self._traffic), QueryFigures(self._times, self._slow)]

    def add_to(self, app: FastAPI) -> None:
        """Watch its requests, around all that it has by now."""
        if not self._monitoring.enabled:
            return
        app.add_middleware(
            Watching,
            traffic=self._traffic,
            told=self._access_log(),
            server_timing=self._monitoring.server_timing,
            private=PRIVATE,
            spans=self._spans(),
        )

    def _spans(self) -> tracing.RequestSpans | None:
        trusted = self._monitoring.trusted_callers
        return tracing.RequestSpans(tracing.trusting(trusted)) if tracing.is_used() or trusted else None

    async def close(self) -> None:
        """Before the database is."""
        if self._slow is not None:
            await self._slow.close()

    def _access_log(self) -> AccessLog:
        names: dict[str, Callable[[str], str] | None] = {
            "digest": lambda host: digest_of_host(host)[:_DIGEST_LETTERS],
            "address": str,
            "none": None,
        }
        return AccessLog(
            every=self._logs.access,
            slow_seconds=self._logs.slow_request_seconds or None,
            quiet=QUIET,
            name_client=names[self._logs.addresses],
        )


def _log_sql(*, parameters: bool) -> Statement:
    def log(text: str, given: Any, _began: float, seconds: float) -> None:
        fields = {"milliseconds": round(1000 * seconds, 2), "parameters": given if parameters else kinds_of(given)}
        sql.info("%s", one_line(text), extra={FIELDS: fields})

    return log

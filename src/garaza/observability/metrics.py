"""Figures for Prometheus, in a registry of this application's own: two of them in one process don't mix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from garaza.kit.database import Database

Read = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that is read when somebody asks for it."""

    name: str
    help: str
    read: Read


@dataclass(frozen=True, slots=True)
class Count(Gauge):
    """A figure that only grows; its name gets `_total` behind it."""


class Metrics:
    """What is measured, by these and by `others`. Reading it costs no query: who keeps figures that need one has them
    brought up to date before.
    """

    def __init__(self, database: Database, gauges: Iterable[Gauge], others: Iterable[Collector] = ()) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        for collector in (_Pool(database), _Gauges(list(gauges)), *others):
            self._registry.register(collector)
        # Memory, processor time, files that are open: of this process.
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class _Pool(Collector):
    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        state = self._database.pool_state()
        help_texts = {
            "size": (state.size, "Connections kept open at most."),
            "in_use": (state.in_use, "Connections that requests or tasks hold now."),
            "idle": (state.idle, "Connections open and free."),
            "overflow": (state.overflow, "Connections beyond the pool's size, open now."),
        }
        for name, (value, text) in help_texts.items():
            yield GaugeMetricFamily(f"garaza_database_pool_{name}", text, value=value)
        waited = "Requests that got no connection within the pool's timeout, and were answered 503."
        yield CounterMetricFamily("garaza_database_pool_timeouts", waited, value=self._database.pool_timeouts)
        lost = "Transactions that found the database out of reach, or lost it."
        yield CounterMetricFamily("garaza_database_outages", lost, value=self._database.outages)


class _Gauges(Collector):
    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for gauge in self._gauges:
            family = CounterMetricFamily if isinstance(gauge, Count) else GaugeMetricFamily
            yield family(gauge.name, gauge.help, value=gauge.read())

"""Figures that are kept elsewhere, in the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from garaza.kit.cache.cache import Cache
from garaza.kit.query_times import QueryTimes
from garaza.kit.slow_queries import SlowQueries
from garaza.kit.traffic import Histogram, Traffic
from garaza.observability.job_figures import JobFigures


class TrafficFigures(Collector):
    """Requests by method, route and status. A route is one that the application has: what nobody has made is one."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        labels = ["method", "route"]
        requests = CounterMetricFamily("garaza_http_requests", "Requests answered.", labels=[*labels, "status"])
        text = "From a request to the beginning of its answer, waiting for its body left out."
        seconds = HistogramMetricFamily("garaza_http_request_seconds", text, labels=labels)
        for key, series in list(self._traffic.requests.items()):
            for status, count in series.statuses.items():
                requests.add_metric([*key, str(status)], count)
            add_histogram(seconds, list(key), series.seconds)
        yield requests
        yield seconds
        yield GaugeMetricFamily("garaza_http_requests_in_flight", "Begun, not ended.", value=self._traffic.in_flight)
        sockets = GaugeMetricFamily("garaza_websockets", "WebSockets that are open.", labels=["route"])
        for route, count in list(self._traffic.sockets.items()):
            sockets.add_metric([route], count)
        yield sockets
        closed = CounterMetricFamily("garaza_websockets_closed", "WebSockets that ended.", labels=["route", "code"])
        for (route, code), count in list(self._traffic.sockets_closed.items()):
            closed.add_metric([route, str(code)], count)
        yield closed


class QueryFigures(Collector):
    """Statements of this process."""

    def __init__(self, times: QueryTimes, slow: SlowQueries | None) -> None:
        self._times = times
        self._slow = slow

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        yield CounterMetricFamily("garaza_database_queries", "Statements.", value=self._times.queries)
        yield CounterMetricFamily("garaza_database_query_seconds", "What they took.", value=self._times.seconds)
        if self._slow is not None:
            text = "Those that took longer than GARAZA_MONITORING__SLOW_QUERY_SECONDS."
            yield CounterMetricFamily("garaza_database_slow_queries", text, value=self._slow.count)


class CacheFigures(Collector):
    """Copies: what they saved, and what they take."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        cache = self._cache
        hits = CounterMetricFamily("garaza_cache_hits", "Answered by a copy.", labels=["subject", "tier"])
        for (subject, tier), count in list(cache.hits.items()):
            hits.add_metric([subject, tier], count)
        yield hits
        errors = CounterMetricFamily(
            "garaza_cache_errors", "Copies that couldn't be read, or renewed.", labels=["subject", "kind"]
        )
        for (subject, kind), count in list(cache.errors.items()):
            errors.add_metric([subject, kind], count)
        yield errors
        by_subject = {
            "misses": (cache.misses, "Found out, as there was no copy."),
            "refreshes": (cache.refreshes, "Found out anew before a copy's time came."),
        }
        for name, (counts, text) in by_subject.items():
            family = CounterMetricFamily(f"garaza_cache_{name}", text, labels=["subject"])
            for subject, count in list(counts.items()):
                family.add_metric([subject], count)
            yield family
        memory = cache.memory
        yield GaugeMetricFamily("garaza_cache_memory_bytes", "What copies take in memory.", value=memory.bytes)
        yield GaugeMetricFamily("garaza_cache_memory_entries", "Copies in memory.", value=len(memory))
        text = "Copies in memory that had to make room."
        yield CounterMetricFamily("garaza_cache_memory_evictions", text, value=memory.evictions)
        text = "Whether this process hears of what others change."
        yield GaugeMetricFamily("garaza_cache_told", text, value=cache.is_told)
        if cache.shared is not None:
            text = "Changes that the shared tier couldn't be told of at once."
            yield CounterMetricFamily("garaza_cache_untold", text, value=cache.untold)
            text = "Asked in vain, or not asked, as the shared tier was away."
            yield CounterMetricFamily("garaza_cache_fallbacks", text, value=cache.shared.store.fallbacks)


class DiskFigures(Collector):
    """The file system that the data directory is on."""

    def __init__(self, space: Callable[[], tuple[int, int]]) -> None:
        self._space = space

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        try:
            total, free = self._space()
        except OSError:
            return
        yield GaugeMetricFamily("garaza_disk_free_bytes", "Free for this service.", value=free)
        yield GaugeMetricFamily("garaza_disk_used_bytes", "Not free, whoever uses it.", value=total - free)
        yield GaugeMetricFamily("garaza_disk_size_bytes", "All of it.", value=total)


class JobMetrics(Collector):
    """What `JobFigures` knows."""

    def __init__(self, figures: JobFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """See `Collector`."""
        figures = self._figures
        if figures.queue is not None:
            jobs = GaugeMetricFamily("garaza_jobs", "Jobs that wait or are being done.", labels=["state"])
            for state in ("queued", "running"):
                jobs.add_metric([state], figures.queue.get(state, 0))
            yield jobs
            text = "For how long the job has waited that could have been begun the longest ago; 0: none waits."
            yield GaugeMetricFamily("garaza_jobs_oldest_queued_seconds", text, value=figures.oldest_seconds)
        attempts = CounterMetricFamily("garaza_job_attempts", "Attempts that ended.", labels=["outcome"])
        for outcome in ("completed", "failed", "retrying", "released", "cancelled"):
            attempts.add_metric([outcome], figures.attempts[outcome])
        yield attempts
        failures = CounterMetricFamily("garaza_job_failures", "Attempts that failed.", labels=["reason"])
        for reason, count in figures.failures.items():
            failures.add_metric([reason], count)
        yield failures
        waits = HistogramMetricFamily("garaza_job_wait_seconds", "From being asked for to being begun.", labels=[])
        add_histogram(waits, [], figures.waits)
        yield waits
        took = HistogramMetricFamily("garaza_job_attempt_seconds", "Attempts that completed.", labels=[])
        add_histogram(took, [], figures.durations)
        yield took
        stages = HistogramMetricFamily("garaza_job_stage_seconds", "Stages that were finished.", labels=["stage"])
        for stage, histogram in figures.stages.items():
            add_histogram(stages, [stage], histogram)
        yield stages


def add_histogram(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    """To a family, as one more of it."""
    buckets, below = [], 0
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], histogram.counts, strict=True):
        below += count
        buckets.append((bound, below))
    family.add_metric(labels, buckets, sum_value=histogram.total)

"""Makes deploy/monitoring: a Grafana dashboard, alerts for Prometheus, and how it scrapes.

python -m tools.dashboards

The names of figures are written here once, and a test holds them against what a running service tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "monitoring"
DASHBOARD = "grafana-dashboard.json"
ALERTS = "alerts.yml"
SCRAPE = "prometheus.yml"

_OURS = 'instance=~"$instance"'
_EVERY = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    queries: dict[str, str]
    """PromQL by what its line is called."""
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of them."""

    title: str
    panels: list[Panel]


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody is woken for, or finds in the morning."""

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str
    remedy: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def _quantile(share: float, histogram: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{_OURS}}}[{_EVERY}])))"


def _a_second(counter: str) -> str:
    return f"sum(rate({counter}{{{_OURS}}}[{_EVERY}]))"


_ROOMS = ("requests", "heavy", "transfers")
_RATES = ("auth", "upload", "search", "general", "polling", "assets")
_REQUESTS_BY_ROUTE = f"sum by (method, route) (rate(garaza_http_requests_total{{{_OURS}}}[{_EVERY}]))"

ROWS = [
    Row(
        "At a glance",
        [
            Panel("Up", {"": f"min(up{{{_OURS}}})"}, kind="stat"),
            Panel("Worker", {"": f"min(garaza_worker_up{{{_OURS}}})"}, kind="stat", about="Of the service itself."),
            Panel("Jobs waiting", {"": f'sum(garaza_jobs{{{_OURS}, state="queued"}})'}, kind="stat"),
            Panel(
                "Errors",
                {
                    "": f'sum(rate(garaza_http_requests_total{{{_OURS}, status=~"5.."}}[{_EVERY}]))'
                    f" / sum(rate(garaza_http_requests_total{{{_OURS}}}[{_EVERY}]))"
                },
                "percentunit",
                kind="stat",
                about="Share of requests answered 5xx.",
            ),
        ],
    ),
    Row(
        "Requests",
        [
            Panel(
                "Requests by route",
                {"{{method}} {{route}}": _REQUESTS_BY_ROUTE},
                "reqps",
                "(none): paths that don't exist, and what was refused before its route was looked for.",
            ),
            Panel(
                "Requests by status",
                {"{{status}}": f"sum by (status) (rate(garaza_http_requests_total{{{_OURS}}}[{_EVERY}]))"},
                "reqps",
                stacked=True,
            ),
            Panel(
                "Time to an answer",
                {f"p{100 * q:.0f}": _quantile(q, "garaza_http_request_seconds") for q in (0.5, 0.95, 0.99)},
                "s",
                "Waiting for the client left out.",
            ),
            Panel(
                "Time to an answer, p95 by route",
                {"{{method}} {{route}}": _quantile(0.95, "garaza_http_request_seconds", "method, route")},
                "s",
            ),
            Panel("In flight", {"requests": f"sum(garaza_http_requests_in_flight{{{_OURS}}})"}),
            Panel(
                "WebSockets",
                {
                    "{{route}}": f"sum by (route) (garaza_websockets{{{_OURS}}})",
                    "with streams": f"sum(garaza_live_connections{{{_OURS}}})",
                    "following scans": f"sum(garaza_live_listeners{{{_OURS}}})",
                    "closed, {{code}}": f"sum by (code) (rate(garaza_websockets_closed_total{{{_OURS}}}[{_EVERY}]))",
                },
            ),
            Panel(
                "Told live, each second",
                {
                    "events sent": _a_second("garaza_live_events_sent_total"),
                    "of them missed before": _a_second("garaza_live_events_replayed_total"),
                    "too many connections": _a_second("garaza_live_refused_total"),
                    "too slow": _a_second("garaza_live_slow_closed_total"),
                },
            ),
        ],
    ),
    Row(
        "Jobs",
        [
            Panel("Queue", {"{{state}}": f"sum by (state) (garaza_jobs{{{_OURS}}})"}, stacked=True),
            Panel("Longest wait", {"oldest job": f"max(garaza_jobs_oldest_queued_seconds{{{_OURS}}})"}, "s"),
            Panel(
                "Attempts by how they ended",
                {"{{outcome}}": f"sum by (outcome) (increase(garaza_job_attempts_total{{{_OURS}}}[1h]))"},
                stacked=True,
                about="In the hour before.",
            ),
            Panel(
                "Failures by reason",
                {"{{reason}}": f"sum by (reason) (increase(garaza_job_failures_total{{{_OURS}}}[1h]))"},
                stacked=True,
                about="In the hour before.",
            ),
            Panel(
                "Waiting and working",
                {
                    "waiting, p50": _quantile(0.5, "garaza_job_wait_seconds"),
                    "waiting, p95": _quantile(0.95, "garaza_job_wait_seconds"),
                    "working, p50": _quantile(0.5, "garaza_job_attempt_seconds"),
                    "working, p95": _quantile(0.95, "garaza_job_attempt_seconds"),
                },
                "s",
            ),
            Panel(
                "Stages, on average",
                {
                    "{{stage}}": f"sum by (stage) (rate(garaza_job_stage_seconds_sum{{{_OURS}}}[{_EVERY}]))"
                    f" / sum by (stage) (rate(garaza_job_stage_seconds_count{{{_OURS}}}[{_EVERY}]))"
                },
                "s",
            ),
        ],
    ),
    Row(
        "Database",
        [
            Panel(
                "Connections",
                {
                    "in use": f"sum(garaza_database_pool_in_use{{{_OURS}}})",
                    "idle": f"sum(garaza_database_pool_idle{{{_OURS}}})",
                    "kept at most": f"sum(garaza_database_pool_size{{{_OURS}}})",
                    "beyond that": f"sum(garaza_database_pool_overflow{{{_OURS}}})",
                },
            ),
            Panel(
                "Statements",
                {
                    "all": f"sum(rate(garaza_database_queries_total{{{_OURS}}}[{_EVERY}]))",
                    "slow": f"sum(rate(garaza_database_slow_queries_total{{{_OURS}}}[{_EVERY}]))",
                },
                "ops",
            ),
            Panel(
                "Time of a statement, on average",
                {
                    "statement": f"sum(rate(garaza_database_query_seconds_total{{{_OURS}}}[{_EVERY}]))"
                    f" / sum(rate(garaza_database_queries_total{{{_OURS}}}[{_EVERY}]))"
                },
                "s",
            ),
            Panel(
                "Trouble",
                {
                    "no connection in time": f"sum(rate(garaza_database_pool_timeouts_total{{{_OURS}}}[{_EVERY}]))",
                    "out of reach": f"sum(rate(garaza_database_outages_total{{{_OURS}}}[{_EVERY}]))",
                },
                "ops",
            ),
        ],
    ),
    Row(
        "Limits",
        [
            Panel("At once", {name: f"sum(garaza_{name}_in_flight{{{_OURS}}})" for name in _ROOMS}),
            Panel(
                "Turned away",
                {name: _a_second(f"garaza_{name}_turned_away_total") for name in _ROOMS},
                "reqps",
                about="503: there was no room for more.",
            ),
            Panel(
                "Too many of one client",
                {name: _a_second(f"garaza_rate_limited_{name}_total") for name in _RATES},
                "reqps",
                about="429, by class of call.",
            ),
            Panel(
                "Out of time",
                {
                    "work, 504": _a_second("garaza_timeouts_late_total"),
                    "answers cut": _a_second("garaza_timeouts_cut_total"),
                    "bodies, 408": _a_second("garaza_timeouts_stalled_total"),
                },
                "reqps",
            ),
        ],
    ),
    Row(
        "Copies",
        [
            Panel(
                "Where answers come from",
                {
                    "{{subject}}, {{tier}}": "sum by (subject, tier) "
                    f"(rate(garaza_cache_hits_total{{{_OURS}}}[{_EVERY}]))",
                    "{{subject}}, found out": "sum by (subject) "
                    f"(rate(garaza_cache_misses_total{{{_OURS}}}[{_EVERY}]))",
                    "{{subject}}, renewed": "sum by (subject) "
                    f"(rate(garaza_cache_refreshes_total{{{_OURS}}}[{_EVERY}]))",
                },
                "ops",
            ),
            Panel("Memory of copies", {"bytes": f"sum(garaza_cache_memory_bytes{{{_OURS}}})"}, "bytes"),
            Panel(
                "Copies",
                {
                    "kept": f"sum(garaza_cache_memory_entries{{{_OURS}}})",
                    "services that hear of changes": f"sum(garaza_cache_told{{{_OURS}}})",
                },
            ),
            Panel(
                "Trouble with copies",
                {
                    "had to make room": _a_second("garaza_cache_memory_evictions_total"),
                    "couldn't be read or renewed": _a_second("garaza_cache_errors_total"),
                },
                "ops",
            ),
        ],
    ),
    Row(
        "Furniture",
        [
            Panel(
                "Searches by outcome",
                {"{{outcome}}": f"sum by (outcome) (rate(garaza_furniture_searches_total{{{_OURS}}}[{_EVERY}]))"},
                "reqps",
                "Those that a copy didn't answer. words: the model or the index couldn't be asked.",
                stacked=True,
            ),
            Panel(
                "A search, on average",
                {
                    "{{part}}": f"sum by (part) (rate(garaza_furniture_search_seconds_sum{{{_OURS}}}[{_EVERY}]))"
                    f" / sum by (part) (rate(garaza_furniture_search_seconds_count{{{_OURS}}}[{_EVERY}]))"
                },
                "s",
                "Waiting for the model, for the index, and the rest.",
                stacked=True,
            ),
            Panel(
                "A search, p95 of each part",
                {"{{part}}": _quantile(0.95, "garaza_furniture_search_seconds", "part")},
                "s",
            ),
            Panel(
                "The model",
                {
                    "in memory": f"sum(garaza_furniture_encoder_loaded{{{_OURS}}})",
                    "loaded in the hour before": f"sum(increase(garaza_furniture_encoder_loads_total{{{_OURS}}}[1h]))",
                    "queries waiting": f"sum(garaza_furniture_encoder_waiting{{{_OURS}}})",
                    "queries refused, each second": _a_second("garaza_furniture_encoder_refused_total"),
                    "{{model}}: queries at once": "sum by (model) "
                    f"(rate(garaza_furniture_encoder_batch_queries_sum{{{_OURS}}}[{_EVERY}]))"
                    " / sum by (model) "
                    f"(rate(garaza_furniture_encoder_batch_queries_count{{{_OURS}}}[{_EVERY}]))",
                },
            ),
            Panel(
                "The catalogue",
                {
                    "products": f"max(garaza_furniture_products{{{_OURS}}})",
                    "version": f"max(garaza_furniture_version{{{_OURS}}})",
                    "by meaning": f"min(garaza_furniture_semantic{{{_OURS}}})",
                    "vectors: {{kind}}": f"max by (kind) (garaza_furniture_index{{{_OURS}}})",
                },
            ),
            Panel(
                "Age",
                {
                    "of the catalogue": f"max(garaza_furniture_age_seconds{{{_OURS}}})",
                    "of the oldest open import": f"max(garaza_furniture_imports_oldest_seconds{{{_OURS}}})",
                },
                "s",
            ),
            Panel(
                "Imports",
                {
                    "{{state}}": f"max by (state) (garaza_furniture_imports{{{_OURS}}})",
                    "{{state}}, in the hour before": "max by (state) "
                    f"(increase(garaza_furniture_imports_ended_total{{{_OURS}}}[1h]))",
                },
            ),
            Panel(
                "Rows of imports",
                {"{{outcome}}": f"max by (outcome) (rate(garaza_furniture_import_rows_total{{{_OURS}}}[{_EVERY}]))"},
                "ops",
            ),
            Panel(
                "Pictures from elsewhere",
                {
                    "{{outcome}}": f"sum by (outcome) (rate(garaza_furniture_pictures_total{{{_OURS}}}[{_EVERY}]))",
                    "being fetched": f"sum(garaza_furniture_pictures_in_flight{{{_OURS}}})",
                },
                "ops",
            ),
        ],
    ),
    Row(
        "Machine",
        [
            Panel(
                "Disk",
                {
                    "used": f"max(garaza_disk_used_bytes{{{_OURS}}})",
                    "size": f"max(garaza_disk_size_bytes{{{_OURS}}})",
                },
                "bytes",
            ),
            Panel("Memory of the service", {"resident": f"sum(process_resident_memory_bytes{{{_OURS}}})"}, "bytes"),
            Panel(
                "Processor of the service",
                {"cores": f"sum(rate(process_cpu_seconds_total{{{_OURS}}}[{_EVERY}]))"},
                about="One process uses one core at most, and a little.",
            ),
            Panel(
                "Open files",
                {"open": f"sum(process_open_fds{{{_OURS}}})", "at most": f"sum(process_max_fds{{{_OURS}}})"},
            ),
        ],
    ),
]

_ALL_REQUESTS = "sum by (instance) (rate(garaza_http_requests_total[5m]))"
_FAILED_REQUESTS = 'sum by (instance) (rate(garaza_http_requests_total{status=~"5.."}[5m]))'
_OUR_FAULT = "crashed|engine_crashed|disk_full|files_lost|took_too_long"
_WORK = 'route!~"/api/upload.*|/api/assets.*"'
_SLOWNESS = f"sum by (le, instance) (rate(garaza_http_request_seconds_bucket{{{_WORK}}}[10m]))"

ALERTS_ = [
    Alert("GarazaDown", 'up{job="garaza"} == 0', "2m", "page", "{{ $labels.instance }} gives no figures."),
    Alert(
        "GarazaErrors",
        f"{_FAILED_REQUESTS} / {_ALL_REQUESTS} > 0.02 and {_ALL_REQUESTS} > 0.05",
        "5m",
        "page",
        "{{ $value | humanizePercentage }} of the requests are answered 5xx.",
        "Look for ERROR in the log; its request id is in the answer.",
    ),
    Alert(
        "GarazaSlow",
        f"histogram_quantile(0.95, {_SLOWNESS}) > 1",
        "10m",
        "ticket",
        "One request in twenty takes longer than {{ $value | humanizeDuration }}.",
        "garaza.slow in the log names the routes, garaza.slow_query the statements.",
    ),
    Alert(
        "GarazaWorkerDown",
        "garaza_worker_up == 0",
        "2m",
        "page",
        "The worker beside the service doesn't run.",
        "Its log says why; often it is memory.",
    ),
    Alert(
        "GarazaJobsWait",
        "garaza_jobs_oldest_queued_seconds > 1800",
        "10m",
        "ticket",
        "A job has waited for {{ $value | humanizeDuration }}.",
        "More workers, or a worker that hangs.",
    ),
    Alert(
        "GarazaJobsStuck",
        'garaza_jobs{state="queued"} > 0 and on (instance) garaza_jobs{state="running"} == 0',
        "5m",
        "page",
        "Jobs wait and none is being done.",
        "Do workers run? Do they have the same database and broker?",
    ),
    Alert(
        "GarazaJobsFail",
        f'sum by (instance) (increase(garaza_job_failures_total{{reason=~"{_OUR_FAULT}"}}[1h])) > 2',
        "0m",
        "ticket",
        "{{ $value | humanize }} attempts in an hour failed by no fault of their videos.",
        "garaza_job_failures_total has the reasons, GET /api/jobs/ID/attempts the stages.",
    ),
    Alert(
        "GarazaDatabaseOutOfReach",
        "increase(garaza_database_outages_total[5m]) > 0",
        "2m",
        "page",
        "Transactions find the database out of reach, or lose it.",
        "Bring it back; nothing has to be restarted.",
    ),
    Alert(
        "GarazaDatabaseConnectionsUsedUp",
        "increase(garaza_database_pool_timeouts_total[10m]) > 0",
        "0m",
        "ticket",
        "Requests got no connection in time, and 503.",
        "Look for what is slow; or a larger pool, if the database can do it.",
    ),
    Alert(
        "GarazaSlowStatements",
        "rate(garaza_database_slow_queries_total[10m]) / rate(garaza_database_queries_total[10m]) > 0.01",
        "10m",
        "ticket",
        "{{ $value | humanizePercentage }} of the statements are slow.",
        "garaza.slow_query in the log has them with their plans.",
    ),
    Alert(
        "GarazaTurnsRequestsAway",
        " or ".join(f"rate(garaza_{name}_turned_away_total[5m]) > 0.1" for name in _ROOMS),
        "5m",
        "ticket",
        "Requests are answered 503, as there is no room for more.",
        "What takes so long? Or more room: GARAZA_SHEDDING__….",
    ),
    Alert(
        "GarazaSearchesByWordsAlone",
        "garaza_furniture_semantic == 0 and garaza_furniture_version > 0",
        "15m",
        "ticket",
        "Furniture is found by its words alone.",
        "The model or the index can't be used: the log says why, `garaza doctor` tries the model.",
    ),
    Alert(
        "GarazaNothingToSearch",
        'increase(garaza_furniture_searches_total{outcome="unavailable"}[5m]) > 0',
        "10m",
        "page",
        "Searches are answered 503: there is no catalogue that is ready.",
        "/ready has a note if making it ready fails, the log why.",
    ),
    Alert(
        "GarazaImportStuck",
        "garaza_furniture_imports_oldest_seconds > 4 * 3600",
        "10m",
        "ticket",
        "An import hasn't ended for {{ $value | humanizeDuration }}.",
        "`garaza catalogue status` says how far it is, GET /api/admin/catalogue/imports/ID its error.",
    ),
    Alert(
        "GarazaImportsFail",
        'increase(garaza_furniture_imports_ended_total{state="failed"}[1h]) > 0',
        "0m",
        "ticket",
        "Imports failed; the catalogue is as it was.",
        "GET /api/admin/catalogue/imports has their errors, `garaza catalogue report ID` what was refused.",
    ),
    Alert(
        "GarazaDiskNearlyFull",
        "garaza_disk_free_bytes / garaza_disk_size_bytes < 0.1",
        "5m",
        "ticket",
        "{{ $value | humanizePercentage }} of the disk are free.",
        "GET /api/admin/disk-usage says what takes it. Uploads are refused below GARAZA_UPLOADS__MIN_FREE_BYTES.",
    ),
    Alert(
        "GarazaDiskFullTomorrow",
        "predict_linear(garaza_disk_free_bytes[6h], 24 * 3600) < 0",
        "1h",
        "ticket",
        "At this rate the disk is full within a day.",
    ),
    Alert(
        "GarazaFilesUsedUp",
        'process_open_fds{job="garaza"} / process_max_fds{job="garaza"} > 0.8',
        "5m",
        "ticket",
        "The process may open few files more; connections are files.",
        "Raise LimitNOFILE, or find out who holds so many connections.",
    ),
]


def dashboard() -> dict[str, Any]:
    """For Grafana's import."""
    panels: list[dict[str, Any]] = []
    down = 0
    for row in ROWS:
        panels.append(_placed({"type": "row", "title": row.title, "collapsed": False, "panels": []}, 24, 1, 0, down))
        down += 1
        small = all(panel.kind == "stat" for panel in row.panels)
        width, height, across = (6, 4, 4) if small else (12, 8, 2)
        for number, panel in enumerate(row.panels):
            at = (number % across) * width, down + (number // across) * height
            panels.append(_placed(_panel(panel), width, height, *at))
        down += -(-len(row.panels) // across) * height
    for number, made in enumerate(panels, 1):
        made["id"] = number
    instance = {
        "name": "instance",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "query": {"query": "label_values(garaza_database_pool_size, instance)", "refId": "instance"},
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "garaza",
        "title": "Garaza",
        "tags": ["garaza"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source, instance]},
        "panels": panels,
    }


def _panel(panel: Panel) -> dict[str, Any]:
    custom = {"fillOpacity": 15, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom if panel.kind == "timeseries" else {}},
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expression, "legendFormat": name or "__auto"}
            for number, (name, expression) in enumerate(panel.queries.items())
        ],
    }


def _placed(panel: dict[str, Any], width: int, height: int, across: int, down: int) -> dict[str, Any]:
    return {**panel, "gridPos": {"w": width, "h": height, "x": across, "y": down}}


def alerts() -> dict[str, Any]:
    """Rules for Prometheus."""
    rules = [
        {
            "alert": alert.name,
            "expr": alert.expression,
            **({} if alert.lasting == "0m" else {"for": alert.lasting}),
            "labels": {"severity": alert.severity, **alert.labels},
            "annotations": {"summary": alert.summary, **({"description": alert.remedy} if alert.remedy else {})},
        }
        for alert in ALERTS_
    ]
    return {"groups": [{"name": "garaza", "rules": rules}]}


def expressions() -> list[str]:
    """All PromQL that there is."""
    asked = [expression for row in ROWS for panel in row.panels for expression in panel.queries.values()]
    return [*asked, *(alert.expression for alert in ALERTS_)]


_SCRAPE = """# To be put beside what there is in prometheus.yml. GARAZA_METRICS__TOKEN of the service is in the file.
scrape_configs:
  - job_name: garaza
    scrape_interval: 15s
    authorization:
      type: Bearer
      credentials_file: /etc/prometheus/garaza-token
    static_configs:
      - targets: ["127.0.0.1:8000"]
rule_files:
  - alerts.yml
"""
_MADE = "# Made by `python -m tools.dashboards`.\n"


def files() -> dict[str, str]:
    """What is in the folder, by name. YAML is a superset of JSON, of which each text is written here."""
    return {
        DASHBOARD: json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n",
        ALERTS: _MADE + _yaml(alerts()) + "\n",
        SCRAPE: _SCRAPE,
    }


def _yaml(value: Any, indent: int = 0) -> str:
    """Just what is needed of it: mappings and lists of texts, which are quoted as JSON's are."""
    space = "  " * indent
    if isinstance(value, dict):
        lines = []
        for name, inner in value.items():
            nested = isinstance(inner, dict | list)
            lines.append(f"{space}{name}:" + ("\n" + _yaml(inner, indent + 1) if nested else f" {json.dumps(inner)}"))
        return "\n".join(lines)
    return "\n".join(f"{space}-{_yaml(one, indent + 1)[len(space) + 1 :]}" for one in value)


def main() -> None:
    """See the module."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

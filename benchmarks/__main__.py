"""Run the benchmarks: all of them, or those that are named.

python -m benchmarks [--quick] [name …]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    accounts,
    caching,
    catalogue_import,
    children,
    claims,
    compression,
    conditional_requests,
    crowd,
    database,
    downloads,
    embedding,
    furniture_memory,
    furniture_search,
    jobs,
    large_uploads,
    limits,
    live,
    monitoring,
    pool,
    reconstruction,
    relevance,
    response_size,
    stack,
    storage,
    uploads,
    vector_index,
)
from benchmarks.processes import ROOT
from benchmarks.report import Facts, Report, Row, conditions, load_average

BENCHMARKS: dict[str, Callable[..., Report]] = {
    "uploads": uploads.run,
    "storage": storage.run,
    "large_uploads": large_uploads.run,
    "children": children.run,
    "response_size": response_size.run,
    "compression": compression.run,
    "conditional_requests": conditional_requests.run,
    "downloads": downloads.run,
    "stack": stack.run,
    "limits": limits.run,
    "crowd": crowd.run,
    "live": live.run,
    "caching": caching.run,
    "catalogue_import": catalogue_import.run,
    "embedding": embedding.run,
    "vector_index": vector_index.run,
    "furniture_search": furniture_search.run,
    "furniture_memory": furniture_memory.run,
    "jobs": jobs.run,
    "claims": claims.run,
    "database": database.run,
    "pool": pool.run,
    "accounts": accounts.run,
    "monitoring": monitoring.run,
    "relevance": relevance.run,
    "reconstruction": reconstruction.run,
}
NOT_QUICK = {"reconstruction"}
OUT = ROOT / "out" / "benchmarks.json"
_LOG_WIDTH = 110
"""Of tables where there is no terminal to fit them into."""


def main() -> None:
    """A promise that was not kept is told, and is no failure: numbers of a busy machine must not stop anybody."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Before against after, in one run.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all if none is given")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run; no reconstruction")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    # Without this, being told to stop would leave the servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_LOG_WIDTH)
    where = conditions()
    console.print(*(f"{name}: {value}" for name, value in where.items()), sep="\n", highlight=False)
    found: dict[str, Any] = {"conditions": {**where, "quick": given.quick, "began_at": time.time()}, "benchmarks": {}}
    for name in given.names or BENCHMARKS:
        if given.quick and name in NOT_QUICK:
            console.print(f"\n[bold]{name}[/]: left out by --quick")
            continue
        found["benchmarks"][name] = _one(name, console, quick=given.quick)
        # After each of them, so that a crash of the next one loses nothing.
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(found, indent=1), encoding="utf-8")
    console.print(f"\nWritten to {OUT.relative_to(ROOT)}.", highlight=False)


def _one(name: str, console: Console, *, quick: bool) -> dict[str, Any]:
    load_before, began = load_average(), time.monotonic()
    # Beside the results, not in the system's temporary folder: that is memory on some machines.
    OUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=OUT.parent) as place:
        report = BENCHMARKS[name](quick=quick, place=Path(place))
    around = {
        "seconds": round(time.monotonic() - began, 1),
        "load_average_before": load_before,
        "load_average_after": load_average(),
    }
    caption = "took {seconds} s; load average {load_average_before} before, {load_average_after} after".format(**around)
    print_report(name, report, console, caption)
    rows = [{**asdict(row), "ratio": row.ratio} for row in report.rows]
    return {**asdict(report), "rows": rows, **around}


def print_report(name: str, report: Report, console: Console, caption: str = "") -> None:
    """Its tables, its promises, and whether they were kept."""
    console.print(f"\n[bold]{name}[/]: {report.measured}", highlight=False)
    table = Table(caption=caption, caption_justify="left")
    table.add_column("what is measured")
    for heading in ("before", "after", "unit", "times better"):
        table.add_column(heading, justify="left" if heading == "unit" else "right")
    for row in report.rows:
        table.add_row(row.what, number(row.before), number(row.after), row.unit, _ratio(row))
    console.print(table)
    for facts in report.facts:
        console.print(_facts(facts))
    for promise in report.promises:
        console.print(
            f"[{'green' if promise.kept else 'red'}]{'kept' if promise.kept else 'not kept'}[/]: {promise.text}"
        )
    for note in report.notes:
        console.print(f"[dim]{note}[/]", highlight=False)


def _facts(facts: Facts) -> Table:
    table = Table(title=facts.title, title_justify="left")
    for position, heading in enumerate(facts.headings):
        table.add_column(heading, justify="right" if position else "left")
    for row in facts.rows:
        table.add_row(*row)
    return table


def number(value: float) -> str:
    """With three significant digits, or all of those before the point."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{number(row.ratio)} ×"


if __name__ == "__main__":
    main()

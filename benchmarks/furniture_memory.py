"""What finding furniture takes in memory: against a DataFrame and a model of 32 bits by torch.

Each way is a process of its own, from nothing to one search; the one that has Garaza's index open is counted with it.
Neither torch nor pandas are needed for Garaza, so they come with an interpreter that has them:

    python -m benchmarks.furniture_memory --baseline-python VENV/bin/python
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from sqlalchemy import insert

from benchmarks.processes import ROOT
from benchmarks.report import Facts, Promise, Report, Row
from benchmarks.resident import ROLLUP
from benchmarks.served_furniture import Told, parts
from benchmarks.vector_index import mixed_vectors
from garaza.furniture.adapters import versions_folder
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.models import Catalogue, ProductRow, ProductVector
from garaza.furniture.preparing import Preparing
from garaza.furniture.repository import kept_vector
from garaza.furniture.runtime import build_without_server
from garaza.furniture.stored import columns_of
from garaza.kit import migrate
from garaza.migrations import PACKAGE
from tools.sample_catalogue.export import write
from tools.sample_catalogue.generate import catalogue

PRODUCTS = 43_000
QUICK_PRODUCTS = 4_000
_MOST = 1 / 3
"""Of what the plain way takes."""
_MEASURES = {"rss": "in memory", "pss": "its part of what is shared", "own": "in no file", "peak": "at most"}


def run(*, quick: bool, place: Path) -> Report:
    """See the module. The plain way is left out, unless this interpreter has what it needs."""
    return measure(QUICK_PRODUCTS if quick else PRODUCTS, place, sys.executable)


def measure(count: int, place: Path, python: str) -> Report:
    """With so many products; `python`: that the plain way is run by."""
    if not ROLLUP.exists():
        return Report("nothing: only Linux says what a process takes in which way", [], [])
    _child([sys.executable, "-m", "benchmarks.furniture_memory", "prepare", str(place), str(count)])
    ours: Told = _child([sys.executable, "-m", "benchmarks.served_furniture", str(place)])
    kinds = [kind for kind in ("transformers", "torch") if _has(python, kind)]
    plain = {kind: _child([python, "-m", "benchmarks.plain_furniture", *_files(place), kind]) for kind in kinds}
    facts = [_facts("Garaza", ours), *(_facts(_named(found), found["told"]) for found in plain.values())]
    notes = [
        "In memory (RSS) is what lies in files, too, which the system may take back: libraries, and of Garaza the "
        "snapshot and most of the index. What lies in no file it can't. At most is of the process, from its start.",
        "Left out is making the catalogue ready, which processes of their own do for Garaza, and the first search for "
        "the plain way; and the server, which both need. Products that were found are read, by Garaza from SQLite.",
    ]
    if not kinds:
        notes.append(f"{python} has no pandas and torch: name one that has with --baseline-python.")
    return Report(
        measured=f"one search of {count:,} products, each way in a process of its own",
        rows=[row for kind, found in plain.items() for row in _rows(kind, found["told"], ours)],
        promises=[promise for kind, found in plain.items() for promise in _promises(kind, found["told"], ours)],
        facts=facts,
        notes=notes,
    )


def _named(found: dict[str, Any]) -> str:
    return f"{found['what']}: {found['parameters'] / 1e6:.1f} million weights of 32 bits"


def _rows(kind: str, plain: Told, ours: Told) -> list[Row]:
    rows = [
        Row(f"{kind}: after a search, {said}", plain["searched"][name] / 1e6, ours["searched"][name] / 1e6, "MB")
        for name, said in _MEASURES.items()
    ]
    idle = [
        Row(f"{kind}: when nobody asks, {said}", plain["searched"][name] / 1e6, ours["idle"][name] / 1e6, "MB")
        for name, said in _MEASURES.items()
        if name != "peak"
    ]
    return [*rows, *idle]


def _promises(kind: str, plain: Told, ours: Told) -> list[Promise]:
    less = {name: ours["searched"][name] <= _MOST * plain["searched"][name] for name in _MEASURES}
    what = f"a third of what pandas and a model of 32 bits ({kind}) take after a search"
    return [Promise(f"{what}, {said}", less[name]) for name, said in _MEASURES.items()]


def _facts(title: str, told: Told) -> Facts:
    rows = [[step, *(f"{sizes[name] / 1e6:,.0f}" for name in _MEASURES)] for step, sizes in told.items()]
    return Facts(f"{title}; MB", ["after", *_MEASURES.values()], rows)


# Processes --------------------------------------------------------------------------------------------------------


def _child(command: Sequence[str]) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _has(python: str, kind: str) -> bool:
    """Looked for, and not imported."""
    names = {"pandas", "torch", kind}
    code = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {names!r})))"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def _files(place: Path) -> tuple[str, str]:
    return str(place / "products.csv"), str(place / "vectors.npy")


def _prepare(place: Path, count: int) -> None:
    """The same catalogue for both: a CSV and vectors; a data directory in which it is served."""
    table, matrix = _files(place)
    vectors = mixed_vectors(count)
    np.save(matrix, vectors)
    write(Path(table), count, dirty=False)
    asyncio.run(_fill(place, count, vectors))
    print(json.dumps({}))


async def _fill(place: Path, count: int, vectors: Vectors) -> None:
    data, database, encoder, index = parts(place)
    data.create()
    await asyncio.to_thread(migrate.prepare, data, database.url, PACKAGE)
    values = {"ready_version": 1, "next_version": 2, "model_id": encoder.model_id}
    products = [product for product, _ in catalogue(count)]
    rows = [{"since": 1, "source": "import", **columns_of(product)} for product in products]
    known = dict(zip((row["text_hash"] for row in rows), vectors, strict=True))
    those = [
        {"model_id": encoder.model_id, "text_hash": one, "vector": kept_vector(vector)} for one, vector in known.items()
    ]
    async with database.write() as session:
        await session.execute(insert(Catalogue), [{"id": 1, "version": 0, "changed_at": 0.0, **values}])
        await session.execute(insert(ProductRow), rows)
        await session.execute(insert(ProductVector), those)
    preparing = Preparing(database, versions_folder(data), index)
    await encoder.warm()
    await encoder.close()
    await build_without_server(database, preparing, index, encoder.model_id, encoder.dimensions, time.time)
    await index.close()
    await database.close()


def main() -> None:
    """With the interpreter that is named; or one of the processes."""
    match sys.argv[1:]:
        case ["prepare", place, count]:
            _prepare(Path(place), int(count))
            return
    from benchmarks.__main__ import print_report  # noqa: PLC0415 - which imports this

    parser = argparse.ArgumentParser(prog="python -m benchmarks.furniture_memory")
    parser.add_argument("--baseline-python", metavar="PATH", default=sys.executable, help="that has pandas and torch")
    parser.add_argument("--products", type=int, default=PRODUCTS)
    given = parser.parse_args()
    (ROOT / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=ROOT / "out") as folder:
        report = measure(given.products, Path(folder), given.baseline_python)
    print_report("furniture_memory", report, Console(width=120))


if __name__ == "__main__":
    main()

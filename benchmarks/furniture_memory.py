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
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmarks.processes import ROOT
from benchmarks.report import Facts, Promise, Report, Row
from benchmarks.resident import ROLLUP, resident

if TYPE_CHECKING:
    from garaza.furniture.embedding.onnx import OnnxEncoder
    from garaza.furniture.embedding.port import Vectors
    from garaza.furniture.index.edge import EdgeIndex
    from garaza.kit.database import Database
    from garaza.kit.storage import DataDirectory

PRODUCTS = 43_000
QUICK_PRODUCTS = 4_000
_MOST = 1 / 3
"""Of what the plain way takes."""
_TEXT = "black leather sofa under 220 cm wide"
_FOUND = 20
_MEASURES = {"rss": "in memory", "pss": "its part of what is shared", "own": "in no file", "peak": "at most"}

Told = dict[str, dict[str, int]]


def run(*, quick: bool, place: Path) -> Report:
    """See the module. The plain way is left out, unless this interpreter has what it needs."""
    return measure(QUICK_PRODUCTS if quick else PRODUCTS, place, sys.executable)


def measure(count: int, place: Path, python: str) -> Report:
    """With so many products; `python`: that the plain way is run by."""
    if not ROLLUP.exists():
        return Report("nothing: only Linux says what a process takes in which way", [], [])
    _child([sys.executable, "-m", "benchmarks.furniture_memory", "prepare", str(place), str(count)])
    ours: Told = _child([sys.executable, "-m", "benchmarks.furniture_memory", "serve", str(place)])
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
    import numpy as np  # noqa: PLC0415

    from benchmarks.vector_index import mixed_vectors  # noqa: PLC0415
    from tools.sample_catalogue.export import write  # noqa: PLC0415 - what is served is measured without all this

    table, matrix = _files(place)
    vectors = mixed_vectors(count)
    np.save(matrix, vectors)
    write(Path(table), count, dirty=False)
    asyncio.run(_fill(place, count, vectors))
    print(json.dumps({}))


async def _fill(place: Path, count: int, vectors: Vectors) -> None:
    from sqlalchemy import insert  # noqa: PLC0415

    from garaza.furniture.adapters import versions_folder  # noqa: PLC0415 - as above
    from garaza.furniture.models import Catalogue, ProductRow, ProductVector  # noqa: PLC0415
    from garaza.furniture.preparing import Preparing  # noqa: PLC0415
    from garaza.furniture.repository import kept_vector  # noqa: PLC0415
    from garaza.furniture.runtime import build_without_server  # noqa: PLC0415
    from garaza.furniture.stored import columns_of  # noqa: PLC0415
    from garaza.kit import migrate  # noqa: PLC0415
    from garaza.migrations import PACKAGE  # noqa: PLC0415
    from tools.sample_catalogue.generate import catalogue  # noqa: PLC0415

    data, database, encoder, index = _parts(place)
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


def _parts(place: Path) -> tuple[DataDirectory, Database, OnnxEncoder, EdgeIndex]:
    """Without what the service has for all else: that is there in either way."""
    from garaza.furniture.adapters import vectors_folder  # noqa: PLC0415 - each step is looked at
    from garaza.furniture.embedding.models import bundled  # noqa: PLC0415
    from garaza.furniture.embedding.onnx import OnnxEncoder  # noqa: PLC0415
    from garaza.furniture.index.edge import EdgeIndex  # noqa: PLC0415
    from garaza.kit.database import Database, PoolOptions, sqlite_url  # noqa: PLC0415
    from garaza.kit.storage import DataDirectory  # noqa: PLC0415

    data = DataDirectory(place / "data")
    pool = PoolOptions(
        size=2,
        overflow=0,
        timeout=30,
        recycle=-1,
        pre_ping=False,
        connect_timeout=10,
        statement_timeout=600,
        busy_timeout=30,
    )
    encoder = OnnxEncoder(bundled(), idle_seconds=600, keep=data.root / "furniture" / "models")
    return data, Database(sqlite_url(data.database), pool), encoder, EdgeIndex(vectors_folder(data), apart=True)


async def _serve(place: Path) -> Told:
    """As the service does."""
    told = {"python": resident()}

    from garaza.furniture.adapters import versions_folder  # noqa: PLC0415 - as above
    from garaza.furniture.preparing import Preparing  # noqa: PLC0415
    from garaza.furniture.repository import CATALOGUE_CHANNEL, CatalogueRepository  # noqa: PLC0415
    from garaza.furniture.runtime import Shelf  # noqa: PLC0415
    from garaza.furniture.search.asked import Asked  # noqa: PLC0415
    from garaza.kit.changes import changes_of  # noqa: PLC0415

    data, database, encoder, index = _parts(place)
    told["imported"] = resident()
    preparing, changes = Preparing(database, versions_folder(data), index), changes_of(database, CATALOGUE_CHANNEL, 1)
    shelf = Shelf(database, preparing, encoder, index, changes, time.time)
    shelf.start()
    while not shelf.state.semantic:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    told["catalogue and model"] = resident(index.processes)
    found = await shelf.search(Asked(text=_TEXT, limit=_FOUND))
    async with database.read() as session:
        shown = await CatalogueRepository(session).by_ids(found.version, [hit.id for hit in found.hits])
    assert found.semantic
    assert len(shown) == _FOUND
    told["searched"] = resident(index.processes)
    await encoder.unload()
    told["idle"] = resident(index.processes)
    await shelf.stop()
    await index.close()
    await encoder.close()
    await database.close()
    return told


def main() -> None:
    """With the interpreter that is named; or one of the processes."""
    match sys.argv[1:]:
        case ["prepare", place, count]:
            _prepare(Path(place), int(count))
            return
        case ["serve", place]:
            print(json.dumps(asyncio.run(_serve(Path(place)))))
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

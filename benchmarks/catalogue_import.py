"""Imports: all of a catalogue, the same again with a few rows changed, and gone on with in the middle.

The plain way reads the file into memory, and writes and embeds everything each time. Vectors come from what takes next
to no time, so that what is measured is the rest; what the model takes is said beside, of a few hundred texts.
"""

from __future__ import annotations

import asyncio
import csv
import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.report import Facts, Promise, Report, Row
from garaza.furniture.adapters import make_encoder
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.importing.claims import Claim, Claims
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.repository import ImportRepository, publish
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.source import CatalogueFiles
from garaza.furniture.importing.states import Options
from garaza.furniture.importing.worker import ImportInterruptedError, ImportWorker
from garaza.furniture.models import CatalogueImport
from garaza.furniture.products import Product
from garaza.furniture.repository import CatalogueRepository
from garaza.kit.clock import system_clock
from garaza.kit.database import Database, sqlite_url
from garaza.kit.migrate import upgrade
from garaza.kit.storage import DataDirectory
from garaza.migrations import PACKAGE
from garaza.settings import DatabaseSettings, FurnitureSettings
from garaza.wiring import pool_options

_DIMENSIONS = 384
_CHANGED = 100
"""One of so many rows is another one in the second file."""
_TEXTS = 192
_MOST_GROWTH = 64 << 20
_DESCRIPTION = "Made of solid wood, and to last. Put together in minutes; all that is needed comes along. " * 8


class _Fast:
    """Vectors that mean nothing."""

    model_id = "fast-384"
    dimensions = _DIMENSIONS

    def __init__(self) -> None:
        self.texts = 0

    async def query(self, text: str) -> Vectors:
        return self.documents([text])[0]

    def documents(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return np.full((len(texts), _DIMENSIONS), _DIMENSIONS**-0.5, np.float32)


class _Shop:
    def __init__(self, place: Path) -> None:
        self.data = DataDirectory(place / "data")
        self.data.create()
        url = sqlite_url(self.data.database)
        upgrade(url, PACKAGE)
        self.database = Database(url, pool_options(DatabaseSettings(), url))
        self.files = ImportFiles(self.data)
        self.source = CatalogueFiles()
        self.service = ImportService(self.database, self.files, self.source, system_clock)
        self.encoder = _Fast()

    def worker(self, told: Callable[[Claim], None]) -> ImportWorker:
        claims = Claims(self.database, ImportRepository(), self.files.place(), system_clock)
        return ImportWorker(self.database, self.files, claims, self.source, lambda: self.encoder, system_clock, told)

    async def take(self, file: Path, stop_at: int | None = None) -> tuple[CatalogueImport, float]:
        """Import it, and how many bytes more the process had in memory at most."""
        process = psutil.Process()
        gc.collect()
        before = most = process.memory_info().rss
        begun = await self.service.begin(self.files.copy(file), file.name, Options())

        def told(claim: Claim) -> None:
            nonlocal most
            most = max(most, process.memory_info().rss)
            if stop_at is not None and claim.rows_read >= stop_at:
                worker.stop()

        worker = self.worker(told)
        try:
            await worker.work()
        except ImportInterruptedError:
            await self.worker(lambda _claim: None).work()
        async with self.database.write() as session:
            await publish(session, (await CatalogueRepository(session).versions()).ready, system_clock())
            return await self.service.get(session, begun.id), most - before


def run(*, quick: bool, place: Path) -> Report:
    """See the module."""
    return asyncio.run(_run(8_000 if quick else 43_000, place))


async def _run(count: int, place: Path) -> Report:
    shop = _Shop(place)
    first, second, third = (place / f"{name}.csv" for name in ("first", "second", "third"))
    for number, file in enumerate((first, second, third)):
        _write(file, count, number)
    began = time.perf_counter()
    done, growth = await shop.take(first)
    whole = time.perf_counter() - began
    embedded = shop.encoder.texts
    began = time.perf_counter()
    again, _ = await shop.take(second)
    changed = time.perf_counter() - began
    texts_again = shop.encoder.texts - embedded
    stopped, _ = await shop.take(third, stop_at=count // 2)
    await shop.database.close()
    speed = await asyncio.to_thread(_real)
    size = first.stat().st_size
    rows = [
        Row(f"{count:,} rows of which one in {_CHANGED} has changed, without the model", whole, changed, "s"),
        Row("texts that the model reads for those", embedded, texts_again, "texts"),
        Row("memory, against the file read whole", size / 1e6, max(growth, 1) / 1e6, "MB"),
    ]
    promises = [
        Promise("only what changed is embedded", texts_again == count // _CHANGED == again.counts["changed"]),
        Promise(f"memory grows by less than {_MOST_GROWTH >> 20} MB", growth < _MOST_GROWTH),
        Promise(
            "what was stopped in the middle is gone on with", (stopped.state, stopped.rows_read) == ("published", count)
        ),
        Promise("all rows are taken", done.counts["taken"] == count),
    ]
    facts = Facts(
        "How fast",
        ["", "each second"],
        [
            ["rows read and written, without the model", f"{count / whole:,.0f}"],
            ["rows that are as they were", f"{count / changed:,.0f}"],
            ["texts that the model reads, one thread", f"{speed:,.0f}"],
        ],
    )
    return Report(f"A CSV file of {count:,} products, {size / 1e6:.0f} MB, on SQLite.", rows, promises, [facts])


def _write(file: Path, count: int, version: int) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(["asin", "title", "brand", "price", "categories", "description"])
        for number in range(count):
            new = version if number % _CHANGED == 0 else 0
            title = f"Chair {number}, release {new}"
            brand, kind = f"Brand {number % 300}", f"Furniture > Kind {number % 40}"
            lines.writerow([f"B{number:09d}", title, brand, f"${number % 900}.99", kind, _DESCRIPTION])


def _real() -> float:
    """Texts that the model reads in a second."""
    encoder = make_encoder(FurnitureSettings())
    kind = ("Furniture", "Chairs")
    texts = [
        Product(asin="B1", title=f"Chair {n}", categories=kind, description=_DESCRIPTION).text for n in range(_TEXTS)
    ]
    encoder.documents(texts[:1])
    began = time.perf_counter()
    encoder.documents(texts)
    return _TEXTS / (time.perf_counter() - began)

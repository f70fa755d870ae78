"""A shop whose catalogue is imported: files of a row a line, a model that counts what it reads, and who reads along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import URL

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.importing.claims import Claim, Claims
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.port import NoCatalogueError
from garaza.furniture.importing.repository import ImportRepository, publish
from garaza.furniture.importing.rows import ReadRow, Remark
from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.states import Options
from garaza.furniture.importing.worker import ImportWorker
from garaza.furniture.models import CatalogueImport
from garaza.furniture.products import Product
from garaza.furniture.repository import CatalogueRepository, Found
from garaza.kit.database import Database
from garaza.kit.storage import DataDirectory
from garaza.settings import DatabaseSettings
from garaza.wiring import pool_options
from tests.clock import SettableClock

DIMENSIONS = 8

Row = Mapping[str, Any]


class Lines:
    """Reads a product from each line of JSON; `refused` and `mended` say what is to be said of it."""

    def form_of(self, path: Path, name: str) -> str:
        if path.read_bytes()[:1] != b"{" and path.stat().st_size:
            msg = f"{name} is no catalogue."
            raise NoCatalogueError(msg)
        return "jsonl"

    def rows(self, path: Path, form: str, mapping: Mapping[str, str], skip: int) -> Iterator[ReadRow]:
        assert form == "jsonl"
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if number <= skip:
                    continue
                row = {mapping.get(name, name): value for name, value in json.loads(line).items()}
                yield self._row(number, row)

    @staticmethod
    def _row(number: int, row: dict[str, Any]) -> ReadRow:
        stamp = row.pop("stamp", None)
        remarks = tuple(Remark("mended", name, "It was mended.") for name in row.pop("mended", ()))
        if refused := row.pop("refused", None):
            return ReadRow(number, None, (*remarks, Remark("refused", refused, "It can't be used.")), asin=row["asin"])
        row["categories"] = tuple(row.get("categories", ()))
        return ReadRow(number, Product(**row), remarks, stamp)


class CountingEncoder:
    """Makes something of the letters of a text, and notes that it did."""

    model_id = "counting-8"
    dimensions = DIMENSIONS

    def __init__(self, before: Callable[[Sequence[str]], None] = lambda _texts: None) -> None:
        self.read: list[str] = []
        self._before = before

    async def query(self, text: str) -> Vectors:
        return self.documents([text])[0]

    def documents(self, texts: Sequence[str]) -> Vectors:
        self._before(texts)
        self.read += texts
        return np.array([vector_of(text) for text in texts], dtype=np.float32)


def vector_of(text: str) -> Vectors:
    digest = hashlib.blake2b(text.encode(), digest_size=DIMENSIONS).digest()
    vector = np.frombuffer(digest, np.uint8).astype(np.float32) + 1
    return vector / np.linalg.norm(vector)


class Shop:
    """One process's view of a database and a data directory."""

    def __init__(self, url: URL, folder: Path, clock: SettableClock | None = None) -> None:
        self.clock = clock or SettableClock()
        self.database = Database(url, pool_options(DatabaseSettings(), url))
        self.data = DataDirectory(folder)
        self.data.create()
        self.files = ImportFiles(self.data)
        self.encoder = CountingEncoder()
        self.source = Lines()
        self.service = ImportService(self.database, self.files, self.source, self.clock)
        self.imports = ImportRepository()

    def worker(self, told: Callable[[Claim], None] = lambda _claim: None, place: str | None = None) -> ImportWorker:
        claims = Claims(self.database, self.imports, place or self.files.place(), self.clock)
        return ImportWorker(self.database, self.files, claims, self.source, lambda: self.encoder, self.clock, told)

    def file(self, rows: Iterable[Row]) -> Path:
        """As it has just come."""
        path = self.data.new_incoming()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    async def begin(self, rows: Iterable[Row], **options: Any) -> str:
        return (await self.service.begin(self.file(rows), "chairs.jsonl", Options(**options))).id

    async def take(self, rows: Iterable[Row], **options: Any) -> CatalogueImport:
        """Import them, to the end, and serve them."""
        import_id = await self.begin(rows, **options)
        await self.worker().work()
        await self.publish()
        return await self.get(import_id)

    async def publish(self) -> bool:
        """As whoever owns the index does, when it has one."""
        async with self.database.write() as session:
            versions = await CatalogueRepository(session).versions()
            return await publish(session, versions.ready, self.clock())

    async def get(self, import_id: str) -> CatalogueImport:
        async with self.database.read() as session:
            return await self.service.get(session, import_id)

    async def served(self) -> dict[str, Product]:
        """The catalogue, as everybody sees it now."""
        async with self.database.read() as session:
            catalogue = CatalogueRepository(session)
            return {product.asin: product for _, product in await whole(catalogue, (await catalogue.versions()).served)}

    async def vectors(self) -> int:
        """How many of the products that are served have one, which is what it should be."""
        async with self.database.read() as session:
            catalogue = CatalogueRepository(session)
            versions = await catalogue.versions()
            products = [product for _, product in await whole(catalogue, versions.served)]
            hashes = {product.text_hash: product.text for product in products}
            found = await catalogue.vectors(versions.model_id or "", hashes)
            for text_hash, vector in found.items():
                np.testing.assert_allclose(vector, vector_of(hashes[text_hash]), atol=2e-3)
            return sum(product.text_hash in found for product in products)


async def whole(catalogue: CatalogueRepository, version: int) -> Found:
    found: Found = []
    while part := await catalogue.products(version, found[-1][0] if found else 0, 1000):
        found += part
    return found


def chair(number: int, **about: Any) -> dict[str, Any]:
    """A row."""
    row = {"asin": f"C{number}", "title": f"Chair {number}", "brand": f"Brand {number % 7}", "price_minor": 100}
    return {**row, "categories": ["Furniture", "Chairs"], **about}


def chairs(count: int, **about: Any) -> list[dict[str, Any]]:
    return [chair(number, **about) for number in range(count)]

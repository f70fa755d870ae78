"""Vectors in PostgreSQL, by its extension pgvector: in one backup with all else, and for several processes.

A table for each model. A row is of the versions from `since` until before `until`, as products are; which versions are
whole is in a table of its own, written by the transaction that made them so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.filters import Filters
from garaza.furniture.index.conditions import Among, Condition, Is, Within, Without, conditions
from garaza.furniture.index.linking import CANDIDATES
from garaza.furniture.index.port import (
    IndexSpec,
    IndexUnavailableError,
    LocalIndex,
    Nearest,
    Point,
    vectors_missing,
)
from garaza.kit.database import Database, DatabaseUnavailableError, ReadSession, WriteSession, is_outage

MAX_DIMENSIONS = 4000
"""That a halfvec may have to be linked."""
MOST_CANDIDATES = 1000
"""That pgvector allows."""
PART = 500
LONG_SECONDS = 3600
"""For linking many at once, which no statement of a request may take."""
MEMORY = "256MB"
"""For the links while they are made: 100,000 products. Beyond that it takes a few times longer."""
_ALONE = 0x6761_7661
"""Of the advisory lock that one has who prepares a version."""

_VERSIONS = """
CREATE TABLE IF NOT EXISTS furniture_index_versions (
    version bigint PRIMARY KEY, model_id text NOT NULL, place text NOT NULL, contents text
)"""
_TABLE = """
CREATE TABLE IF NOT EXISTS {place} (
    id bigint PRIMARY KEY, since bigint NOT NULL, until bigint, vector halfvec({dimensions}) NOT NULL,
    brand text, country text, categories text[], colors text[], materials text[], in_stock boolean,
    price float8, width_cm float8, depth_cm float8, height_cm float8, seal bigint
)"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS {place}_vector ON {place} USING hnsw (vector halfvec_ip_ops);
CREATE INDEX IF NOT EXISTS {place}_brand ON {place} (brand);
CREATE INDEX IF NOT EXISTS {place}_price ON {place} (price);
CREATE INDEX IF NOT EXISTS {place}_categories ON {place} USING gin (categories);
CREATE INDEX IF NOT EXISTS {place}_colors ON {place} USING gin (colors);
CREATE INDEX IF NOT EXISTS {place}_materials ON {place} USING gin (materials);
ANALYZE {place}
"""
"""Made after the first rows, which takes a quarter of what adding those one by one does."""
_PLAIN = ("brand", "country", "price", "width_cm", "depth_cm", "height_cm")
_SEVERAL = ("categories", "colors", "materials")
_COLUMNS = (*_PLAIN, *_SEVERAL, "in_stock")
_HERE = "since <= :version AND (until IS NULL OR until > :version)"
_SETTINGS = "SELECT set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', :ef, true)"
_QUERY = "CAST(CAST(:vector AS text) AS halfvec)"


class PgVectorMissingError(IndexUnavailableError):
    """There is a server, and it has no pgvector that can be used."""


class PgVectorIndex:
    """A VectorIndex in the database of this service."""

    def __init__(self, database: Database) -> None:
        self.name = "pgvector, in the database"
        self._database = database
        self._served: tuple[int, str] | None = None
        """The version, and the table it is in."""
        self._checked = False
        self._closed = False

    async def check(self) -> None:
        """Make what is needed, once.

        Raises:
            PgVectorMissingError: this server has none, or this user may not use it.
            IndexUnavailableError: it can't be reached.
        """
        if self._checked:
            return
        async with self._writing() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ALONE})
            try:
                await session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
            except DBAPIError as error:
                if is_outage(error):
                    raise
                raise PgVectorMissingError(
                    "PostgreSQL has no extension pgvector for this user: install it beside the server, or have an "
                    "administrator run CREATE EXTENSION vector, or name a Qdrant server"
                ) from error
            release = await session.scalar(text("SELECT extversion FROM pg_extension WHERE extname = 'vector'"))
            if tuple(int(part) for part in str(release).split(".")[:2]) < (0, 8):
                raise PgVectorMissingError(
                    f"pgvector {release} is too old, 0.8 is needed: ALTER EXTENSION vector UPDATE"
                )
            await session.execute(text(_VERSIONS))
            await _add_column(session, "furniture_index_versions", "contents text")
        self._checked = True

    async def has(self, spec: IndexSpec) -> bool:
        """See the port."""
        await self.check()
        async with self._reading() as session:
            place = await session.scalar(
                text(
                    "SELECT place FROM furniture_index_versions "
                    "WHERE version = :version AND model_id = :model_id AND contents = :contents"
                ),
                {"version": spec.version, "model_id": spec.model_id, "contents": spec.contents},
            )
            if place is None:
                return False
            there = await session.scalars(text(f"SELECT id FROM {place} WHERE {_HERE}"), {"version": spec.version})
            return set(there) == set(spec.ids)

    async def prepare(self, spec: IndexSpec, points: AsyncIterable[Sequence[Point]]) -> None:
        """See the port. One transaction: what breaks off leaves nothing."""
        await self.check()
        if spec.dimensions > MAX_DIMENSIONS:
            raise IndexUnavailableError(
                f"pgvector links up to {MAX_DIMENSIONS} dimensions, this model has {spec.dimensions}"
            )
        version, place = spec.version, _place(spec.model_id, spec.dimensions)
        async with self._writing() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ALONE})
            await session.execute(text(_TABLE.format(place=place, dimensions=spec.dimensions)))
            await _add_column(session, place, "seal bigint")
            # Of whatever was prepared, and never became what is served; or by a catalogue that was put back.
            given = {"version": version}
            await session.execute(text("DELETE FROM furniture_index_versions WHERE version >= :version"), given)
            await session.execute(text(f"DELETE FROM {place} WHERE since >= :version"), given)
            await session.execute(text(f"UPDATE {place} SET until = NULL WHERE until >= :version"), given)
            # Rows that ended earlier, and come back.
            wanted = sorted(set(spec.ids))
            await session.execute(
                text(f"DELETE FROM {place} WHERE until IS NOT NULL AND id = ANY(:ids)"), {"ids": wanted}
            )
            there = await self._seals(session, place, version)
            gone, missing = there.keys() - set(wanted), set(wanted) - there.keys()
            await session.execute(
                text(f"UPDATE {place} SET until = :version WHERE id = ANY(:ids)"), {**given, "ids": sorted(gone)}
            )
            async for part in points:
                # What is there by this id may be of another database.
                strange = [point.id for point in part if there.get(point.id) not in {None, _seal(point)}]
                if strange:
                    await session.execute(text(f"DELETE FROM {place} WHERE id = ANY(:ids)"), {"ids": strange})
                    missing.update(strange)
                if new := [_row(point, version) for point in part if point.id in missing]:
                    for start in range(0, len(new), PART):
                        await session.execute(text(_insert(place)), new[start : start + PART])
                    missing.difference_update(row["id"] for row in new)
            if missing:
                raise vectors_missing(len(missing))
            await _link(session, place)
            await session.execute(
                text("INSERT INTO furniture_index_versions VALUES (:version, :model_id, :place, :contents)"),
                {**given, "model_id": spec.model_id, "place": place, "contents": spec.contents},
            )

    async def serve(self, version: int) -> None:
        """See the port. Other processes may still be serving the version before: its rows go with the next one."""
        await self.check()
        async with self._writing() as session:
            given = {"version": version}
            place = await session.scalar(
                text("SELECT place FROM furniture_index_versions WHERE version = :version"), given
            )
            if place is None:
                raise IndexUnavailableError(f"version {version} isn't prepared")
            rows = await session.scalars(
                text("SELECT DISTINCT place FROM furniture_index_versions WHERE version < :version"), given
            )
            for other in set(rows) - {place}:
                await session.execute(text(f"DROP TABLE IF EXISTS {other}"))
            await session.execute(text("DELETE FROM furniture_index_versions WHERE version < :version"), given)
            await session.execute(text(f"DELETE FROM {place} WHERE until < :version"), given)
        self._served = version, place

    async def search(self, vector: Vectors, limit: int, filters: Filters) -> Nearest:
        """See the port."""
        version, place = self._now()
        where, given = _where(filters)
        given |= {"version": version, "limit": limit, "vector": _text(vector)}
        statement = (
            f"SELECT id, vector <#> {_QUERY} AS distance FROM {place} WHERE {_HERE}{where} "
            "ORDER BY distance LIMIT :limit"
        )
        async with self._reading() as session:
            await session.execute(text(_SETTINGS), {"ef": str(min(max(CANDIDATES, limit), MOST_CANDIDATES))})
            found = (await session.execute(text(statement), given)).all()
            if len(found) < limit:
                # Links lead past what few the filters leave: those are compared one by one.
                await session.execute(text("SELECT set_config('enable_indexscan', 'off', true)"))
                found = (await session.execute(text(statement), given)).all()
        return _nearest(found)

    async def scores(self, vector: Vectors, ids: Sequence[int]) -> NDArray[np.float32]:
        """See the port."""
        if not ids:
            return np.empty(0, np.float32)
        version, place = self._now()
        statement = f"SELECT id, vector <#> {_QUERY} AS distance FROM {place} WHERE id = ANY(:ids) AND {_HERE}"
        given = {"vector": _text(vector), "ids": sorted(set(ids)), "version": version}
        async with self._reading() as session:
            found = (await session.execute(text(statement), given)).all()
        return _nearest(found).scores_of(ids)

    def local(self) -> LocalIndex | None:
        """See the port."""
        return None

    async def close(self) -> None:
        """See the port. The database is somebody else's to close."""
        self._closed = True

    def _now(self) -> tuple[int, str]:
        if self._served is None:
            raise IndexUnavailableError("no version is served yet")
        return self._served

    async def _seals(self, session: AsyncSession, place: str, version: int) -> dict[int, int | None]:
        """By id; None: of an earlier release."""
        found = await session.execute(text(f"SELECT id, seal FROM {place} WHERE {_HERE}"), {"version": version})
        return {row.id: row.seal for row in found}

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ReadSession]:
        with _told(closed=self._closed):
            async with self._database.read() as session:
                yield session

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[WriteSession]:
        with _told(closed=self._closed):
            async with self._database.write() as session:
                yield session


def _nearest(found: Sequence[Any]) -> Nearest:
    # The operator gives the dot product with the other sign.
    return Nearest(
        np.array([row.id for row in found], np.int64), np.array([-row.distance for row in found], np.float32)
    )


@contextmanager
def _told(*, closed: bool) -> Iterator[None]:
    """Whatever happens to the database is told in the port's words."""
    if closed:
        raise IndexUnavailableError("the index was closed")
    try:
        yield
    except DatabaseUnavailableError as error:
        raise IndexUnavailableError("the database can't be reached") from error
    except SQLAlchemyError as error:
        raise IndexUnavailableError(f"the database couldn't: {type(error).__name__}") from error


async def _add_column(session: AsyncSession, table: str, column: str) -> None:
    """To what an earlier release made. Only then, as nobody can read it meanwhile."""
    name, _, _ = column.partition(" ")
    there = text("SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :name")
    if await session.scalar(there, {"table": table, "name": name}) is None:
        await session.execute(text(f"ALTER TABLE {table} ADD COLUMN {column}"))


async def _link(session: AsyncSession, place: str) -> None:
    for name, value in (("statement_timeout", "0"), ("maintenance_work_mem", MEMORY)):
        await session.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
    # The driver has a limit of its own, which only it can be told to forget.
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    try:
        await driver.execute(_INDEXES.format(place=place), timeout=LONG_SECONDS)
    except Exception as error:  # the driver's own, which SQLAlchemy doesn't see
        raise IndexUnavailableError(f"the vectors couldn't be linked: {error}") from error


def _place(model_id: str, dimensions: int) -> str:
    """Only hexadecimal digits of what comes from outside: it may be put into a statement."""
    digest = hashlib.sha256(f"{dimensions}/{model_id}".encode()).hexdigest()
    return f"furniture_vectors_{digest[:12]}"


def _insert(place: str) -> str:
    values = ", ".join(f":{name}" for name in _COLUMNS)
    names = f"id, since, seal, vector, {', '.join(_COLUMNS)}"
    return f"INSERT INTO {place} ({names}) VALUES (:id, :since, :seal, {_QUERY}, {values})"


def _row(point: Point, version: int) -> dict[str, Any]:
    known = {name: point.payload.get(name) for name in _COLUMNS}
    return {"id": point.id, "since": version, "seal": _seal(point), "vector": _text(point.vector), **known}


def _seal(point: Point) -> int:
    """Of another vector, or of a product that filters see otherwise, it is another one."""
    said = json.dumps(point.payload, sort_keys=True).encode()
    digest = hashlib.blake2b(point.vector.astype("<f2").tobytes() + said, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _text(vector: Vectors) -> str:
    return f"[{','.join(map(repr, vector.tolist()))}]"


def _where(filters: Filters) -> tuple[str, dict[str, Any]]:
    """What is put after other conditions, and its values. Names of columns are ours."""
    parts: list[str] = []
    given: dict[str, Any] = {}

    def value(content: object) -> str:
        name = f"value_{len(given)}"
        given[name] = content
        return f":{name}"

    for condition in conditions(filters):
        parts.extend(_said(condition, value))
    return "".join(f" AND {part}" for part in parts), given


def _said(condition: Condition, value: Callable[[object], str]) -> Iterator[str]:
    match condition:
        case Among(field, values) if field in _SEVERAL:
            yield f"{field} && CAST({value(list(values))} AS text[])"
        case Among(field, values):
            yield f"{field} = ANY({value(list(values))})"
        case Without(field, values) if field in _SEVERAL:
            yield f"({field} IS NULL OR NOT {field} && CAST({value(list(values))} AS text[]))"
        case Without(field, values):
            yield f"({field} IS NULL OR {field} <> ALL({value(list(values))}))"
        case Within(field, span):
            if span.least is not None:
                yield f"{field} >= {value(float(span.least))}"
            if span.most is not None:
                yield f"{field} <= {value(float(span.most))}"
        case Is(field, flag):
            yield f"{field} = {value(flag)}"

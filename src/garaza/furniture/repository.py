"""All SQL that reads the catalogue. Writing it is in `importing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import CTE, ColumnElement, Select, and_, exists, func, or_, select

from garaza.furniture.embedding.port import Vectors
from garaza.furniture.models import Catalogue, ProductCategory, ProductRow, ProductVector
from garaza.furniture.products import Product
from garaza.furniture.stored import from_row
from garaza.kit.database import ReadSession
from garaza.kit.models import unindexed
from garaza.kit.pagination import COUNTED_ROWS

MANY = 1000
"""Rows that one query is asked for at most, be it by name or one after the other."""
_MANY_CATEGORIES = 100
_LAST_LETTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Versions:
    """Which version is which; see `Catalogue`."""

    served: int = 0
    ready: int = 0
    next: int = 1
    model_id: str | None = None
    """Of the vectors of `ready`."""
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Reembedding:
    """How many texts another model has read, of how many; 0 of 0 before it begins."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Of one version."""

    total_products: int
    unique_brands: int
    unique_categories: int
    products_with_price: int
    products_in_stock: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A brand or a country, and how many products are of it."""

    key: str
    name: str
    count: int


Found = list[tuple[int, Product]]
"""Each with the id of its row."""


class CatalogueRepository:
    """Reads within one transaction; lists are asked for at most MANY at a time."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def versions(self) -> Versions:
        row = (await self._session.execute(_VERSIONS)).first()
        return Versions() if row is None else Versions(*row)

    # Products ----------------------------------------------------------------------------------------------------

    async def products(self, version: int, after_id: int, limit: int) -> Found:
        """In the order of their ids."""
        after = _PRODUCTS.where(ProductRow.id > after_id, _in(version))
        return await self._found(after.order_by(ProductRow.id).limit(limit))

    async def by_ids(self, version: int, ids: Iterable[int]) -> dict[int, Product]:
        return dict(await self._found(_PRODUCTS.where(ProductRow.id.in_(list(ids)), _in(version))))

    async def by_asins(self, version: int, asins: Iterable[str]) -> dict[str, tuple[int, Product]]:
        """By asin, in one query."""
        found = await self._found(_PRODUCTS.where(ProductRow.asin.in_(list(asins)), _in(version)))
        return {product.asin: (row_id, product) for row_id, product in found}

    async def of_brand(self, version: int, key: str, limit: int, offset: int = 0) -> Found:
        """By title."""
        own = _PRODUCTS.where(ProductRow.brand_key == key, _in(version))
        return await self._found(own.order_by(ProductRow.title, ProductRow.id).limit(limit).offset(offset))

    async def count_of_brand(self, version: int, key: str) -> int:
        return await self._count(select(ProductRow.id).where(ProductRow.brand_key == key, _in(version)))

    async def categories_like(self, version: int, key: str) -> list[str]:
        """The category of this key; or, where there is none, those whose keys begin with it."""
        of_key = select(ProductCategory.product_id).where(ProductCategory.key == key)
        if await self._session.scalar(of_key.join(ProductRow, _ROW).where(_in(version)).limit(1)) is not None:
            return [key]
        keys = _keys(key)
        wanted = select(keys.c.key).where(keys.c.key.is_not(None), _has_products(keys, version))
        return list(await self._session.scalars(wanted.limit(_MANY_CATEGORIES)))

    async def of_category(self, version: int, keys: Sequence[str], limit: int, offset: int = 0) -> Found:
        """Of any of these, as `categories_like` finds them, in the order of their ids."""
        own = _PRODUCTS.where(ProductRow.id.in_(_of_categories(keys)), _in(version))
        return await self._found(own.order_by(ProductRow.id).limit(limit).offset(offset))

    async def count_of_category(self, version: int, keys: Sequence[str]) -> int:
        return await self._count(select(ProductRow.id).where(ProductRow.id.in_(_of_categories(keys)), _in(version)))

    async def _count(self, wanted: Select[int]) -> int:
        """COUNTED_ROWS at most."""
        some = wanted.limit(COUNTED_ROWS).subquery()
        return await self._session.scalar(select(func.count()).select_from(some)) or 0

    async def _found(self, statement: Select[int, Any]) -> Found:
        return [(row_id, from_row(data)) for row_id, data in await self._session.execute(statement)]

    # Vectors -----------------------------------------------------------------------------------------------------

    async def vectors(self, model_id: str, hashes: Iterable[bytes]) -> dict[bytes, Vectors]:
        """What this model made of these texts: float32, [dimensions], of unit length; those that there are."""
        own = (ProductVector.model_id == model_id, ProductVector.text_hash.in_(list(hashes)))
        statement = select(ProductVector.text_hash, ProductVector.vector).where(*own)
        return {text_hash: _vector(kept) for text_hash, kept in await self._session.execute(statement)}

    # Figures -----------------------------------------------------------------------------------------------------

    async def stats(self, version: int) -> Stats:
        """Reads an index of the whole catalogue: to be remembered by whoever asks, as it holds for the version."""
        counts = select(
            func.count(),
            func.count(ProductRow.brand_key.distinct()),
            func.count(ProductRow.price_minor),
            func.count().filter(ProductRow.in_stock.is_(True)),
        ).where(_in(version))
        total, brands, priced, in_stock = (await self._session.execute(counts)).one()
        keys = _keys("")
        named = select(func.count()).select_from(keys).where(keys.c.key.is_not(None), _has_products(keys, version))
        return Stats(total, brands, await self._session.scalar(named) or 0, priced, in_stock)

    async def brands(self, version: int, limit: int) -> list[Counted]:
        """Those with the most products first. As `stats`."""
        count = func.count().label("count")
        own = select(ProductRow.brand_key, func.max(ProductRow.brand), count).where(
            ProductRow.brand_key.is_not(None), _in(version)
        )
        ordered = own.group_by(ProductRow.brand_key).order_by(count.desc(), ProductRow.brand_key).limit(limit)
        return [Counted(str(key), str(name), n) for key, name, n in await self._session.execute(ordered)]

    async def countries(self, version: int) -> list[Counted]:
        """As `brands`; their keys and names are ISO codes."""
        count = func.count().label("count")
        own = select(ProductRow.country, count).where(ProductRow.country.is_not(None), _in(version))
        ordered = own.group_by(ProductRow.country).order_by(count.desc(), ProductRow.country)
        return [Counted(str(code), str(code), n) for code, n in await self._session.execute(ordered)]


CATALOGUE_CHANNEL = "garaza_catalogue"
"""PostgreSQL's, on which it is told that there is another version."""

_VERSIONS = select(
    Catalogue.version, Catalogue.ready_version, Catalogue.next_version, Catalogue.model_id, Catalogue.changed_at
)
_PRODUCTS = select(ProductRow.id, ProductRow.data)
_ROW = ProductRow.id == ProductCategory.product_id


def _in(version: int) -> ColumnElement[bool]:
    """Of those that this version has. All are found by something else: most products are in most versions."""
    since, until = unindexed(ProductRow.since), unindexed(ProductRow.until)
    return and_(since <= version, or_(until.is_(None), until > version))


def _of_categories(keys: Sequence[str]) -> Select[int]:
    return select(ProductCategory.product_id).where(ProductCategory.key.in_(list(keys)))


def _keys(beginning: str) -> CTE:
    """Keys of categories that begin like this, each once, and NULL.

    From one to the next by the index: a category has thousands of rows, and they needn't be read to get past it.
    """
    key, end = ProductCategory.key, ProductCategory.key < beginning + _LAST_LETTER
    first = select(func.min(key).label("key")).where(key >= beginning, end).cte("keys", recursive=True)
    following = select(func.min(key)).where(key > first.c.key, end)
    return first.union_all(select(following.scalar_subquery()).where(first.c.key.is_not(None)))


def _has_products(keys: CTE, version: int) -> ColumnElement[bool]:
    own = ProductCategory.key == keys.c.key
    return exists().where(own, _ROW, _in(version))


def _vector(kept: bytes) -> Vectors:
    vector = np.frombuffer(kept, "<f2").astype(np.float32)
    # Half precision leaves it a little off.
    return vector / np.linalg.norm(vector)


def kept_vector(vector: Vectors) -> bytes:
    """As it lies in the database."""
    return vector.astype("<f2").tobytes()

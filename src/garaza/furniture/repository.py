"""All SQL that reads the catalogue. Writing it is in `importing`."""

from __future__ import annotations

from collections.abc import Iterable
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

MANY = 1000
"""Rows that one query is asked for at most, be it by name or one after the other."""


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
        """For a command. Reads an index of the whole catalogue, which the service needn't: see `search.listing`."""
        counts = select(
            func.count(),
            func.count(ProductRow.brand_key.distinct()),
            func.count(ProductRow.price_minor),
            func.count().filter(ProductRow.in_stock.is_(True)),
        ).where(_in(version))
        total, brands, priced, in_stock = (await self._session.execute(counts)).one()
        keys = _keys()
        named = select(func.count()).select_from(keys).where(keys.c.key.is_not(None), _has_products(keys, version))
        return Stats(total, brands, await self._session.scalar(named) or 0, priced, in_stock)


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


def _keys() -> CTE:
    """Keys of categories, each once, and NULL.

    From one to the next by the index: a category has thousands of rows, and they needn't be read to get past it.
    """
    key = ProductCategory.key
    first = select(func.min(key).label("key")).cte("keys", recursive=True)
    following = select(func.min(key)).where(key > first.c.key)
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

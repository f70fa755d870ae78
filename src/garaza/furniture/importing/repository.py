"""All SQL of imports, and of what they write; and of making it what is served."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, exists, func, insert, select, tuple_, update

from garaza.furniture.importing.states import WORKING, ImportState
from garaza.furniture.models import (
    Catalogue,
    CatalogueImport,
    ImportedAsin,
    ImportNote,
    ProductCategory,
    ProductRow,
    ProductVector,
)
from garaza.furniture.repository import CATALOGUE_CHANNEL
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.models import inserting, unindexed
from garaza.kit.pagination import Page, Paging, page_of, read_page

_UNSYNCED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Here:
    """A row of a product, as an import finds it."""

    id: int
    since: int
    until: int | None
    source: str
    data_hash: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """Where in its file an import came across an asin."""

    row: int
    stamp: float | None


class ImportRepository:
    """Reads and writes rows; knows no rules."""

    # Which version is which ---------------------------------------------------------------------------------------

    async def lock(self, session: WriteSession, now: float) -> Catalogue:
        """The row of the catalogue, which nobody else changes until this transaction ends; made where there is none."""
        values = {"id": 1, "version": 0, "ready_version": 0, "next_version": 1, "changed_at": now}
        made = inserting(session)(Catalogue).values(**values)
        await session.execute(made.on_conflict_do_nothing(index_elements=[Catalogue.id]))
        own = select(Catalogue).where(Catalogue.id == 1).with_for_update()
        return (await session.scalars(own)).one()

    async def is_empty(self, session: ReadSession) -> bool:
        """Whether there is no version yet."""
        return not await session.scalar(select(Catalogue.ready_version))

    # Imports -----------------------------------------------------------------------------------------------------

    async def add(self, session: WriteSession, one: CatalogueImport) -> None:
        session.add(one)
        await session.flush()

    async def get(self, session: ReadSession, import_id: str) -> CatalogueImport | None:
        statement = select(CatalogueImport).where(CatalogueImport.id == import_id)
        # As it is now, whatever this session has read before.
        return (await session.scalars(statement.execution_options(populate_existing=True))).first()

    async def page(self, session: ReadSession, wanted: Paging) -> Page[CatalogueImport]:
        """Newest first."""
        return await read_page(
            session, select(CatalogueImport), (CatalogueImport.created_at, CatalogueImport.id), wanted
        )

    async def newest(self, session: ReadSession, limit: int) -> Sequence[CatalogueImport]:
        """So many, the newest first. Unlike a page it doesn't count the others."""
        order = CatalogueImport.created_at.desc(), CatalogueImport.id.desc()
        return (await session.scalars(select(CatalogueImport).order_by(*order).limit(limit))).all()

    async def open(self, session: ReadSession) -> Sequence[CatalogueImport]:
        """Those that haven't ended, the oldest first. There are few: each waits for the one before."""
        statement = select(CatalogueImport).where(CatalogueImport.ended_at.is_(None))
        found = (await session.scalars(statement)).all()
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def hold(self, session: WriteSession, one: CatalogueImport) -> None:
        """Nobody else changes it until this transaction ends; it is as the last one who did has left it."""
        await session.refresh(one, with_for_update=True)

    async def change(self, session: WriteSession, import_id: str, owner: str, values: Mapping[str, Any]) -> str | None:
        """Change one that hasn't ended and that this owner has leased; its state, None where it is another's now.

        The row stays locked until this transaction ends: what is written in it is written by the owner.
        """
        statement = (
            update(CatalogueImport)
            .where(
                CatalogueImport.id == import_id,
                CatalogueImport.lease_owner == owner,
                CatalogueImport.ended_at.is_(None),
            )
            .values(**values)
            .execution_options(**_UNSYNCED)
            .returning(CatalogueImport.state)
        )
        return (await session.execute(statement)).scalar()

    async def forget(self, session: WriteSession, before: float, limit: int) -> int:
        """Take rows of imports that began and ended before, with their notes; how many rows that were."""
        old = (
            select(CatalogueImport.id)
            .where(CatalogueImport.created_at < before, unindexed(CatalogueImport.ended_at).is_not(None))
            .order_by(CatalogueImport.created_at, CatalogueImport.id)
            .limit(1)
        )
        import_id = await session.scalar(old)
        return 0 if import_id is None else await self._forget_some(session, import_id, limit)

    async def _forget_some(self, session: WriteSession, import_id: str, limit: int) -> int:
        """Of the notes of an import; or itself, when there is none left."""
        if notes := await self._forget_notes(session, import_id, limit):
            return notes
        await session.execute(delete(CatalogueImport).where(CatalogueImport.id == import_id))
        return 1

    async def _forget_notes(self, session: WriteSession, import_id: str, limit: int) -> int:
        some = select(ImportNote.row).where(ImportNote.import_id == import_id).order_by(ImportNote.row).limit(limit)
        rows = list(await session.scalars(some))
        if rows:
            own = (ImportNote.import_id == import_id, ImportNote.row <= rows[-1])
            await session.execute(delete(ImportNote).where(*own).execution_options(**_UNSYNCED))
        return len(rows)

    # Notes -------------------------------------------------------------------------------------------------------

    async def add_notes(self, session: WriteSession, notes: Sequence[Mapping[str, Any]]) -> None:
        await session.execute(insert(ImportNote), notes)

    async def notes(self, session: ReadSession, import_id: str, wanted: Paging) -> Page[ImportNote]:
        """In the order of the file."""
        key = tuple_(ImportNote.row, ImportNote.place)
        statement = select(ImportNote).where(ImportNote.import_id == import_id)
        if wanted.place is None:
            statement = statement.order_by(ImportNote.row, ImportNote.place).offset(wanted.offset)
        elif wanted.place.backwards:
            statement = statement.where(key < wanted.place.key)
            statement = statement.order_by(ImportNote.row.desc(), ImportNote.place.desc())
        else:
            statement = statement.where(key > wanted.place.key).order_by(ImportNote.row, ImportNote.place)
        rows = (await session.scalars(statement.limit(wanted.page_size + 1))).all()
        return page_of(list(rows), (ImportNote.row, ImportNote.place), wanted, None)

    # What an import has come across -------------------------------------------------------------------------------

    async def seen(self, session: ReadSession, import_id: str, asins: Collection[str]) -> dict[str, Seen]:
        own = (ImportedAsin.import_id == import_id, ImportedAsin.asin.in_(list(asins)))
        statement = select(ImportedAsin.asin, ImportedAsin.row, ImportedAsin.stamp).where(*own)
        return {asin: Seen(row, stamp) for asin, row, stamp in await session.execute(statement)}

    async def note_seen(self, session: WriteSession, import_id: str, seen: Mapping[str, Seen]) -> None:
        statement = inserting(session)(ImportedAsin)
        statement = statement.on_conflict_do_update(
            index_elements=[ImportedAsin.import_id, ImportedAsin.asin],
            set_={"row": statement.excluded.row, "stamp": statement.excluded.stamp},
        )
        rows = [
            {"import_id": import_id, "asin": asin, "row": one.row, "stamp": one.stamp} for asin, one in seen.items()
        ]
        await session.execute(statement, rows)

    async def forget_seen(self, session: WriteSession, import_id: str, limit: int) -> int:
        own = ImportedAsin.import_id == import_id
        some = list(
            await session.scalars(select(ImportedAsin.asin).where(own).order_by(ImportedAsin.asin).limit(limit))
        )
        if some:
            gone = delete(ImportedAsin).where(own, ImportedAsin.asin <= some[-1])
            await session.execute(gone.execution_options(**_UNSYNCED))
        return len(some)

    # Products ----------------------------------------------------------------------------------------------------

    async def here(self, session: ReadSession, asins: Collection[str], version: int) -> dict[str, list[Here]]:
        """Rows of these products that an import of this version may have to do with."""
        row = ProductRow
        statement = select(row.asin, row.id, row.since, row.until, row.source, row.data_hash).where(
            row.asin.in_(list(asins)), unindexed(row.until).is_(None) | (unindexed(row.until) == version)
        )
        found: dict[str, list[Here]] = {}
        for asin, row_id, since, until, source, data_hash in await session.execute(statement):
            found.setdefault(asin, []).append(Here(row_id, since, until, source, data_hash))
        return found

    async def add_products(
        self, session: WriteSession, rows: Sequence[Mapping[str, Any]], categories: Sequence[Sequence[dict[str, Any]]]
    ) -> None:
        """Each with its categories."""
        made = insert(ProductRow).returning(ProductRow.id, sort_by_parameter_order=True)
        ids = list(await session.scalars(made, list(rows)))
        await self.add_categories(session, dict(zip(ids, categories, strict=True)))

    async def add_categories(
        self, session: WriteSession, categories: Mapping[int, Sequence[Mapping[str, Any]]]
    ) -> None:
        """By the ids of products that have none."""
        rows = [{"product_id": row_id, **one} for row_id, own in categories.items() for one in own]
        if rows:
            await session.execute(insert(ProductCategory), rows)

    async def change_product(
        self, session: WriteSession, row_id: int, values: Mapping[str, Any], categories: Sequence[Mapping[str, Any]]
    ) -> None:
        """One that no reader has seen yet."""
        changed = update(ProductRow).where(ProductRow.id == row_id).values(**values)
        await session.execute(changed.execution_options(**_UNSYNCED))
        await session.execute(
            delete(ProductCategory).where(ProductCategory.product_id == row_id).execution_options(**_UNSYNCED)
        )
        await self.add_categories(session, {row_id: categories})

    async def end_products(self, session: WriteSession, ids: Collection[int], version: int | None) -> None:
        """From this version on they aren't there any more; None: they are after all."""
        changed = update(ProductRow).where(ProductRow.id.in_(list(ids))).values(until=version)
        await session.execute(changed.execution_options(**_UNSYNCED))

    async def remove_products(self, session: WriteSession, ids: Collection[int]) -> None:
        await session.execute(delete(ProductRow).where(ProductRow.id.in_(list(ids))).execution_options(**_UNSYNCED))

    async def window(self, session: ReadSession, version: int, after_id: int, limit: int) -> list[tuple[int, bytes]]:
        """Ids of products that this version has, in their order, and of their texts."""
        since, until = unindexed(ProductRow.since), unindexed(ProductRow.until)
        own = ProductRow.id > after_id, since <= version, until.is_(None) | (until > version)
        statement = select(ProductRow.id, ProductRow.text_hash).where(*own).order_by(ProductRow.id).limit(limit)
        return [(row[0], row[1]) for row in await session.execute(statement)]

    async def absent(self, session: ReadSession, import_id: str, ids: Collection[int], *, sample: bool) -> list[int]:
        """Those of these that the import hasn't come across, be it only of the sample."""
        own = (ImportedAsin.import_id == import_id, ImportedAsin.asin == ProductRow.asin)
        statement = select(ProductRow.id).where(ProductRow.id.in_(list(ids)), ~exists().where(*own))
        if sample:
            statement = statement.where(ProductRow.source == "sample")
        return list(await session.scalars(statement))

    # Vectors -----------------------------------------------------------------------------------------------------

    async def embedded(self, session: ReadSession, model_id: str, hashes: Collection[bytes]) -> set[bytes]:
        """Those of these texts whose vectors are here."""
        own = (ProductVector.model_id == model_id, ProductVector.text_hash.in_(list(hashes)))
        return set(await session.scalars(select(ProductVector.text_hash).where(*own)))

    async def data(self, session: ReadSession, ids: Collection[int]) -> dict[int, dict[str, Any]]:
        statement = select(ProductRow.id, ProductRow.data).where(ProductRow.id.in_(list(ids)))
        return {row[0]: row[1] for row in await session.execute(statement)}

    async def add_vectors(self, session: WriteSession, model_id: str, vectors: Mapping[bytes, bytes]) -> None:
        """Of texts; what is there stays."""
        statement = inserting(session)(ProductVector).on_conflict_do_nothing(
            index_elements=[ProductVector.model_id, ProductVector.text_hash]
        )
        rows = [{"model_id": model_id, "text_hash": text, "vector": vector} for text, vector in vectors.items()]
        await session.execute(statement, rows)

    # Taking away -------------------------------------------------------------------------------------------------

    async def written(self, session: ReadSession, version: int, limit: int) -> list[tuple[int, bytes]]:
        """Products that are new with this version, and their texts."""
        own = select(ProductRow.id, ProductRow.text_hash).where(ProductRow.since == version).limit(limit)
        return [(row[0], row[1]) for row in await session.execute(own)]

    async def ended(self, session: ReadSession, version: int, limit: int) -> list[int]:
        """Products that this version is the first without."""
        own = select(ProductRow.id).where(ProductRow.until.is_not(None), ProductRow.until == version)
        return list(await session.scalars(own.limit(limit)))

    async def past(self, session: ReadSession, version: int, limit: int) -> list[tuple[int, bytes]]:
        """Products that neither this version nor a later one has."""
        own = select(ProductRow.id, ProductRow.text_hash).where(
            ProductRow.until.is_not(None), ProductRow.until <= version
        )
        return [(row[0], row[1]) for row in await session.execute(own.order_by(ProductRow.until).limit(limit))]

    async def models(self, session: ReadSession) -> list[str]:
        """That there are vectors of."""
        first = select(func.min(ProductVector.model_id).label("model_id")).cte("models", recursive=True)
        following = select(func.min(ProductVector.model_id)).where(ProductVector.model_id > first.c.model_id)
        every = first.union_all(select(following.scalar_subquery()).where(first.c.model_id.is_not(None)))
        return list(await session.scalars(select(every.c.model_id).where(every.c.model_id.is_not(None))))

    async def remove_vectors(self, session: WriteSession, models: Iterable[str], hashes: Collection[bytes]) -> None:
        """Of those of these texts that no product has any more."""
        own = (ProductVector.model_id.in_(list(models)), ProductVector.text_hash.in_(list(hashes)))
        gone = delete(ProductVector).where(*own, ~exists().where(ProductRow.text_hash == ProductVector.text_hash))
        await session.execute(gone.execution_options(**_UNSYNCED))

    async def remove_model(self, session: WriteSession, model_id: str, limit: int) -> int:
        """Vectors of a model; how many."""
        own = ProductVector.model_id == model_id
        some = select(ProductVector.text_hash).where(own).order_by(ProductVector.text_hash).limit(limit)
        hashes = list(await session.scalars(some))
        if hashes:
            gone = delete(ProductVector).where(own, ProductVector.text_hash <= hashes[-1])
            await session.execute(gone.execution_options(**_UNSYNCED))
        return len(hashes)

    # The end -----------------------------------------------------------------------------------------------------

    async def ready(self, session: WriteSession, version: int, model_id: str) -> None:
        """All of this version is here."""
        changed = update(Catalogue).where(Catalogue.id == 1).values(ready_version=version, model_id=model_id)
        await session.execute(changed.execution_options(**_UNSYNCED))
        await tell(session)

    async def cancel(self, session: WriteSession, import_id: str, states: Iterable[ImportState], now: float) -> bool:
        """Mark one that is in one of these states, and end it if nothing was written; False: there is none such."""
        untouched = CatalogueImport.version.is_(None)
        statement = (
            update(CatalogueImport)
            .where(CatalogueImport.id == import_id, CatalogueImport.state.in_([state.value for state in states]))
            .values(state=ImportState.CANCELLED.value, ended_at=case((untouched, now), else_=None))
            .execution_options(**_UNSYNCED)
            .returning(CatalogueImport.id)
        )
        return (await session.execute(statement)).first() is not None

    async def give_up(self, session: WriteSession, import_id: str, reason: str) -> None:
        """Mark it as failed, whoever works at it."""
        statement = (
            update(CatalogueImport)
            .where(CatalogueImport.id == import_id, CatalogueImport.state.in_([state.value for state in WORKING]))
            .values(state=ImportState.FAILED.value, error=reason, lease_owner=None, lease_expires_at=None)
        )
        await session.execute(statement.execution_options(**_UNSYNCED))


async def tell(session: WriteSession) -> None:
    """Have all services look, once this transaction is committed. SQLite's hear of each commit anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_notify(CATALOGUE_CHANNEL, "")))


async def publish(session: WriteSession, version: int, now: float) -> bool:
    """From the end of this transaction on, this version is served; imports that made it, or one before, are done.

    False: it isn't ready, or it, or a later one, is served already.
    """
    flipped = (
        update(Catalogue)
        .where(Catalogue.version < version, Catalogue.ready_version >= version)
        .values(version=version, changed_at=now)
        .execution_options(synchronize_session=False)
        .returning(Catalogue.id)
    )
    if (await session.execute(flipped)).first() is None:
        return False
    await tell(session)
    await session.execute(
        update(CatalogueImport)
        .where(
            CatalogueImport.ended_at.is_(None),
            CatalogueImport.state == ImportState.INDEXING,
            CatalogueImport.version <= version,
        )
        .values(state=ImportState.PUBLISHED.value, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    return True

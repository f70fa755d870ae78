"""What an import wrote that nobody is to see is taken away, as if it had never begun; some rows at a time."""

from __future__ import annotations

from garaza.furniture.importing.repository import ImportRepository
from garaza.furniture.importing.states import ImportState
from garaza.kit.database import ReadSession, WriteSession

AT_ONCE = 500
"""Rows that a transaction changes: others want to write meanwhile."""


async def undo_some(session: WriteSession, imports: ImportRepository, import_id: str, version: int) -> bool:
    """A step of it; False: nothing is left to be done."""
    if written := await imports.written(session, version, AT_ONCE):
        await remove_products(session, imports, written)
        return True
    if ended := await imports.ended(session, version, AT_ONCE):
        await imports.end_products(session, ended, None)
        return True
    return await imports.forget_seen(session, import_id, AT_ONCE) > 0


async def remove_products(session: WriteSession, imports: ImportRepository, rows: list[tuple[int, bytes]]) -> None:
    """With the vectors of those of their texts that no product has any more."""
    await imports.remove_products(session, [row_id for row_id, _ in rows])
    models = await imports.models(session)
    if models:
        await imports.remove_vectors(session, models, {text_hash for _, text_hash in rows})


async def is_anybody_at_it(session: ReadSession, imports: ImportRepository) -> bool:
    """Whether an import goes on, which may count on any text's vector that it has seen."""
    return any(one.state != ImportState.INDEXING for one in await imports.open(session))

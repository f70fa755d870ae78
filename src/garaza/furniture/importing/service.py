"""The rules of imports: what is taken in, what is told of it, and what goes when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from garaza.errors import GarazaError, not_found
from garaza.furniture.embedding.port import Vectors
from garaza.furniture.importing.files import ImportFiles, sha256_of
from garaza.furniture.importing.port import Source
from garaza.furniture.importing.repository import ImportRepository, tell
from garaza.furniture.importing.rows import Changes
from garaza.furniture.importing.states import GIVEN_UP, MODEL_FORM, WORKING, ImportState, Options, counts_of
from garaza.furniture.importing.undoing import AT_ONCE, is_anybody_at_it, remove_products
from garaza.furniture.models import Catalogue, CatalogueImport, ImportNote
from garaza.furniture.products import Product
from garaza.furniture.repository import Reembedding, kept_vector
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.pagination import Page, Paging

MOST_WAITING = 20
"""Imports that haven't ended. Their files lie on this disk."""
GRACE_SECONDS = 600.0
"""A version may be read for so long after another one has taken its place: not all processes hear of that at once."""
MODEL_GRACE_SECONDS = 3600.0
"""Whoever doesn't like what another model finds has the one before back at once, for so long."""
KEEP_SECONDS = 90 * 24 * 3600.0
"""What became of an import can be read for so long."""
_FILE_GRACE_SECONDS = 3600.0
"""A file is here for a moment before its row is; this is a long moment."""
_MAX_NAME_LETTERS = 255
_LATEST = 50

Sample = tuple[Iterable[Product], str, Mapping[bytes, Vectors]]
"""Products, the model, and what it makes of their texts."""


class ImportService:
    """Callers own the transactions where a session is a parameter."""

    def __init__(self, database: Database, files: ImportFiles, source: Source, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._source = source
        self._clock = clock
        self._imports = ImportRepository()

    # Files come --------------------------------------------------------------------------------------------------

    async def begin(self, received: Path, name: str, options: Options, user_id: int | None = None) -> CatalogueImport:
        """Take in a file that has come whole, or give the import that goes on with the same one. It is gone from where
        it was, whatever comes of it.

        Raises:
            NoCatalogueError
            GarazaError: 409, too many are waiting.
        """
        import_id = new_id()
        try:
            form = await asyncio.to_thread(self._source.form_of, received, name)
            sha256 = await asyncio.to_thread(sha256_of, received)
            place = await asyncio.to_thread(self._files.place)
            # The file first: a row without a file would be an import that can't be done.
            await asyncio.to_thread(self._files.keep, received, import_id)
            now = self._clock()
            made = CatalogueImport(
                id=import_id,
                state=ImportState.QUEUED.value,
                name=name[:_MAX_NAME_LETTERS] or "catalogue",
                place=place,
                form=form,
                sha256=sha256,
                options=options.told(),
                rows_read=0,
                counts=dict(counts_of({})),
                user_id=user_id,
                created_at=now,
            )
            async with self._database.write() as session:
                found = await self._add(session, made, now)
        except BaseException:
            await asyncio.to_thread(self._forget, received, import_id)
            raise
        if found is not made:
            await asyncio.to_thread(self._forget, received, import_id)
        return found

    async def _add(self, session: WriteSession, made: CatalogueImport, now: float) -> CatalogueImport:
        # Others who send the same file at the same time wait here.
        await self._imports.lock(session, now)
        waiting = await self._imports.open(session)
        for one in waiting:
            same = (one.sha256, one.form, one.options, one.place) == (made.sha256, made.form, made.options, made.place)
            if same and one.state in WORKING:
                return one
        if len(waiting) >= MOST_WAITING:
            detail = f"{MOST_WAITING} files wait to be imported already. Send this one when some of them are done."
            raise GarazaError(409, "too_many_imports", detail)
        await self._imports.add(session, made)
        return made

    def _forget(self, received: Path, import_id: str) -> None:
        received.unlink(missing_ok=True)
        self._files.remove(import_id)

    # What is told ------------------------------------------------------------------------------------------------

    async def get(self, session: ReadSession, import_id: str) -> CatalogueImport:
        """
        Raises:
            GarazaError: 404.
        """
        found = await self._imports.get(session, import_id) if is_id(import_id) else None
        if found is None:
            raise not_found("import")
        return found

    async def page(self, session: ReadSession, wanted: Paging) -> Page[CatalogueImport]:
        """Newest first: `paging(float, str)`."""
        return await self._imports.page(session, wanted)

    async def open(self, session: ReadSession) -> Sequence[CatalogueImport]:
        """Those that haven't ended, the oldest first."""
        return await self._imports.open(session)

    async def latest(self, session: ReadSession) -> Sequence[CatalogueImport]:
        """Those that haven't ended, and the newest of the others."""
        open_ = await self._imports.open(session)
        newest = await self._imports.newest(session, _LATEST)
        return list({one.id: one for one in (*newest, *open_)}.values())

    async def notes(self, session: ReadSession, import_id: str, wanted: Paging) -> Page[ImportNote]:
        """In the order of the file: `paging(int, int)`."""
        return await self._imports.notes(session, import_id, wanted)

    async def cancel(self, session: WriteSession, import_id: str) -> CatalogueImport:
        """Have it taken away again. What it wrote goes soon after.

        Raises:
            GarazaError: 404; 409, it is too late.
        """
        one = await self.get(session, import_id)
        done = await self._imports.cancel(session, import_id, WORKING, self._clock())
        if not done and one.state not in GIVEN_UP:
            detail = "It is in the catalogue already. Import a file again to have that as it was."
            raise GarazaError(409, "import_done", detail, state=one.state)
        return await self.get(session, import_id)

    async def give_up(self, import_id: str, reason: str) -> None:
        """It can't be done here: whoever tries dies of it. Owns its transaction."""
        async with self._database.write() as session:
            await self._imports.give_up(session, import_id, reason)

    async def waits(self) -> str | None:
        """The import that comes next, if there are some that the service is to see to; None: nothing is to be done.

        What commands have begun is theirs, as long as nothing waits for it.
        """
        async with self._database.read() as session:
            found = [one for one in await self._imports.open(session) if one.state != ImportState.INDEXING]
        place = await asyncio.to_thread(self._files.place)
        if not any(one.options.get("uploaded") or one.state in GIVEN_UP for one in found):
            return None
        first = found[0]
        if first.place != place and first.state not in GIVEN_UP:
            return None
        alive = (first.lease_expires_at or 0) > self._clock()
        return None if alive and not (first.lease_owner or "").startswith(f"{place}-") else first.id

    # Another model -----------------------------------------------------------------------------------------------

    async def follow_model(self, model_id: str, *, insist: bool) -> Reembedding | None:
        """Have this model read the catalogue, which was read by another one; how far that has come. None: it waits, or
        isn't to be done. Owns its transactions.

        It is an import of the catalogue itself: a version with the same products, whose vectors are the new model's.

        Args:
            insist: False: not if another model's turn was just before. Of services that share a database, and don't
                agree on their model, none would ever give in.
        """
        async with self._database.read() as session:
            waiting = await self._imports.open(session)
        if not waiting:
            async with self._database.write() as session:
                waiting = await self._begin_model(session, model_id, insist=insist)
        own = next((one for one in waiting if one.form == MODEL_FORM and one.state in WORKING), None)
        if own is None:
            return None
        return Reembedding(own.counts.get("embedded", 0), own.counts.get("to_embed", 0))

    async def _begin_model(self, session: WriteSession, model_id: str, *, insist: bool) -> Sequence[CatalogueImport]:
        now = self._clock()
        catalogue = await self._imports.lock(session, now)
        waiting = await self._imports.open(session)
        last = await self._imports.newest(session, 1)
        refused = not insist and last and last[0].form == MODEL_FORM
        if waiting or refused or not catalogue.ready_version or catalogue.model_id == model_id:
            return waiting
        made = CatalogueImport(
            id=new_id(),
            state=ImportState.QUEUED.value,
            name=model_id[:_MAX_NAME_LETTERS],
            place=await asyncio.to_thread(self._files.place),
            form=MODEL_FORM,
            sha256="",
            options=Options(uploaded=True).told(),
            rows_read=0,
            counts=dict(counts_of({})),
            created_at=now,
        )
        await self._imports.add(session, made)
        return [made]

    # The sample --------------------------------------------------------------------------------------------------

    async def load_sample(self, make: Callable[[], Sample]) -> bool:
        """Fill a catalogue that is empty; False: it isn't. Two that start at once load it once.

        Args:
            make: blocks.
        """
        async with self._database.read() as session:
            if not await self._imports.is_empty(session):
                return False
        sample = await asyncio.to_thread(make)
        async with self._database.write() as session:
            catalogue = await self._imports.lock(session, self._clock())
            empty = not catalogue.ready_version and not await self._imports.open(session)
            if empty:
                await self._fill(session, catalogue, sample)
        return empty

    async def _fill(self, session: WriteSession, catalogue: Catalogue, sample: Sample) -> None:
        products, model_id, vectors = sample
        version = catalogue.next_version
        catalogue.next_version, catalogue.ready_version, catalogue.model_id = version + 1, version, model_id
        await session.flush()
        await tell(session)
        changes, counts = Changes(version, "sample"), counts_of({})
        for product in products:
            changes.take(product, (), counts, again=False)
        await changes.write(session, self._imports)
        if vectors:
            kept = {text_hash: kept_vector(vector) for text_hash, vector in vectors.items()}
            await self._imports.add_vectors(session, model_id, kept)

    # What has had its time ---------------------------------------------------------------------------------------

    async def purge_products(self, session: WriteSession) -> int:
        """Remove some products that no version has any more, with what a model made of their texts."""
        catalogue = await self._imports.lock(session, self._clock())
        if catalogue.changed_at > self._clock() - GRACE_SECONDS or await is_anybody_at_it(session, self._imports):
            return 0
        past = await self._imports.past(session, catalogue.version, AT_ONCE)
        if past:
            await remove_products(session, self._imports, past)
        return len(past)

    async def purge_models(self, session: WriteSession) -> int:
        """Remove some vectors of models that the catalogue isn't searched by any more."""
        catalogue = await self._imports.lock(session, self._clock())
        if (
            catalogue.version != catalogue.ready_version
            or catalogue.changed_at > self._clock() - MODEL_GRACE_SECONDS
            or await is_anybody_at_it(session, self._imports)
        ):
            return 0
        for model_id in await self._imports.models(session):
            if model_id != catalogue.model_id:
                return await self._imports.remove_model(session, model_id, AT_ONCE)
        return 0

    async def purge_imports(self, session: WriteSession) -> int:
        """Forget some of what became of old imports."""
        return await self._imports.forget(session, self._clock() - KEEP_SECONDS, AT_ONCE)

    async def sweep(self) -> int:
        """Remove files that no import needs any more; how many there were."""
        here = await asyncio.to_thread(self._files.ids, self._clock() - _FILE_GRACE_SECONDS)
        if not here:
            return 0
        async with self._database.read() as session:
            needed = {one.id for one in await self._imports.open(session) if one.state in WORKING}
        for import_id in set(here) - needed:
            await asyncio.to_thread(self._files.remove, import_id)
        return len(set(here) - needed)

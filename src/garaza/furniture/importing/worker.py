"""Works at imports until there is none left: in a process of its own, so that the service answers meanwhile.

What it does is done in transactions of a moment each, in which a note says how far it has come: whoever goes on after a
kill -9 begins there, and what a model has made of a text is never made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
from sqlalchemy.exc import DBAPIError

from garaza.furniture.embedding.files import ModelUnusableError
from garaza.furniture.embedding.port import Encoder, Vectors
from garaza.furniture.importing.claims import Claim, ClaimLostError, Claims, ImportCancelledError, Waiting
from garaza.furniture.importing.files import ImportFiles
from garaza.furniture.importing.port import NoCatalogueError, Source
from garaza.furniture.importing.repository import ImportRepository
from garaza.furniture.importing.rows import ReadRow, write_rows
from garaza.furniture.importing.states import GIVEN_UP, MODEL_FORM, ImportState
from garaza.furniture.importing.undoing import undo_some
from garaza.furniture.repository import kept_vector
from garaza.furniture.stored import from_row
from garaza.kit.clock import Clock
from garaza.kit.database import Database, DatabaseUnavailableError, WriteSession, trouble_of
from garaza.kit.waiting import first_of, in_thread

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
TEXTS_AT_ONCE = 64
WINDOW = 1000
"""Products that one query looks at."""
_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.5

T = TypeVar("T")

Told = Callable[[Claim], None]
"""Is told how far an import has come."""


class ImportInterruptedError(Exception):
    """It can't go on now; it can later, from where it is. Its text says why, for a person."""


class ImportWorker:
    """Of one process, which holds the lock of `ImportFiles`."""

    def __init__(
        self,
        database: Database,
        files: ImportFiles,
        claims: Claims,
        source: Source,
        encoder: Callable[[], Encoder],
        clock: Clock,
        told: Told = lambda _claim: None,
    ) -> None:
        """`encoder`: makes one; may block."""
        self._database = database
        self._files = files
        self._claims = claims
        self._source = source
        self._make_encoder = encoder
        self._encoder: Encoder | None = None
        self._clock = clock
        self._told = told
        self._imports = ImportRepository()
        self._stopping = False

    def stop(self) -> None:
        """End after what is being done now."""
        self._stopping = True

    async def work(self) -> Waiting | None:
        """Until nothing is left to be done, or what comes first isn't for this process.

        Raises:
            ImportInterruptedError
        """
        while True:
            claim = await _patiently(self._claims.claim)
            if claim is None or isinstance(claim, Waiting):
                return claim
            await self._run(claim)

    async def undo(self, import_id: str) -> None:
        """Take away what an import wrote that somebody cancelled, unless another process is at it, or has to be first.

        Raises:
            ImportInterruptedError
        """
        claim = await _patiently(lambda: self._claims.claim(import_id))
        if isinstance(claim, Claim):
            await self._run(claim)

    async def _run(self, claim: Claim) -> None:
        logger.info("import %s of %s: %s", claim.import_id, claim.name, claim.state.value)
        try:
            async with self._kept_alive(claim):
                await self._to_its_end(claim)
        except ClaimLostError:
            msg = "Another process has taken it over, as nothing was heard of this one for a while."
            raise ImportInterruptedError(msg) from None
        except ImportInterruptedError as error:
            # Said where it can be; there may be no room to say it.
            with contextlib.suppress(DBAPIError, DatabaseUnavailableError):
                await self._claims.release(claim, str(error))
            raise

    async def _to_its_end(self, claim: Claim) -> None:
        try:
            if claim.state == ImportState.READING:
                await (self._begin_embedding if claim.form == MODEL_FORM else self._read)(claim)
            if claim.state == ImportState.EMBEDDING:
                await self._embed(claim)
        except ImportCancelledError:
            claim.state = ImportState.CANCELLED
        except NoCatalogueError as error:
            await self._fail(claim, str(error))
        except (ClaimLostError, ImportInterruptedError):
            raise
        except ModelUnusableError as error:
            # What was read of the file is here; another model is a matter of a setting.
            msg = f"The model for texts can't be used: {error}. It goes on from where it is when that is mended."
            raise ImportInterruptedError(msg) from error
        except Exception:
            logger.exception("import %s of %s went wrong", claim.import_id, claim.name)
            await self._fail(claim, "Something went wrong that nobody foresaw. The service's log has more about it.")
        if claim.state in GIVEN_UP:
            await self._undo(claim)
        await asyncio.to_thread(self._files.remove, claim.import_id)

    @asynccontextmanager
    async def _kept_alive(self, claim: Claim) -> AsyncIterator[None]:
        """A model may take long for what is done between two transactions."""
        over = asyncio.Event()
        beating = asyncio.create_task(self._beat(claim, over))
        try:
            yield
        finally:
            # Not cancelled: a transaction that is broken off halfway may keep its lock until somebody notices.
            over.set()
            await beating

    async def _beat(self, claim: Claim, over: asyncio.Event) -> None:
        while True:
            await first_of(over.wait(), timeout=self._claims.lease_seconds / 3)
            if over.is_set():
                return
            # Whoever works finds out by itself whether it still may, and a moment's silence costs nothing.
            with contextlib.suppress(ClaimLostError, ImportCancelledError, DBAPIError, DatabaseUnavailableError):
                async with self._database.write() as session:
                    await self._claims.renew(session, claim)

    async def _step(self, claim: Claim, step: Callable[[WriteSession], Awaitable[None]], **values: object) -> None:
        """A transaction of whoever works at it.

        Raises:
            ClaimLostError, ImportCancelledError, ImportInterruptedError
        """
        if self._stopping:
            msg = "It was told to stop. It goes on from where it is."
            raise ImportInterruptedError(msg)

        async def transaction() -> None:
            async with self._database.write() as session:
                await self._claims.renew(session, claim, **values)
                await step(session)

        await _patiently(transaction)

    # Reading -----------------------------------------------------------------------------------------------------

    async def _read(self, claim: Claim) -> None:
        mapping = claim.options.get("mapping", {})
        path = self._files.path(claim.import_id)
        rows = self._source.rows(path, claim.form, mapping, claim.rows_read)
        while batch := await self._some(rows):
            await self._write(claim, batch)
            self._told(claim)
        if not claim.counts["taken"]:
            await self._fail(claim, _nothing_taken(claim.counts))
            return
        await self._leave_out(claim)
        await self._begin_embedding(claim)

    async def _begin_embedding(self, claim: Claim) -> None:
        await self._step(claim, _nothing, state=ImportState.EMBEDDING.value, counts=dict(claim.counts))
        claim.state = ImportState.EMBEDDING

    async def _some(self, rows: Iterator[ReadRow]) -> list[ReadRow]:
        """The next rows."""
        try:
            return await in_thread(lambda: list(itertools.islice(rows, ROWS_AT_ONCE)))
        except FileNotFoundError:
            msg = "The file isn't where it was kept. Send it again."
            raise NoCatalogueError(msg) from None
        except OSError as error:
            msg = f"The file can't be read: {error.strerror}."
            raise ImportInterruptedError(msg) from error

    async def _write(self, claim: Claim, batch: Sequence[ReadRow]) -> None:
        counts: Counter[str] = Counter()

        async def write(session: WriteSession) -> None:
            nonlocal counts
            # A try that failed has counted nothing.
            counts = claim.counts.copy()
            await write_rows(session, self._imports, claim.import_id, claim.version, batch, counts)
            done = {"rows_read": batch[-1].number, "counts": dict(counts)}
            await self._claims.renew(session, claim, **done)

        await self._step(claim, write)
        claim.counts, claim.rows_read = counts, batch[-1].number

    async def _leave_out(self, claim: Claim) -> None:
        """What isn't in the file, where it is the whole catalogue; the sample, where it isn't to stay."""
        replace = bool(claim.options.get("replace"))
        if not replace and claim.options.get("keep_sample"):
            return
        after = 0
        while True:
            async with self._database.read() as session:
                window = await self._imports.window(session, claim.version, after, WINDOW)
                ids = [row_id for row_id, _ in window]
                gone = await self._imports.absent(session, claim.import_id, ids, sample=not replace) if ids else []
            if not ids:
                return
            after = ids[-1]
            if gone:
                await self._end(claim, gone)

    async def _end(self, claim: Claim, ids: list[int]) -> None:
        claim.counts["removed"] += len(ids)

        async def end(session: WriteSession) -> None:
            await self._imports.end_products(session, ids, claim.version)

        await self._step(claim, end, counts=dict(claim.counts))

    # Embedding ---------------------------------------------------------------------------------------------------

    async def _embed(self, claim: Claim) -> None:
        while await self._forget_some_seen(claim):
            pass
        encoder = await self._loaded()
        claim.counts["to_embed"] = claim.counts["embedded"] + await self._missing(claim, encoder.model_id)
        self._told(claim)
        async for unread in self._unread(claim, encoder.model_id):
            async with self._database.read() as session:
                data = await self._imports.data(session, unread.values()) if unread else {}
            products = sorted((from_row(one) for one in data.values()), key=lambda product: len(product.text))
            for begin in range(0, len(products), TEXTS_AT_ONCE):
                some = products[begin : begin + TEXTS_AT_ONCE]
                await self._embed_some(claim, encoder, {one.text_hash: one.text for one in some})
        await self._finish(claim, encoder.model_id)

    async def _forget_some_seen(self, claim: Claim) -> bool:
        """What it came across in its file doesn't matter any more."""
        left = False

        async def forget(session: WriteSession) -> None:
            nonlocal left
            left = await self._imports.forget_seen(session, claim.import_id, WINDOW) > 0

        await self._step(claim, forget)
        return left

    async def _loaded(self) -> Encoder:
        if self._encoder is None:
            self._encoder = await in_thread(self._make_encoder)
        return self._encoder

    async def _missing(self, claim: Claim, model_id: str) -> int:
        """How many texts the model has to read; one that is in two windows is counted twice."""
        return sum([len(unread) async for unread in self._unread(claim, model_id)])

    async def _unread(self, claim: Claim, model_id: str) -> AsyncIterator[dict[bytes, int]]:
        """Texts of the version, a window at a time, that the model hasn't read, each with a product that has it."""
        after = 0
        while True:
            async with self._database.read() as session:
                window = await self._imports.window(session, claim.version, after, WINDOW)
                hashes = {text_hash: row_id for row_id, text_hash in window}
                known = await self._imports.embedded(session, model_id, hashes) if hashes else set()
            if not window:
                return
            after = window[-1][0]
            yield {text_hash: row_id for text_hash, row_id in hashes.items() if text_hash not in known}

    async def _embed_some(self, claim: Claim, encoder: Encoder, texts: dict[bytes, str]) -> None:
        vectors = await in_thread(encoder.documents, list(texts.values()))
        kept = dict(zip(texts, map(kept_vector, _checked(vectors, encoder, len(texts))), strict=True))
        claim.counts["embedded"] += len(texts)

        async def add(session: WriteSession) -> None:
            await self._imports.add_vectors(session, encoder.model_id, kept)

        await self._step(claim, add, counts=dict(claim.counts))
        self._told(claim)

    # The end -----------------------------------------------------------------------------------------------------

    async def _finish(self, claim: Claim, model_id: str) -> None:
        claim.counts["to_embed"] = claim.counts["embedded"]

        async def finish(session: WriteSession) -> None:
            await self._imports.ready(session, claim.version, model_id)
            done = {"state": ImportState.INDEXING.value, "counts": dict(claim.counts), "lease_owner": None}
            await self._claims.renew(session, claim, **done)

        await self._step(claim, finish)
        claim.state = ImportState.INDEXING
        self._told(claim)

    async def _fail(self, claim: Claim, reason: str) -> None:
        try:
            await self._step(claim, _nothing, state=ImportState.FAILED.value, error=reason, counts=dict(claim.counts))
        except ImportCancelledError:
            claim.state = ImportState.CANCELLED
        else:
            claim.state = ImportState.FAILED

    async def _undo(self, claim: Claim) -> None:
        left = True

        async def undo(session: WriteSession) -> None:
            nonlocal left
            left = await undo_some(session, self._imports, claim.import_id, claim.version)
            if not left:
                await self._claims.renew(session, claim, ended_at=self._clock(), lease_owner=None)

        while left:
            await self._step(claim, undo)
        self._told(claim)


async def _patiently(transaction: Callable[[], Awaitable[T]]) -> T:
    """Try again when the database is busy.

    Raises:
        ImportInterruptedError: it stays so.
    """
    pause = _FIRST_PAUSE_SECONDS
    for tries_left in reversed(range(_TRIES)):
        try:
            return await transaction()
        except (DBAPIError, DatabaseUnavailableError) as error:
            trouble = "gone" if isinstance(error, DatabaseUnavailableError) else trouble_of(error)
            if trouble is None:
                raise
            if not tries_left or trouble == "full":
                raise ImportInterruptedError(_TROUBLES[trouble]) from error
        await asyncio.sleep(pause)
        pause *= 2
    raise AssertionError


async def _nothing(_session: WriteSession) -> None:
    """What is to be changed is the import itself."""


_TROUBLES = {
    "full": "The disk is full. Make room, and it goes on from where it is.",
    "busy": "The database has been busy for too long. It goes on from where it is.",
    "gone": "The database can't be reached. It goes on from where it is.",
}


def _checked(vectors: Vectors, encoder: Encoder, count: int) -> Vectors:
    if vectors.shape != (count, encoder.dimensions) or not np.isfinite(vectors).all():
        msg = f"the model {encoder.model_id} gave what are no {count} vectors of {encoder.dimensions} numbers"
        raise ValueError(msg)
    return vectors


def _nothing_taken(counts: Counter[str]) -> str:
    if not counts["rows"]:
        return "There is no row in it."
    reasons = [
        (number, name.removeprefix("refused.")) for name, number in counts.items() if name.startswith("refused.")
    ]
    most = f" Most often it was the {max(reasons)[1]}." if reasons else ""
    return (
        f"None of its {counts['rows']} rows could be taken.{most} The notes say why; `--map` says which column is what."
    )

"""What searches are answered from: one version of the catalogue, exchanged as a whole when the next one is ready."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from garaza.errors import GarazaError
from garaza.furniture.embedding.port import Encoder, EncoderUnavailableError, Vectors
from garaza.furniture.filters import NO_FILTERS
from garaza.furniture.importing.repository import publish
from garaza.furniture.index.port import IndexUnavailableError, VectorIndex
from garaza.furniture.preparing import Preparing
from garaza.furniture.repository import CatalogueRepository, Reembedding, Versions
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.engine import search, similar
from garaza.furniture.search.found import Found, Suggestion
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.tally import Tally
from garaza.kit.backoff import backoff
from garaza.kit.changes import Changes
from garaza.kit.clock import Clock
from garaza.kit.database import Database
from garaza.kit.waiting import ended, unbroken

logger = logging.getLogger(__name__)

_POLL_SECONDS = 2.0
"""Between two looks, if nothing tells of a change."""
_SHORTEST_WAIT_SECONDS = 0.2
"""On SQLite each commit is heard of, whatever it was."""
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0

MANY = 5000
"""Products, whose index takes longer to make than anybody is to wait who can be answered by words meanwhile."""
_FIRST_LOOK_SECONDS = 15.0
_LONGEST_LOOK_SECONDS = 300.0
"""Between two looks whether meaning can be looked at by now. Each may read and load a model."""

FindEncoders = Callable[[], Awaitable["Encoders | None"]]
FollowModel = Callable[[str, bool], Awaitable[Reembedding | None]]
"""Has a model read the catalogue, which another one has read, in the background: see `ImportService.follow_model`."""
State = Literal["empty", "preparing", "ready"]


@dataclass(frozen=True, slots=True)
class Edition:
    """A version as it was published once. Of another database, or after a backup was restored, the same number is that
    of something else, and was published at another time.
    """

    version: int
    published_at: float
    """Unix seconds, as the database has it: all processes that serve it have the same."""


class ShelfNotReadyError(GarazaError):
    """The first version is still being prepared."""

    def __init__(self) -> None:
        detail = "The catalogue is being prepared. Try again in a few seconds."
        super().__init__(503, "catalogue_not_ready", detail, {"Retry-After": "5"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfState:
    """For operators and health."""

    state: State
    """empty: there is no catalogue. ready: something is served, even while the next is prepared."""
    version: int
    """That is served; 0: none."""
    preparing: int | None
    """The version that is being made ready."""
    products: int
    published_at: float | None
    """Unix seconds, when what is served became the catalogue, whoever made it so. None: nothing is served."""
    semantic: bool
    """Whether meaning is looked at."""
    model_id: str | None
    index: str | None
    reembedding: Reembedding | None
    """While another model reads the catalogue; until it is through, meaning is that of the model before, if any."""
    error: str | None
    """Why the newest version can't be made ready, or meaning not be looked at: for operators."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """What makes vectors of what is searched for."""

    own: Encoder
    """That the settings name."""
    before: Encoder | None = None
    """One that may have read the catalogue, for the time until `own` has."""


@dataclass(frozen=True, slots=True)
class _Served:
    """Never changed, only exchanged: who began with one, ends with it."""

    edition: Edition
    snapshot: Snapshot
    index: VectorIndex | None
    """None: meaning can't be looked at."""
    encoder: Encoder | None
    """Whose vectors the index has."""


class Shelf:
    """A task of the service, in which everything happens that takes time: nothing of it happens in a request.

    Args:
        encoder: None: only words are looked at, until `find_encoders` gives one.
        index: None: as well.
        changes: of the catalogue.
        load_sample: fills a catalogue that is empty; returns whether it was. None: it stays empty.
        before: see `Encoders`.
        follow_model: None: somebody else sees to that.
        find_encoders: is asked now and then while there is none.
    """

    def __init__(
        self,
        database: Database,
        preparing: Preparing,
        encoder: Encoder | None,
        index: VectorIndex | None,
        changes: Changes,
        clock: Clock,
        load_sample: Callable[[], Awaitable[bool]] | None = None,
        before: Encoder | None = None,
        follow_model: FollowModel | None = None,
        find_encoders: FindEncoders | None = None,
    ) -> None:
        self._database = database
        self._preparing = preparing
        self._encoder = encoder
        self._index = index
        self._changes = changes
        self._clock = clock
        self._load_sample = load_sample
        self._before = before
        self._follow_model = follow_model
        self._find_encoders = find_encoders
        self._looks = 0
        """For meaning, in vain."""
        self._look_again_at: float | None = None
        self._followed = False
        self._reembedding: Reembedding | None = None
        self._served: _Served | None = None
        self._looked = False
        self._being_prepared: int | None = None
        self._error: str | None = None
        self._blind: str | None = None
        """Why meaning couldn't be looked at the last time, though all is there for it."""
        self.tally = Tally()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of the running loop."""
        self._task = asyncio.create_task(self._keep_up())

    async def stop(self) -> None:
        """End. The index and the encoder are closed by whoever made them."""
        await ended(self._task)
        self._served = None

    @property
    def state(self) -> ShelfState:
        """At this moment."""
        served = self._served
        empty = served is None and self._looked and self._being_prepared is None and self._error is None
        return ShelfState(
            state="ready" if served is not None else "empty" if empty else "preparing",
            version=self.version,
            preparing=self._being_prepared,
            products=0 if served is None else len(served.snapshot),
            published_at=None if served is None else served.edition.published_at,
            semantic=served is not None and served.index is not None and self._blind is None,
            model_id=None if self._encoder is None else self._encoder.model_id,
            index=None if self._index is None else self._index.name,
            reembedding=self._reembedding,
            error=self._error or self._blind,
        )

    @property
    def version(self) -> int:
        """That is served; 0: none."""
        return self.edition.version

    @property
    def edition(self) -> Edition:
        """That is served. Copies of answers are of one."""
        return _NOTHING if self._served is None else self._served.edition

    @property
    def snapshot(self) -> Snapshot:
        """That answers are given from now.

        Raises:
            ShelfNotReadyError: none yet.
        """
        return self._ready().snapshot

    async def search(self, asked: Asked) -> Found:
        """See `engine.search`.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        served = self._ready()
        found = await self.tally.measured(search(served.snapshot, served.index, served.encoder, asked))
        if served.index is not None and found.understood.text:
            self._blind = None if found.semantic else "the model or the index can't be asked"
        return found

    async def similar(self, asin: str, asked: Asked) -> Found | None:
        """More like this product; None: there is no such product. Of what is asked, the text isn't minded.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        served = self._ready()
        snapshot = served.snapshot
        row = snapshot.row_of_asin(asin)
        if row is None:
            return None
        row_id = int(snapshot.ids[row])
        async with self._database.read() as session:
            repository = CatalogueRepository(session)
            product = (await repository.by_ids(snapshot.version, [row_id])).get(row_id)
            vector = await self._vector(repository, served, row)
        if served.index is not None and vector is not None:
            try:
                return await similar(snapshot, served.index, vector, row, asked)
            except IndexUnavailableError as error:
                logger.warning("the index can't be asked; only words are looked at: %s", error)
        if product is None:
            return None
        by_title = replace(asked, text=product.title, understand=False, limit=asked.limit + 1, facets=False)
        found = await search(snapshot, None, None, by_title)
        others = tuple(hit for hit in found.hits if hit.id != row_id)[: asked.limit]
        return replace(found, hits=others, total=max(0, found.total - 1))

    async def _vector(self, repository: CatalogueRepository, served: _Served, row: int) -> Vectors | None:
        if served.encoder is None:
            return None
        text_hash = served.snapshot.text_hashes[row].tobytes()
        return (await repository.vectors(served.encoder.model_id, [text_hash])).get(text_hash)

    def suggest(self, text: str, limit: int) -> list[Suggestion]:
        """How a text may go on. Well below a millisecond.

        Raises:
            ShelfNotReadyError: nothing is served yet.
        """
        return self._ready().snapshot.suggestions.of(text, limit)

    def _ready(self) -> _Served:
        if self._served is None:
            raise ShelfNotReadyError
        return self._served

    # In the background --------------------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        failures = 0
        async with self._changes:
            while True:
                mark = self._changes.mark()
                try:
                    await self._round()
                except Exception as error:
                    failures += 1
                    self._error = f"{type(error).__name__}: {error}"
                    if failures == 1:
                        logger.exception("the catalogue can't be made ready to be searched; trying until it works")
                    # Whatever changes meanwhile: making it ready takes seconds of a processor.
                    await asyncio.sleep(backoff(failures, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS))
                    continue
                finally:
                    self._being_prepared = None
                failures = 0
                await asyncio.sleep(_SHORTEST_WAIT_SECONDS)
                await self._changes.wait(mark, _POLL_SECONDS)

    async def _round(self) -> None:
        """Serve the newest version there is."""
        versions = await unbroken(self._versions())
        if not versions.ready and self._load_sample is not None and await self._load_sample():
            versions = await unbroken(self._versions())
        if versions.served and Edition(versions.served, versions.changed_at) != self.edition:
            # Be it after a start, because another server on the same database was first, or because the database is
            # another one: a backup was restored.
            await self._take(versions.served, versions)
        if versions.ready > versions.served:
            await self._take(versions.ready, versions, publishing=True)
        self._looked = True
        served = self._served
        self._error = None if served is None else self._trouble(versions)
        if served is not None and served.index is None and self._error is None:
            encoder = self._encoder_of(versions)
            if encoder is not None:
                await self._prepare_index(served.snapshot, encoder)
                await self._serve(replace(served, index=self._index, encoder=encoder))
        await self._look_for_meaning()
        await self._follow(versions)

    async def _versions(self) -> Versions:
        async with self._database.read() as session:
            return await CatalogueRepository(session).versions()

    async def _look_for_meaning(self) -> None:
        """See whether it can be looked at again, where it can't: now and then, as that takes a while."""
        lacks_encoder = self._encoder is None and self._find_encoders is not None
        if not (lacks_encoder or self._blind is not None):
            self._looks, self._look_again_at = 0, None
            return
        now = time.monotonic()
        if self._look_again_at is not None and now >= self._look_again_at:
            await (self._look_for_encoder() if lacks_encoder else self._see())
        elif self._look_again_at is not None:
            return
        self._looks += 1
        self._look_again_at = now + backoff(self._looks, _FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS)

    async def _look_for_encoder(self) -> None:
        assert self._find_encoders is not None
        found = await self._find_encoders()
        if found is not None:
            self._encoder, self._before = found.own, found.before

    async def _see(self) -> None:
        """Look at the meaning of something, as nobody may search for long."""
        served = self._served
        if served is None or served.index is None or served.encoder is None:
            return
        try:
            # Of what was asked before there may be a copy.
            vector = await served.encoder.query(f"sofa {self._looks}")
            await served.index.search(vector, 1, NO_FILTERS)
        except (EncoderUnavailableError, IndexUnavailableError) as error:
            self._blind = str(error)
        else:
            self._blind = None
            logger.info("the meaning of what is searched for is looked at again")

    async def _follow(self, versions: Versions) -> None:
        """Have the model that the settings name read what another one has read."""
        self._reembedding = None
        if self._follow_model is None or self._encoder is None or self._encoder.model_id == versions.model_id:
            return
        if versions.ready:
            # Once after a start: what somebody called off isn't begun again.
            self._reembedding = await self._follow_model(self._encoder.model_id, not self._followed)
            self._followed = True

    def _encoder_of(self, versions: Versions) -> Encoder | None:
        """The one whose vectors the catalogue has."""
        return next((one for one in (self._encoder, self._before) if one and one.model_id == versions.model_id), None)

    def _trouble(self, versions: Versions) -> str | None:
        """Why meaning can't be looked at, whether or not the index can be reached."""
        if self._encoder is None:
            return "there is no model for texts"
        if self._encoder_of(versions) is None:
            return f"the vectors are those of {versions.model_id}, and the model is {self._encoder.model_id}"
        return "there is no index" if self._index is None else None

    async def _take(self, version: int, versions: Versions, *, publishing: bool = False) -> None:
        self._being_prepared = version
        snapshot = await self._preparing.snapshot(version, None if publishing else versions.changed_at)
        index, encoder = None, self._encoder_of(versions)
        if encoder is not None and self._trouble(versions) is None:
            try:
                # Words had better be looked at than nothing, where an index of many would have to be waited for.
                make = publishing or self._served is not None or len(snapshot) < MANY
                if await self._prepare_index(snapshot, encoder, make=make):
                    index = self._index
            except IndexUnavailableError:
                # Finding words is better than finding nothing, and worse than what there is.
                if self._served is not None:
                    raise
        published_at = await self._publish(version) if publishing else versions.changed_at
        await self._preparing.published(version, published_at)
        await self._serve(_Served(Edition(version, published_at), snapshot, index, encoder))

    async def _publish(self, version: int) -> float:
        """When it became what is served: now, or when another server was first."""
        now = self._clock()
        async with self._database.write() as session:
            published = await publish(session, version, now)
        return now if published else (await self._versions()).changed_at

    async def _prepare_index(self, snapshot: Snapshot, encoder: Encoder, *, make: bool = True) -> bool:
        return await self._preparing.index(snapshot, encoder.model_id, encoder.dimensions, make=make)

    async def _serve(self, served: _Served) -> None:
        if served.index is not None:
            await self._warm(served.encoder)
            await served.index.serve(served.snapshot.version)
        before, self._served = self._served, served
        if served.index is not None:
            # What was in the way isn't, from the moment in which meaning is looked at.
            self._error = None
        if before is None or before.edition != served.edition:
            logger.info("version %d of the catalogue is served: %d products", self.version, len(served.snapshot))
            await self._preparing.forget_others({self.version})

    async def _warm(self, encoder: Encoder | None) -> None:
        """Have the model in memory before the first one asks."""
        served = self._served
        if encoder is not None and (served is None or served.index is None or served.encoder is not encoder):
            try:
                await encoder.query("sofa")
                self._blind = None
            except EncoderUnavailableError as error:
                self._blind = str(error)
                logger.warning("the model for texts can't be used yet: %s", error)


_NOTHING = Edition(0, 0.0)


async def build_without_server(
    database: Database, preparing: Preparing, index: VectorIndex, model_id: str, dimensions: int, clock: Clock
) -> int | None:
    """Make the newest version ready and publish it, where no server runs that would; the version, or None: it was.

    Raises:
        SnapshotNotMadeError, SnapshotError, IndexUnavailableError: it can't be done now.
    """
    async with database.read() as session:
        versions = await CatalogueRepository(session).versions()
    if versions.ready <= versions.served:
        return None
    snapshot = await preparing.snapshot(versions.ready, None)
    await preparing.index(snapshot, model_id, dimensions)
    now = clock()
    async with database.write() as session:
        published = await publish(session, versions.ready, now)
    if published:
        await preparing.published(versions.ready, now)
    await index.serve(versions.ready)
    await preparing.forget_others({versions.ready})
    return versions.ready

"""Who works at which import: one at a time, the oldest first, and nobody for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from garaza.furniture.importing.repository import ImportRepository
from garaza.furniture.importing.states import GIVEN_UP, ImportState, counts_of
from garaza.furniture.models import CatalogueImport
from garaza.kit.clock import Clock
from garaza.kit.database import Database, WriteSession
from garaza.kit.ids import new_id

LEASE_SECONDS = 60.0


class ClaimLostError(Exception):
    """Somebody else works at it now: what is written here would be written twice."""


class ImportCancelledError(Exception):
    """Somebody doesn't want it any more."""


@dataclass(slots=True)
class Claim:
    """What one process works at."""

    import_id: str
    owner: str
    state: ImportState
    version: int
    """That it writes."""
    name: str
    form: str
    options: Mapping[str, Any]
    rows_read: int
    counts: Counter[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What comes first isn't for this process now."""

    import_id: str
    name: str
    seconds: float
    """Until it may be taken from whoever has it, should nothing be heard from there; 0: it isn't on this machine."""


class Claims:
    """Leases. Each transaction of whoever has one begins with `renew`, which locks the import's row."""

    def __init__(
        self,
        database: Database,
        imports: ImportRepository,
        place: str,
        clock: Clock,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """`place`: see `ImportFiles`. Whoever claims holds its lock, so that all earlier claims of it are void."""
        self._database = database
        self._imports = imports
        self._place = place
        self._clock = clock
        self._lease_seconds = lease_seconds

    @property
    def lease_seconds(self) -> float:
        return self._lease_seconds

    async def claim(self, only: str | None = None) -> Claim | Waiting | None:
        """The oldest of those that want work; None: there is none.

        Args:
            only: this one, and only if it is to be taken away.
        """
        async with self._database.write() as session:
            now = self._clock()
            catalogue = await self._imports.lock(session, now)
            first = await self._own(session)
            if first is None or (only is not None and (first.id != only or first.state not in GIVEN_UP)):
                return None
            if (waiting := self._not_for_us(first, now)) is not None:
                return waiting
            if first.version is None:
                first.version, catalogue.next_version = catalogue.next_version, catalogue.next_version + 1
            if first.state == ImportState.QUEUED:
                first.state, first.started_at = ImportState.READING, now
            first.lease_owner = f"{self._place}-{new_id()}"
            first.lease_expires_at = now + self._lease_seconds
            first.error = first.error if first.state in GIVEN_UP else None
            await session.flush()
            return _claim(first)

    async def _own(self, session: WriteSession) -> CatalogueImport | None:
        """The first one, as it is once whoever had it has ended what it was writing: rows are counted once."""
        while (first := await self.first(session)) is not None:
            await self._imports.hold(session, first)
            if first.ended_at is None and first.state != ImportState.INDEXING:
                return first
        return None

    async def first(self, session: WriteSession) -> CatalogueImport | None:
        """The oldest of those that want work."""
        return next((one for one in await self._imports.open(session) if one.state != ImportState.INDEXING), None)

    def _not_for_us(self, one: CatalogueImport, now: float) -> Waiting | None:
        if one.place != self._place and one.state not in GIVEN_UP:
            return Waiting(one.id, one.name, 0)
        left = (one.lease_expires_at or 0) - now
        if left > 0 and not (one.lease_owner or "").startswith(f"{self._place}-"):
            return Waiting(one.id, one.name, left)
        return None

    async def renew(self, session: WriteSession, claim: Claim, **values: Any) -> None:
        """Whatever else this transaction does, it does it as the one that works at this import.

        Raises:
            ClaimLostError
            ImportCancelledError: and this claim isn't for taking it away.
        """
        expires = {"lease_expires_at": self._clock() + self._lease_seconds}
        state = await self._imports.change(session, claim.import_id, claim.owner, {**expires, **values})
        if state is None:
            raise ClaimLostError
        if state == ImportState.CANCELLED and claim.state != ImportState.CANCELLED:
            raise ImportCancelledError

    async def release(self, claim: Claim, error: str | None = None) -> None:
        """Somebody else may go on with it at once."""
        async with self._database.write() as session:
            free = {"lease_owner": None, "lease_expires_at": None, "error": error}
            await self._imports.change(session, claim.import_id, claim.owner, free)


def _claim(one: CatalogueImport) -> Claim:
    assert one.version is not None, "it was just given one"
    assert one.lease_owner is not None, "and an owner"
    return Claim(
        one.id,
        one.lease_owner,
        ImportState(one.state),
        one.version,
        one.name,
        one.form,
        one.options,
        one.rows_read,
        counts_of(one.counts),
    )

"""What listeners are told, read from the table of events and from that of jobs that are gone."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, delete, func, select

from garaza.jobs.models import JobDeparture, JobEvent
from garaza.jobs.news import LOOK_BACK, Mark, News
from garaza.jobs.repository import DEPARTURE, EVENT
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession, WriteSession

AT_ONCE = 500
"""Rows of each table that are read at a time."""
KEPT_SECONDS = 30 * 24 * 3600
"""How long it is told that a job was deleted."""

_EVENTS = select(EVENT.c.id, EVENT.c.job_id, EVENT.c.user_id, EVENT.c.kind, EVENT.c.data)
_DEPARTURES = select(DEPARTURE.c.id, DEPARTURE.c.job_id, DEPARTURE.c.user_id)

_Columns = type[JobEvent] | type[JobDeparture]
Missed = tuple[list[News], bool]
_Which = Callable[[_Columns], ColumnElement[bool]]


class Newsreader:
    """Knows no rules: who may hear what, its caller has to know.

    What happened to a job that is gone, is gone with it; but for the last of it, that it was deleted.
    """

    def __init__(self, clock: Clock, *, in_order: bool) -> None:
        """`in_order`: events become visible in the order of their ids, as on SQLite."""
        self._clock = clock
        self._in_order = in_order

    async def mark(self, session: ReadSession) -> Mark:
        """What is to be seen by now."""
        last = max(await _last(session, JobEvent), await _last(session, JobDeparture))
        if self._in_order:
            return Mark(last)
        # Some of what is below it may still be on its way.
        before = Mark(max(last - LOOK_BACK, 0))
        return self.moved(before, [news.id for news in (await self.since(session, before))[0]])

    def moved(self, mark: Mark, seen: list[int]) -> Mark:
        """The mark after the events of these ids, in ascending order."""
        if self._in_order:
            return Mark(max(mark.last, *seen[-1:])) if seen else mark
        return mark.moved(seen, self._clock())

    async def since(self, session: ReadSession, mark: Mark) -> Missed:
        """What has come since, whichever job it is of, in the order of ids; and whether there is more."""
        late: list[News] = []
        if mark.missing:
            late = (await _read(session, lambda of: of.id.in_(mark.missing)))[0]
        found, more = await _read(session, lambda of: of.id > mark.last)
        return late + found, more

    async def missed_of_account(self, session: ReadSession, user_id: int, since: Mark, until: Mark) -> Missed:
        """What has come since of an account's jobs, but for what has not been passed `until` then; and whether there is
        more.
        """
        return await _between(session, lambda of: of.user_id == user_id, since, until)

    async def missed_of_jobs(self, session: ReadSession, job_ids: list[str], since: Mark, until: Mark) -> Missed:
        """The same of some jobs."""
        return await _between(session, lambda of: of.job_id.in_(job_ids), since, until, departures=False)

    async def forget_departures(self, session: WriteSession, limit: int = 1000) -> int:
        """Of jobs that were deleted long ago; how many there were."""
        old = select(JobDeparture.id).where(JobDeparture.at < self._clock() - KEPT_SECONDS).limit(limit)
        gone = await session.execute(delete(DEPARTURE).where(DEPARTURE.c.id.in_(old)).returning(DEPARTURE.c.id))
        return len(gone.all())


async def _last(session: ReadSession, of: _Columns) -> int:
    return await session.scalar(select(func.max(of.id))) or 0


async def _between(session: ReadSession, whose: _Which, since: Mark, until: Mark, *, departures: bool = True) -> Missed:
    found: list[News] = []
    late = [number for number in since.missing if until.has_passed(number)]
    if late:
        # No more than are remembered, which can be read at once.
        found = (await _read(session, lambda of: whose(of) & of.id.in_(late), departures=departures))[0]

    def later(of: _Columns) -> ColumnElement[bool]:
        passed = whose(of) & (of.id > since.last) & (of.id <= until.last)
        return passed & of.id.not_in(until.missing) if until.missing else passed

    rest, more = await _read(session, later, departures=departures)
    return found + rest, more


async def _read(session: ReadSession, which: _Which, *, departures: bool = True) -> Missed:
    told = _EVENTS.where(which(JobEvent)).order_by(JobEvent.id).limit(AT_ONCE)
    found = [News(*row) for row in await session.execute(told)]
    ends = [found[-1].id] if len(found) == AT_ONCE else []
    if departures:
        gone = _DEPARTURES.where(which(JobDeparture)).order_by(JobDeparture.id).limit(AT_ONCE)
        left = [News(row[0], row[1], row[2], "deleted", {}) for row in await session.execute(gone)]
        ends += [left[-1].id] if len(left) == AT_ONCE else []
        # As far as both have been read.
        found = sorted((n for n in [*found, *left] if not ends or n.id <= min(ends)), key=lambda news: news.id)
    return found, bool(ends)

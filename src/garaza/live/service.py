"""Lets clients in, and follows for them what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from garaza.accounts.principal import Principal
from garaza.errors import not_found
from garaza.jobs.models import Job
from garaza.jobs.news import Mark
from garaza.jobs.newsreader import Missed, Newsreader
from garaza.jobs.service import JobService
from garaza.jobs.states import JobState, client_status
from garaza.kit.client_address import digest_of
from garaza.kit.database import Database, ReadSession
from garaza.kit.pagination import Paging
from garaza.live.connection import Connection, Heard, Line, Tally
from garaza.live.cursors import cursor_of
from garaza.live.endings import Endings
from garaza.live.hub import Hub
from garaza.live.keeper import Keeper
from garaza.live.places import Places
from garaza.live.told import ENDS, Note

MOST_SCANS = 50
"""That a guest may follow over one connection."""
_LISTED = Paging(page_size=100)
_LOOKS_AT_ONCE = 5


class LiveService:
    """Knows who may follow what, and from where on."""

    def __init__(
        self,
        database: Database,
        jobs: JobService,
        news: Newsreader,
        hub: Hub,
        keeper: Keeper,
        places: Places,
        endings: Endings,
        tally: Tally,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._news = news
        self.hub = hub
        self.keeper = keeper
        self.places = places
        self.endings = endings
        self.tally = tally
        self._looking = asyncio.Semaphore(_LOOKS_AT_ONCE)

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[ReadSession]:
        """A look at the database. When all come back at once, after a restart, they wait here and not for connections
        that requests need too.
        """
        async with self._looking, self._database.read() as session:
            yield session

    # Who ---------------------------------------------------------------------------------------------------------

    async def may_follow(self, job_id: str, who: Callable[[], Awaitable[Principal]]) -> Principal | None:
        """Whoever follows this scan. Only who asks for an account's has to say `who` it is.

        Raises:
            GarazaError: 401.
        """
        async with self._read() as session:
            owned = await self._jobs.is_owned(session, job_id)
        return await who() if owned else None

    # What --------------------------------------------------------------------------------------------------------

    def connect(
        self, line: Line, heard: Heard | None = None, *, beat: Note | None = None, answers: bool = False
    ) -> Connection:
        """A connection that follows nothing yet."""
        return Connection(line, self.hub, self.tally, heard=heard, beat=beat, answers=answers)

    async def follow_job(
        self, connection: Connection, job_id: str, viewer: Principal | None, last: Mark | None
    ) -> None:
        """Until the job has ended: from after what the client has seen, or else from the latest event, which says how
        things stand.

        Raises:
            GarazaError: 404.
        """
        feed = connection.feed
        feed.job_ids = (job_id,)
        feed.behind = Mark(0)
        connection.missed = partial(self._missed_of_jobs, [job_id])
        async with self.hub.follow(feed):
            async with self._read() as session:
                feed.seen = await self._start(session, job_id, viewer, last)
            feed.behind = feed.seen
            await self._run(connection)

    async def _start(self, session: ReadSession, job_id: str, viewer: Principal | None, last: Mark | None) -> Mark:
        await self._jobs.get(session, job_id, viewer)
        latest = await self._jobs.latest_event(session, job_id)
        if latest is None:
            return Mark(0)
        # A number from the future is none of ours (another data directory's, say). And who has seen the end already
        # is told it again: there is nothing else to wait for.
        if last is None or last.last > latest.id or (last.last == latest.id and latest.kind in ENDS):
            return Mark(latest.id - 1)
        return Mark(last.last)

    async def has_seen_the_end(self, job_id: str, viewer: Principal | None, last: Mark | None) -> bool:
        """Whether there is nothing more to come for a client.

        Raises:
            GarazaError: 404.
        """
        async with self._read() as session:
            await self._jobs.get(session, job_id, viewer)
            latest = await self._jobs.latest_event(session, job_id)
        return latest is not None and last is not None and last.last >= latest.id and latest.kind in ENDS

    async def follow_account(self, connection: Connection, user_id: int, last: Mark | None) -> None:
        """All that happens to an account's scans, for ever: from after what the client has seen, or else from now."""
        connection.feed.user_id = user_id
        connection.missed = partial(self._missed_of_account, user_id)

        async def own() -> list[Job]:
            async with self._read() as session:
                return list((await self._jobs.list_own(session, user_id, _LISTED)).rows)

        await self._follow_many(connection, last, own)

    async def follow_guests(self, connection: Connection, job_ids: list[str], last: Mark | None) -> None:
        """The same of some scans that belong to nobody.

        Raises:
            GarazaError: 404, none of them is there.
        """
        async with self._read() as session:
            there = await self._jobs.get_many(session, job_ids)
        if not there:
            raise not_found()
        ids = [job.id for job in there]
        connection.feed.job_ids = tuple(ids)
        connection.missed = partial(self._missed_of_jobs, ids)

        async def still_there() -> list[Job]:
            async with self._read() as session:
                return await self._jobs.get_many(session, ids)

        await self._follow_many(connection, last, still_there)

    async def _follow_many(
        self, connection: Connection, last: Mark | None, jobs: Callable[[], Awaitable[list[Job]]]
    ) -> None:
        feed = connection.feed
        feed.behind = Mark(0)
        async with self.hub.follow(feed) as now:
            if last is not None and last.last > now.last and not await self._is_past(last):
                last = None
            feed.seen = last or now
            listed = await jobs()
            feed.say(Note("hello", {"jobs": [_brief(job) for job in listed]}, cursor_of(feed.seen)))
            feed.behind = None if feed.seen == self.hub.mark else feed.seen
            await self._run(connection)

    async def _run(self, connection: Connection) -> None:
        self.keeper.enter(connection)
        try:
            await connection.run()
        finally:
            self.keeper.leave(connection)

    async def _is_past(self, mark: Mark) -> bool:
        """Whether somebody can have seen so much, be it in another process."""
        async with self._read() as session:
            return mark.last <= (await self._news.mark(session)).last

    async def _missed_of_account(self, user_id: int, since: Mark, until: Mark) -> Missed:
        async with self._read() as session:
            return await self._news.missed_of_account(session, user_id, since, until)

    async def _missed_of_jobs(self, job_ids: list[str], since: Mark, until: Mark) -> Missed:
        async with self._read() as session:
            return await self._news.missed_of_jobs(session, job_ids, since, until)


def place_of(connection: HTTPConnection) -> str:
    """Whose a connection is, as long as nobody has signed in."""
    return f"address:{digest_of(connection)}"


def place_of_account(who: Principal) -> str:
    """Whose it is then."""
    return f"user:{who.user_id}"


def _brief(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "status": client_status(JobState(job.state)),
        "phase": job.state,
        "progress": job.progress,
        "filename": job.original_name,
        "created_at": job.created_at,
    }

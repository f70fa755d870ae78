"""Reads what happens once, and hands it to everybody who follows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from garaza.jobs.news import Mark, News
from garaza.jobs.newsreader import Newsreader
from garaza.jobs.service import JobService
from garaza.kit.changes import Changes
from garaza.kit.database import Database, DatabaseUnavailableError
from garaza.kit.waiting import ended
from garaza.live.feed import Feed
from garaza.live.told import Told

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 1.0
_RECHECK_SECONDS = 1.0
"""How often it is looked whether the jobs listened to still exist: one that has expired has no event to tell it by."""
_IDS_AT_ONCE = 500
_PATIENCE_SECONDS = 10.0
"""How long a client is kept waiting while the table can't be read."""


class Hub:
    """Looks into the table of events while anybody listens: one query for each change, however many listen.

    All clients are sent events in the order in which the hub has read them, and `mark` says how far that is. What a
    client has missed before it came, or while it was slow, it reads from the table: exactly what the hub has read
    before. So nothing is lost or doubled.

    Args:
        changes: of events.
    """

    def __init__(self, database: Database, jobs: JobService, news: Newsreader, changes: Changes) -> None:
        self._database = database
        self._jobs = jobs
        self._news = news
        self._changes = changes
        self._by_job: dict[str, dict[Feed, None]] = {}
        self._by_user: dict[int, dict[Feed, None]] = {}
        self._listeners = 0
        self._somebody = asyncio.Event()
        self._known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._recheck_at = 0.0
        self.mark = Mark(0)
        """How far it has read, while anybody listens."""
        self.handed = 0
        """Events given to clients."""

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return self._listeners

    async def stop(self) -> None:
        """End. It begins by itself."""
        task, self._task = self._task, None
        await ended(task)

    def follow(self, feed: Feed) -> Following:
        """Around whatever takes from a feed: it has what happens after the mark that is given.

        Raises:
            DatabaseUnavailableError: when it begins; it can't be known now what has happened.
        """
        return Following(self, feed)

    async def enter(self, feed: Feed) -> Mark:
        """Begin to give a feed what happens."""
        self._listeners += 1
        self._somebody.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            await self._until_known()
        except BaseException:
            self.leave(feed)
            raise
        for feeds in self._places(feed):
            feeds[feed] = None
        return self.mark

    def leave(self, feed: Feed) -> None:
        """End it."""
        self._remove(feed)
        self._listeners -= 1
        if not self._listeners:
            self._somebody.clear()

    async def _until_known(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._known.wait()
        except TimeoutError:
            raise DatabaseUnavailableError from None

    def _places(self, feed: Feed) -> Iterator[dict[Feed, None]]:
        for job_id in feed.job_ids:
            yield self._by_job.setdefault(job_id, {})
        if feed.user_id is not None:
            yield self._by_user.setdefault(feed.user_id, {})

    def _remove(self, feed: Feed) -> None:
        for feeds in self._places(feed):
            feeds.pop(feed, None)
        for job_id in feed.job_ids:
            if not self._by_job[job_id]:
                del self._by_job[job_id]
        if feed.user_id is not None and not self._by_user[feed.user_id]:
            del self._by_user[feed.user_id]

    async def _run(self) -> None:
        async with self._changes:
            while True:
                await self._somebody.wait()
                await self._follow()

    async def _follow(self) -> None:
        """Until nobody listens any more."""
        try:
            while self._listeners:
                seen = self._changes.mark()
                try:
                    more = await self._look()
                    await self._tell_of_gone()
                except (DatabaseUnavailableError, PoolTimeoutError):
                    await asyncio.sleep(_TROUBLE_SECONDS)
                except Exception:
                    logger.exception("could not look for events")
                    await asyncio.sleep(_TROUBLE_SECONDS)
                else:
                    if not more:
                        await self._changes.wait(seen, _RECHECK_SECONDS)
        finally:
            # What happens while nobody listens, those who come read for themselves.
            self._known.clear()

    async def _look(self) -> bool:
        """Whether there may be more already."""
        async with self._database.read() as session:
            if not self._known.is_set():
                self.mark = await self._news.mark(session)
                self._known.set()
                return True
            found, more = await self._news.since(session, self.mark)
        self._hand_out(found)
        return more

    def _hand_out(self, found: list[News]) -> None:
        passed: list[int] = []
        for news in found:
            passed.append(news.id)
            of_job = self._by_job.get(news.job_id)
            of_user = None if news.user_id is None else self._by_user.get(news.user_id)
            if not of_job and not of_user:
                continue
            before = self.mark
            self.mark = self._news.moved(before, passed)
            passed = []
            told = Told(news, self.mark)
            for feeds in (of_job, of_user):
                for feed in feeds or ():
                    feed.put(told, before)
                self.handed += len(feeds or ())
            if news.kind == "deleted":
                self._by_job.pop(news.job_id, None)
        self.mark = self._news.moved(self.mark, passed)

    async def _tell_of_gone(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._recheck_at:
            return
        self._recheck_at = now + _RECHECK_SECONDS
        ids = list(self._by_job)
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[start : start + _IDS_AT_ONCE]
            async with self._database.read() as session:
                there = await self._jobs.still_there(session, some)
            for job_id in set(some) - there:
                told = Told(News(0, job_id, None, "deleted", {}), self.mark)
                for feed in self._by_job.pop(job_id, ()):
                    feed.put(told, self.mark)


class Following:
    """A block in which a feed is given what happens. Not a generator's, which takes a kilobyte for each."""

    __slots__ = ("_feed", "_hub")

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self._hub = hub
        self._feed = feed

    async def __aenter__(self) -> Mark:
        return await self._hub.enter(self._feed)

    async def __aexit__(self, *failure: object) -> None:
        self._hub.leave(self._feed)

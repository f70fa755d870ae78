"""What the service keeps copies of, and how it hears that they are outdated.

On SQLite the file itself says, to whichever process: see `kit.cache.file_versions`. On PostgreSQL processes tell each
other through the Redis that the settings name. Without one nobody tells: there nothing is kept, unless the settings say
for how long who signed in may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from garaza.accounts.repository import Identity
from garaza.jobs.kept import PREFIX as JOBS
from garaza.kit.cache.cache import Cache, Life, Subject
from garaza.kit.cache.codecs import JsonCodec
from garaza.kit.cache.file_versions import FileVersions
from garaza.kit.cache.memory import MemoryTier
from garaza.kit.cache.shared import SharedTier
from garaza.kit.database import Database, WriteSession
from garaza.kit.shared_store import SharedStore
from garaza.scans.kept import KeptFile, KeptStatus, seconds_to_keep
from garaza.settings import CacheSettings

_PREFIX = "garaza:cache:"


class Caching:
    """See the module. From when it is made, commits to the database are told of."""

    def __init__(self, settings: CacheSettings, database: Database, redis_url: str | None) -> None:
        shared = None if redis_url is None else SharedTier(_store(redis_url), _PREFIX)
        self._versions = FileVersions(str(database.url.database)) if database.dialect == "sqlite" else None
        in_file = self._versions is not None
        self.cache = Cache(
            MemoryTier(settings.max_bytes, settings.max_entries),
            shared,
            url=redis_url,
            alone=in_file,
            untold_seconds=settings.untold_seconds,
        )
        self.identities: Subject[Identity] = Subject(
            self.cache,
            "identity",
            JsonCodec(Identity),
            # Of a token that is for nobody any more it is asked again and again, too.
            Life(settings.account_seconds, min(settings.account_seconds, 10), shared=not in_file),
            validator=None if self._versions is None else self._versions.told,
        )
        self.statuses: Subject[KeptStatus] = Subject(
            self.cache,
            "status",
            JsonCodec(KeptStatus),
            Life(settings.status_seconds, shared=not in_file, strict=True),
            validator=None if self._versions is None else self._versions.commits,
            keep=None if in_file else seconds_to_keep,
        )
        self.files: Subject[KeptFile] = Subject(
            self.cache,
            "file",
            JsonCodec(KeptFile),
            Life(settings.status_seconds, shared=not in_file, strict=True),
            validator=None if self._versions is None else self._versions.commits,
        )
        database.around_commits.append(self._around_commit)

    def _around_commit(self, session: WriteSession, names: frozenset[str]) -> AbstractAsyncContextManager[None]:
        return self.cache.announcing(names) if self._versions is None else self._in_file(self._versions, session, names)

    @asynccontextmanager
    async def _in_file(
        self, versions: FileVersions, session: WriteSession, names: frozenset[str]
    ) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # Of jobs, every commit is looked at: a worker that reports is no reason to forget who signed in.
            if not all(name.startswith(JOBS) for name in names):
                await stack.enter_async_context(versions.telling(session))
            try:
                yield
            finally:
                self.cache.memory.outdate(names)

    async def stop(self) -> None:
        """End all that goes on."""
        await self.cache.stop()
        if self._versions is not None:
            self._versions.close()


def _store(url: str) -> SharedStore:
    return SharedStore(url, what="the shared cache", without="what is kept is found out by each process for itself")

"""What an operator sees and does. That it is an operator who asks is seen to by the routes."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence

from garaza.accounts.activities import ActivityLog
from garaza.accounts.models import Activity, User
from garaza.accounts.oversight import Oversight
from garaza.accounts.plans import Plan
from garaza.accounts.principal import NOBODY, Principal
from garaza.accounts.profile import Stats
from garaza.accounts.service import AccountService
from garaza.admin.disk import DiskState, DiskUsage
from garaza.admin.memory import Memory, give_back, memory_of, open_files, thread_count
from garaza.admin.schemas import (
    CleanupAnswer,
    ClearAnswer,
    MemoryAnswer,
    MemoryBody,
    UserChange,
)
from garaza.departures.service import Departures
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.jobs.upkeep import JobUpkeep, Stored
from garaza.kit.clock import Clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.pagination import Page, Paging
from garaza.rooms.service import RoomService
from garaza.rooms.sharing import ShareService

CLEANED_AT_ONCE = 1000
"""Scans that one call deletes."""
_IDS_TOLD = 100

Component = Callable[[], int | None]
"""How many bytes a part of the service takes; may block for a moment."""


class AdminService:
    """See the module. Callers own the transactions where a session is a parameter."""

    def __init__(
        self,
        database: Database,
        accounts: AccountService,
        oversight: Oversight,
        jobs: JobService,
        upkeep: JobUpkeep,
        rooms: RoomService,
        shares: ShareService,
        departures: Departures,
        disk: DiskUsage,
        clock: Clock,
        soon: Callable[[], None],
        components: Mapping[str, Component],
        caches: Sequence[Callable[[], None]],
        forget: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`forget`: has what takes longer than emptying a cache leave memory."""
        self._database = database
        self._accounts = accounts
        self._activities: ActivityLog = accounts.activities
        self._oversight = oversight
        self._jobs = jobs
        self._upkeep = upkeep
        self._rooms = rooms
        self._shares = shares
        self._departures = departures
        self._disk = disk
        self._clock = clock
        self._soon = soon
        self._components = components
        self._caches = caches
        self._forget = forget

    # Scans and the disk ------------------------------------------------------------------------------------------

    async def jobs(self, session: ReadSession, wanted: Paging, status: str | None) -> tuple[Page[Job], int | None]:
        """Everybody's scans, newest first, and how many there are, where the list is asked for by number.

        Sizes are those that rows hold, which were measured when the files were put in place; so a page costs the same
        however many files there are.
        """
        page = await self._jobs.list_all(session, wanted, status)
        if page.total is None and wanted.place is None and status is None:
            return page, await self._upkeep.count(session)
        return page, page.total

    async def disk(self) -> tuple[DiskState, int]:
        """The disk's state, and the number of scans. No transaction is open while the disk is walked."""
        state = await self._disk.state()
        async with self._database.read() as session:
            return state, await self._upkeep.count(session)

    async def clean_up(self, admin: Principal, max_age_hours: float, *, dry_run: bool) -> CleanupAnswer:
        """Delete scans that nothing has happened to for so long, whoever's they are, some at a time, the oldest first.

        Rooms made from them stay, with the result that they keep.
        """
        before = self._clock() - max_age_hours * 3600
        async with self._database.read() as session:
            found = await self._upkeep.older_than(session, before, CLEANED_AT_ONCE + 1)
            kept = await self._rooms.versions(session, [job.job_id for job in found])
        more = len(found) > CLEANED_AT_ONCE
        found = found[:CLEANED_AT_ONCE]
        if not dry_run:
            gone = await self._delete(admin, [job.job_id for job in found], before, max_age_hours)
            found = [job for job in found if job.job_id in gone]
        return CleanupAnswer(
            dry_run=dry_run,
            max_age_hours=max_age_hours,
            count=len(found),
            freed_bytes=sum(_freed(job, kept) for job in found),
            job_ids=[job.job_id for job in found[:_IDS_TOLD]],
            more=more,
        )

    async def _delete(self, admin: Principal, job_ids: list[str], before: float, max_age_hours: float) -> set[str]:
        async with self._database.write() as session:
            gone = await self._upkeep.mark_older(session, before, job_ids)
            text = f"Deleted {len(gone)} scan(s) older than {max_age_hours:g} hours"
            details = {"max_age_hours": max_age_hours, "count": len(gone), "job_ids": sorted(gone)[:_IDS_TOLD]}
            await self._activities.add(session, admin.user_id, "admin_cleanup", text, admin.signed(details))
        self._soon()
        return gone

    # Memory ------------------------------------------------------------------------------------------------------

    async def memory(self) -> MemoryAnswer:
        """What this process takes."""
        return await asyncio.to_thread(self._memory)

    def _memory(self) -> MemoryAnswer:
        own, pool = memory_of(), self._database.pool_state()
        return MemoryAnswer(
            rss_bytes=own.rss_bytes,
            peak_bytes=own.peak_bytes,
            components={name: measure() for name, measure in self._components.items()},
            gc_collections=[generation["collections"] for generation in gc.get_stats()],
            gc_waiting=list(gc.get_count()),
            threads=thread_count(),
            open_files=open_files(),
            database_connections={"in_use": pool.in_use, "idle": pool.idle, "overflow": pool.overflow},
        )

    async def clear_memory(self, admin: Principal) -> ClearAnswer:
        """Empty caches, collect garbage, and give free pages back to the system."""
        before = await asyncio.to_thread(memory_of)
        for drop in self._caches:
            drop()
        if self._forget is not None:
            await self._forget()
        collected, trimmed = await asyncio.to_thread(give_back)
        after = await asyncio.to_thread(memory_of)
        freed = max((before.rss_bytes or 0) - (after.rss_bytes or 0), 0)
        async with self._database.write() as session:
            details = admin.signed({"freed_bytes": freed})
            await self._activities.add(session, admin.user_id, "admin_clear_memory", "Cleared memory", details)
        return ClearAnswer(
            before=_body(before),
            after=_body(after),
            freed_bytes=freed,
            collected_objects=collected,
            trimmed=trimmed,
        )

    # Accounts ----------------------------------------------------------------------------------------------------

    async def users(
        self, session: ReadSession, wanted: Paging, plan: Plan | None, is_active: bool | None
    ) -> Page[User]:
        """Accounts, newest first: `paging(int)`."""
        return await self._accounts.page(session, wanted, plan, is_active=is_active)

    async def user(self, session: ReadSession, user_id: int) -> tuple[User, Stats]:
        """An account, and what it has used.

        Raises:
            GarazaError: 404.
        """
        user = await self._accounts.get(session, user_id)
        return user, await self._accounts.profile.stats(session, user_id)

    async def change_user(
        self, session: WriteSession, admin: Principal, user_id: int, change: UserChange
    ) -> tuple[User, Stats]:
        """Change what an account is or may.

        Whoever is locked out can't be reached by the links they gave away either: those are revoked.

        Raises:
            GarazaError: 404; 409, no admin would be left.
        """
        # Accounts are locked all at once: two admins who change each other would otherwise wait for each other.
        if change.is_active is not None or change.role is not None:
            await self._oversight.change(session, user_id, is_active=change.is_active, role=change.role)
        if change.is_active is False:
            await self._shares.revoke_of(session, user_id)
        if change.plan is not None:
            await self._accounts.profile.change_plan(session, admin, change.plan, user_id)
        # As it is now, whatever this session has read before.
        session.expire_all()
        user, stats = await self.user(session, user_id)
        changes = change.model_dump(mode="json", exclude_none=True)
        if changes:
            what = ", ".join(f"{name}: {value}" for name, value in changes.items())
            # A machine has no activities of its own: then it is told among the account's.
            whose = admin.user_id if admin.user_id != NOBODY else user_id
            details = admin.signed({"user_id": user_id, **changes})
            await self._activities.add(
                session, whose, "admin_user_update", f"Changed account {user_id}: {what}", details
            )
        return user, stats

    async def close_user(self, admin: Principal, user_id: int) -> None:
        """Close an account, with everything that it has. Owns its transaction.

        Raises:
            GarazaError: 404; 409, no admin would be left.
        """
        async with self._database.write() as session:
            await self._departures.close(session, user_id)
            details = admin.signed({"user_id": user_id})
            await self._activities.add(
                session, admin.user_id, "admin_user_delete", f"Closed account {user_id}", details
            )
        self._departures.closed(user_id)

    async def activities(self, session: ReadSession, wanted: Paging, action: str | None) -> Page[Activity]:
        """What anybody did, newest first: `paging(int)`."""
        return await self._oversight.activities(session, wanted, action)


def _freed(job: Stored, kept: set[tuple[str, str]]) -> int:
    return job.upload_bytes if (job.job_id, job.version or "") in kept else job.size_bytes


def _body(memory: Memory) -> MemoryBody:
    return MemoryBody(rss_bytes=memory.rss_bytes, peak_bytes=memory.peak_bytes)

"""The rules of rooms: what may be kept, and who sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import garaza
from garaza.accounts.activities import ActivityLog
from garaza.accounts.principal import Principal
from garaza.accounts.quota import Quota
from garaza.errors import GarazaError, changed_meanwhile, not_found
from garaza.jobs.keeping import file_rows, hold_result
from garaza.jobs.models import Job
from garaza.jobs.service import JobService
from garaza.jobs.states import JobState
from garaza.kit.blobs.port import Blobs, result_key
from garaza.kit.clock import Clock
from garaza.kit.conditional import Validators, tag_of
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.pagination import Page, Paging
from garaza.reconstruction.result import RESULT_FILE, Result
from garaza.rooms.answers import SHOWN_TYPES, THUMBNAILS, own_room
from garaza.rooms.models import Room
from garaza.rooms.repository import RoomRepository, StoredFile
from garaza.rooms.schemas import RoomAnswer, RoomChange, RoomRequest

Fits = Callable[[Validators], None]
"""Raises if something isn't as a client believes it to be."""

_SAVE_ATTEMPTS = 3
_LONGEST_PATH = 300


class RoomService:
    """See the module. A room of somebody else's, and one that isn't there, look the same."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        jobs: JobService,
        quota: Quota,
        activities: ActivityLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._jobs = jobs
        self._quota = quota
        self._activities = activities
        self._clock = clock
        self._rooms = RoomRepository()

    # What owners do ----------------------------------------------------------------------------------------------

    async def save(self, viewer: Principal, request: RoomRequest) -> RoomAnswer:
        """Keep a finished scan, one's own or a guest's. Owns its transactions: none is open while files are read.

        Raises:
            GarazaError: 403 where the plan has no room for it; 404; 409 while there is nothing to keep.
        """
        for _ in range(_SAVE_ATTEMPTS):
            async with self._database.read() as reading:
                job = await self._finished(reading, viewer, request.job_id)
            version = job.result_version or ""
            try:
                [text] = await self._blobs.read(result_key(job.id, version) / RESULT_FILE)
            except FileNotFoundError:
                # Deleted, or replaced by another scale, since the row was read: look at the row as it is now.
                continue
            result = Result.parse(text)
            async with self._database.write() as session:
                room = await self._add(session, viewer, request, job, _described(job, version, result))
                if room is not None:
                    return await self._answer(session, room)
        raise changed_meanwhile()

    async def _finished(self, session: ReadSession, viewer: Principal, job_id: str) -> Job:
        job = await self._jobs.get(session, job_id, viewer)
        if job.user_id not in {None, viewer.user_id}:
            # Admins may look at everybody's scans, but not make them their own.
            raise not_found()
        if job.state != JobState.COMPLETED.value:
            detail = "Only a finished scan can be kept as a room. Its status says how far this one is."
            raise GarazaError(409, "not_completed", detail, status_now=job.state)
        return job

    async def _add(
        self, session: WriteSession, viewer: Principal, request: RoomRequest, job: Job, room: Room
    ) -> Room | None:
        """Put the row in; None if the result that it refers to isn't the scan's any more."""
        # The scan's row is locked before the account's, as wherever both are.
        size = await hold_result(session, room.job_id, room.version)
        if size is None:
            return None
        user_id = viewer.user_id
        # What the account has already on disk takes no more.
        stored = job.user_id == user_id or await self._rooms.has_stored(session, user_id, room.job_id, room.version)
        await self._quota.allow_storage(session, user_id, 0 if stored else size)
        # The account's row is locked by now: of two saves at once the second counts the first one's room.
        await self._quota.allow_room(session, user_id, await self._rooms.count(session, user_id))
        now = self._clock()
        room.user_id, room.name, room.description = viewer.user_id, request.name, request.description or ""
        room.file_size_bytes, room.created_at, room.updated_at = size, now, now
        await self._rooms.add(session, room)
        await self._rooms.copy_files(session, room.id, file_rows(room.job_id))
        details = {"room_id": room.id, "job_id": room.job_id}
        await self._activities.add(session, viewer.user_id, "room_save", f"Saved the room {room.name}", details)
        return room

    async def page(self, session: ReadSession, user_id: int, wanted: Paging) -> tuple[list[RoomAnswer], Page[Room]]:
        """Somebody's rooms, newest first. Two queries, whatever the page's length."""
        page = await self._rooms.page(session, user_id, wanted)
        if not page.rows:
            return [], page
        files = await self._rooms.files(session, [room.id for room in page.rows], SHOWN_TYPES)
        return [own_room(room, files.get(room.id, {})) for room in page.rows], page

    async def get(self, session: ReadSession, user_id: int, room_id: int) -> tuple[RoomAnswer, Validators]:
        """One room, and what tells whether it has changed.

        Raises:
            GarazaError: 404.
        """
        room = await self.owned(session, user_id, room_id)
        return await self._answer(session, room), validators_of(room)

    async def owned(self, session: ReadSession, user_id: int, room_id: int) -> Room:
        """The row of somebody's room.

        Raises:
            GarazaError: 404.
        """
        room = await self._rooms.get(session, room_id, user_id)
        if room is None:
            raise not_found("room")
        return room

    async def _answer(self, session: ReadSession, room: Room) -> RoomAnswer:
        files = await self._rooms.files(session, [room.id], SHOWN_TYPES)
        return own_room(room, files.get(room.id, {}))

    async def change(
        self, session: WriteSession, user_id: int, room_id: int, change: RoomChange, fits: Fits | None = None
    ) -> tuple[RoomAnswer, Validators]:
        """Give it another name or description, if it is still as the client knows it.

        Raises:
            GarazaError: 404. What `fits` raises.
        """
        await self._look_at_it(session, user_id, room_id, fits)
        new = change.model_dump(exclude_none=True)
        if not new:
            return await self.get(session, user_id, room_id)
        room = await self._rooms.change(session, room_id, user_id, {**new, "updated_at": self._clock()})
        if room is None:
            raise not_found("room")
        await self._activities.add(
            session, user_id, "room_update", f"Changed the room {room.name}", {"room_id": room_id}
        )
        return await self._answer(session, room), validators_of(room)

    async def _look_at_it(self, session: WriteSession, user_id: int, room_id: int, fits: Fits | None) -> None:
        if fits is None:
            return
        # Locked: between this look and the change it must not become another one.
        room = await self._rooms.lock(session, room_id, user_id)
        if room is None:
            raise not_found("room")
        fits(validators_of(room))

    async def delete(self, session: WriteSession, user_id: int, room_id: int, fits: Fits | None = None) -> None:
        """Take it from its owner. Its files and its row go once this is committed: see `housekeeping`.

        Raises:
            GarazaError: 404. What `fits` raises.
        """
        await self._look_at_it(session, user_id, room_id, fits)
        name = await self._rooms.mark(session, room_id, user_id, self._clock())
        if name is None:
            raise not_found("room")
        await self._activities.add(session, user_id, "room_delete", f"Deleted the room {name}", {"room_id": room_id})

    async def file(self, session: ReadSession, user_id: int, room_id: int, path: str) -> StoredFile:
        """A file of somebody's room.

        Raises:
            GarazaError: 404.
        """
        found = await self._rooms.file(session, room_id, user_id, [path]) if is_plausible(path) else None
        if found is None:
            raise not_found("file")
        return found

    async def thumbnail(self, session: ReadSession, user_id: int, room_id: int) -> StoredFile:
        """The picture of somebody's room.

        Raises:
            GarazaError: 404.
        """
        found = await self._rooms.file(session, room_id, user_id, THUMBNAILS)
        if found is None:
            raise not_found("room")
        return found

    # What housekeeping asks and does -----------------------------------------------------------------------------

    async def refers(self, session: ReadSession, job_id: str, version: str) -> bool:
        """Whether a room keeps this result."""
        return await self._rooms.refers(session, job_id, version)

    async def versions(self, session: ReadSession, job_ids: list[str]) -> set[tuple[str, str]]:
        """Which results of these jobs rooms keep."""
        return await self._rooms.versions(session, job_ids)

    async def mark_of(self, session: WriteSession, user_id: int) -> None:
        """Take all rooms from somebody whose account is closed."""
        await self._rooms.mark_of(session, user_id, self._clock())

    async def marked(self, session: ReadSession, limit: int) -> list[int]:
        """Rooms that are deleted, and whose rows are still there."""
        return list(await self._rooms.marked(session, limit))

    async def marked_of(self, session: ReadSession, user_id: int, limit: int) -> list[int]:
        """The same, of one account."""
        return list(await self._rooms.marked_of(session, user_id, limit))

    async def get_marked(self, session: ReadSession, room_id: int) -> Room | None:
        """The row of a deleted room; None once it is gone."""
        return await self._rooms.get_marked(session, room_id)

    async def finish_deleted(self, session: WriteSession, room_id: int) -> bool:
        """Take the row of a deleted room whose files are gone; False if it was gone already."""
        return await self._rooms.remove(session, room_id)

    async def after(self, session: ReadSession, room_id: int, limit: int) -> list[Room]:
        """Rooms that should have their files, in the order of their ids."""
        return list(await self._rooms.after(session, room_id, limit))

    async def files_lost(self, session: WriteSession, room_id: int) -> None:
        """Nothing of it can be served any more; its owner sees that it is empty."""
        await self._rooms.forget_files(session, room_id)


def validators_of(room: Room) -> Validators:
    """What tells whether a room has changed, for its owner: of all in its row that ever does."""
    at = float(room.updated_at)
    tag = tag_of(garaza.__version__, room.id, room.name, room.description, at, room.file_size_bytes)
    return Validators((tag,), at)


def is_plausible(path: str) -> bool:
    """Whether a file could have this name; databases refuse to look for some that can't be."""
    return len(path) <= _LONGEST_PATH and path.isprintable()


def _described(job: Job, version: str, result: Result) -> Room:
    """What a room says of the result that it keeps."""
    full = next(model for model in result.models if model.level == "full")
    return Room(
        job_id=job.id,
        version=version,
        frame_count=len(result.frames),
        point_count=full.vertices,
        model_used=result.engine,
        original_width=result.source.width,
        original_height=result.source.height,
        levels=[dataclasses.asdict(model) for model in result.models],
    )

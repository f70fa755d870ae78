"""All SQL of rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, exists, func, insert, literal, select, update

from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.pagination import Page, Paging, read_page
from garaza.rooms.models import Room, RoomFile, RoomShare

_FILE = ("room_id", "path", "media_type", "size_bytes", "sha256")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a room, and the result that it lies in."""

    file: RoomFile
    job_id: str
    version: str


class RoomRepository:
    """Reads and writes rows; knows no rules. Rooms that are marked as deleted are found only by what says so."""

    # Rooms -------------------------------------------------------------------------------------------------------

    async def add(self, session: WriteSession, room: Room) -> None:
        session.add(room)
        await session.flush()

    async def copy_files(self, session: WriteSession, room_id: int, files: Select[str, str, int, str]) -> None:
        """Give a room the files that `files` selects."""
        path, *others = files.selected_columns
        rows = files.with_only_columns(literal(room_id), path, *others)
        await session.execute(insert(RoomFile).from_select(_FILE, rows))

    async def get(self, session: ReadSession, room_id: int, user_id: int) -> Room | None:
        statement = select(Room).where(Room.id == room_id, Room.user_id == user_id, Room.deleted_at.is_(None))
        return (await session.scalars(statement)).first()

    async def lock(self, session: WriteSession, room_id: int, user_id: int) -> Room | None:
        """The same, so that nobody else changes it until this transaction ends."""
        statement = select(Room).where(Room.id == room_id, Room.user_id == user_id, Room.deleted_at.is_(None))
        return (await session.scalars(statement.with_for_update())).first()

    async def page(self, session: ReadSession, user_id: int, wanted: Paging) -> Page[Room]:
        """Somebody's rooms, newest first."""
        statement = select(Room).where(Room.user_id == user_id, Room.deleted_at.is_(None))
        return await read_page(session, statement, (Room.created_at, Room.id), wanted, count_to=None)

    async def count(self, session: ReadSession, user_id: int) -> int:
        own = select(func.count()).select_from(Room).where(Room.user_id == user_id, Room.deleted_at.is_(None))
        return await session.scalar(own) or 0

    async def change(self, session: WriteSession, room_id: int, user_id: int, values: dict[str, Any]) -> Room | None:
        """Change somebody's room; None if there is none such."""
        statement = (
            update(Room)
            .where(Room.id == room_id, Room.user_id == user_id, Room.deleted_at.is_(None))
            .values(**values)
            .execution_options(synchronize_session=False, populate_existing=True)
            .returning(Room)
        )
        return (await session.scalars(statement)).first()

    # Files -------------------------------------------------------------------------------------------------------

    async def files(
        self, session: ReadSession, room_ids: Iterable[int], media_types: Iterable[str]
    ) -> dict[int, dict[str, RoomFile]]:
        """Files of these types, by room and path."""
        statement = select(RoomFile).where(
            RoomFile.room_id.in_(list(room_ids)), RoomFile.media_type.in_(list(media_types))
        )
        found: dict[int, dict[str, RoomFile]] = {}
        for file in await session.scalars(statement):
            found.setdefault(file.room_id, {})[file.path] = file
        return found

    async def file(self, session: ReadSession, room_id: int, user_id: int, paths: Sequence[str]) -> StoredFile | None:
        """The first of these files that somebody's room has, in one query."""
        statement = self._file(paths).where(Room.id == room_id, Room.user_id == user_id)
        return await self._first(session, statement, paths)

    async def shared_file(
        self, session: ReadSession, share_id: str, room_id: int, paths: Sequence[str], now: float
    ) -> StoredFile | None:
        """The first of these files that the room has, while this link opens it, in one query."""
        statement = self._file(paths).where(Room.id == room_id, self._opens(share_id, now))
        return await self._first(session, statement, paths)

    @staticmethod
    def _file(paths: Sequence[str]) -> Select[RoomFile, str, str]:
        return (
            select(RoomFile, Room.job_id, Room.version)
            .join(Room, Room.id == RoomFile.room_id)
            .where(RoomFile.path.in_(paths), Room.deleted_at.is_(None))
        )

    @staticmethod
    async def _first(
        session: ReadSession, statement: Select[RoomFile, str, str], paths: Sequence[str]
    ) -> StoredFile | None:
        found = {row[0].path: StoredFile(*row) for row in await session.execute(statement)}
        return next((found[path] for path in paths if path in found), None)

    # Who refers to which result ----------------------------------------------------------------------------------

    async def refers(self, session: ReadSession, job_id: str, version: str) -> bool:
        statement = select(Room.id).where(Room.job_id == job_id, Room.version == version, Room.deleted_at.is_(None))
        return await session.scalar(statement.limit(1)) is not None

    async def has_stored(self, session: ReadSession, user_id: int, job_id: str, version: str) -> bool:
        """Whether a room of this account, be it marked as deleted, keeps this result on disk."""
        statement = select(Room.id).where(Room.job_id == job_id, Room.version == version, Room.user_id == user_id)
        return await session.scalar(statement.limit(1)) is not None

    async def versions(self, session: ReadSession, job_ids: Iterable[str]) -> set[tuple[str, str]]:
        """Job and version of the results that rooms keep of these jobs."""
        statement = select(Room.job_id, Room.version).where(Room.job_id.in_(list(job_ids)), Room.deleted_at.is_(None))
        return {(row[0], row[1]) for row in await session.execute(statement)}

    async def after(self, session: ReadSession, room_id: int, limit: int) -> Sequence[Room]:
        """Rooms in the order of their ids, those whose files are known to be lost left out."""
        has_files = exists().where(RoomFile.room_id == Room.id)
        statement = select(Room).where(Room.id > room_id, Room.deleted_at.is_(None), has_files)
        return (await session.scalars(statement.order_by(Room.id).limit(limit))).all()

    async def forget_files(self, session: WriteSession, room_id: int) -> None:
        """A room's files are lost."""
        await session.execute(delete(RoomFile).where(RoomFile.room_id == room_id))
        await session.execute(
            update(Room)
            .where(Room.id == room_id)
            .values(file_size_bytes=0)
            .execution_options(synchronize_session=False)
        )

    # Deleting ----------------------------------------------------------------------------------------------------

    async def mark(self, session: WriteSession, room_id: int, user_id: int, now: float) -> str | None:
        """Mark somebody's room as deleted; its name, or None if there is none such."""
        room = await self.change(session, room_id, user_id, {"deleted_at": now})
        return None if room is None else room.name

    async def mark_of(self, session: WriteSession, user_id: int, now: float) -> None:
        """Mark all rooms of somebody."""
        await session.execute(
            update(Room)
            .where(Room.user_id == user_id, Room.deleted_at.is_(None))
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )

    async def marked(self, session: ReadSession, limit: int) -> Sequence[int]:
        statement = select(Room.id).where(Room.deleted_at.is_not(None)).order_by(Room.deleted_at, Room.id)
        return (await session.scalars(statement.limit(limit))).all()

    async def marked_of(self, session: ReadSession, user_id: int, limit: int) -> Sequence[int]:
        statement = select(Room.id).where(Room.user_id == user_id, Room.deleted_at.is_not(None))
        return (await session.scalars(statement.limit(limit))).all()

    async def get_marked(self, session: ReadSession, room_id: int) -> Room | None:
        return (await session.scalars(select(Room).where(Room.id == room_id, Room.deleted_at.is_not(None)))).first()

    async def remove(self, session: WriteSession, room_id: int) -> bool:
        """Take the row of a marked room, with those of its files and links."""
        statement = delete(Room).where(Room.id == room_id, Room.deleted_at.is_not(None)).returning(Room.id)
        return (await session.execute(statement)).first() is not None

    # Links -------------------------------------------------------------------------------------------------------

    async def add_share(self, session: WriteSession, share: RoomShare) -> None:
        session.add(share)
        await session.flush()

    async def shares(self, session: ReadSession, room_id: int, now: float) -> Sequence[RoomShare]:
        """Links to a room that are good, newest first."""
        statement = select(RoomShare).where(
            RoomShare.room_id == room_id, RoomShare.revoked_at.is_(None), RoomShare.expires_at > now
        )
        return (await session.scalars(statement.order_by(RoomShare.created_at.desc(), RoomShare.id))).all()

    async def revoke(self, session: WriteSession, room_id: int, share_id: str, now: float) -> bool:
        """Close a link to a room; False if there is none such, or it is closed already."""
        statement = (
            update(RoomShare)
            .where(RoomShare.id == share_id, RoomShare.room_id == room_id, RoomShare.revoked_at.is_(None))
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
            .returning(RoomShare.id)
        )
        return (await session.execute(statement)).first() is not None

    async def revoke_of(self, session: WriteSession, user_id: int, now: float) -> None:
        """Close all links to somebody's rooms."""
        own = select(Room.id).where(Room.user_id == user_id)
        await session.execute(
            update(RoomShare)
            .where(RoomShare.room_id.in_(own), RoomShare.revoked_at.is_(None))
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )

    async def shared_room(self, session: ReadSession, share_id: str, room_id: int, now: float) -> Room | None:
        """The room, while this link opens it."""
        statement = select(Room).where(Room.id == room_id, Room.deleted_at.is_(None), self._opens(share_id, now))
        return (await session.scalars(statement)).first()

    async def remove_shares(self, session: WriteSession, before: float, limit: int) -> int:
        """Take rows of links that expired before; how many."""
        old = select(RoomShare.id).where(RoomShare.expires_at < before).order_by(RoomShare.expires_at).limit(limit)
        gone = await session.execute(delete(RoomShare).where(RoomShare.id.in_(old)).returning(RoomShare.id))
        return len(gone.all())

    @staticmethod
    def _opens(share_id: str, now: float) -> Any:
        return exists().where(
            RoomShare.id == share_id,
            RoomShare.room_id == Room.id,
            RoomShare.revoked_at.is_(None),
            RoomShare.expires_at > now,
        )

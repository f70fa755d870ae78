"""Links that open one room to whoever has them, to read: signed, expiring, revocable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from garaza.accounts.activities import ActivityLog
from garaza.errors import GarazaError, not_found
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.times import iso_time
from garaza.rooms.answers import SHOWN_TYPES, THUMBNAILS, shared_room
from garaza.rooms.models import RoomShare
from garaza.rooms.repository import RoomRepository, StoredFile
from garaza.rooms.schemas import ShareAnswer, SharedRoomAnswer, ShareRequest
from garaza.rooms.service import RoomService, is_plausible
from garaza.rooms.share_tokens import ShareClaims, ShareTokens

DAY_SECONDS = 24 * 3600
MAX_LINKS = 50
"""That one room has at a time."""
PURGE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that was made here, and hasn't expired. Whether it was revoked is for the database to say."""

    token: str
    share_id: str
    room_id: int


class ShareService:
    """See the module."""

    def __init__(
        self,
        rooms: RoomService,
        tokens: ShareTokens,
        activities: ActivityLog,
        clock: Clock,
        days_max: float,
    ) -> None:
        self._service = rooms
        self._tokens = tokens
        self._activities = activities
        self._clock = clock
        self._days_max = days_max
        self._rooms = RoomRepository()

    # What owners do ----------------------------------------------------------------------------------------------

    async def share(self, session: WriteSession, user_id: int, room_id: int, request: ShareRequest) -> ShareAnswer:
        """Make a link to somebody's room.

        Raises:
            GarazaError: 404; 409 when it has too many; 422 when it would be good for too long.
        """
        if request.expires_in_days > self._days_max:
            detail = f"A link is good for {self._days_max:g} days at most."
            raise GarazaError(422, "too_long", detail, days_max=self._days_max)
        room = await self._service.owned(session, user_id, room_id)
        now = self._clock()
        if len(await self._rooms.shares(session, room_id, now)) >= MAX_LINKS:
            detail = f"This room has {MAX_LINKS} links already. Revoke one first."
            raise GarazaError(409, "too_many_links", detail)
        # Whole seconds, as in the token.
        expires_at = float(int(now + request.expires_in_days * DAY_SECONDS))
        link = RoomShare(id=new_id(), room_id=room_id, created_at=now, expires_at=expires_at)
        await self._rooms.add_share(session, link)
        details = {"room_id": room_id, "share_id": link.id}
        await self._activities.add(session, user_id, "room_share", f"Shared the room {room.name}", details)
        return self._answer(link)

    async def links(self, session: ReadSession, user_id: int, room_id: int) -> list[ShareAnswer]:
        """The links to somebody's room that are good, newest first.

        Raises:
            GarazaError: 404.
        """
        await self._service.owned(session, user_id, room_id)
        return [self._answer(link) for link in await self._rooms.shares(session, room_id, self._clock())]

    async def revoke(self, session: WriteSession, user_id: int, room_id: int, share_id: str) -> None:
        """Close a link.

        Raises:
            GarazaError: 404.
        """
        room = await self._service.owned(session, user_id, room_id)
        if not is_id(share_id) or not await self._rooms.revoke(session, room_id, share_id, self._clock()):
            raise not_found("link")
        details = {"room_id": room_id, "share_id": share_id}
        await self._activities.add(session, user_id, "share_revoke", f"Closed a link to the room {room.name}", details)

    async def revoke_of(self, session: WriteSession, user_id: int) -> None:
        """Close all links of an account that is locked."""
        await self._rooms.revoke_of(session, user_id, self._clock())

    async def purge(self, session: WriteSession, limit: int = 1000) -> int:
        """Forget links that have expired; how many."""
        return await self._rooms.remove_shares(session, self._clock(), limit)

    def _answer(self, link: RoomShare) -> ShareAnswer:
        token = self._tokens.make(ShareClaims(link.id, link.room_id, link.expires_at))
        return ShareAnswer(
            id=link.id,
            url=f"/api/shared/{token}",
            token=token,
            created_at=iso_time(link.created_at),
            expires_at=iso_time(link.expires_at),
        )

    # What whoever has a link does --------------------------------------------------------------------------------

    def read(self, token: str) -> Opened:
        """What a link says that was made here and hasn't expired. Asks no database.

        Raises:
            GarazaError: 404.
        """
        claims = self._tokens.read(token)
        if claims is None:
            raise not_found("link")
        return Opened(token, claims.share_id, claims.room_id)

    async def room(self, session: ReadSession, opened: Opened) -> SharedRoomAnswer:
        """The room that a link opens.

        Raises:
            GarazaError: 404 if it was revoked, or the room deleted.
        """
        room = await self._rooms.shared_room(session, opened.share_id, opened.room_id, self._clock())
        if room is None:
            raise not_found("link")
        files = await self._rooms.files(session, [room.id], SHOWN_TYPES)
        return shared_room(room, files.get(room.id, {}), opened.token)

    async def file(self, session: ReadSession, opened: Opened, path: str) -> StoredFile:
        """A file of the room that a link opens.

        Raises:
            GarazaError: 404.
        """
        return await self._file(session, opened, [path] if is_plausible(path) else [])

    async def thumbnail(self, session: ReadSession, opened: Opened) -> StoredFile:
        """The picture of the room that a link opens.

        Raises:
            GarazaError: 404.
        """
        return await self._file(session, opened, THUMBNAILS)

    async def _file(self, session: ReadSession, opened: Opened, paths: Sequence[str]) -> StoredFile:
        found = await self._rooms.shared_file(session, opened.share_id, opened.room_id, paths, self._clock())
        if found is None:
            raise not_found("file")
        return found

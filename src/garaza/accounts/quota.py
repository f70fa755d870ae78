"""What an account's plan, or a guest's day, still allows.

Months and days are those of UTC. Nothing resets a counter: it is kept with the month that it counts, and in another
one it reads as none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement

from garaza.accounts.plans import LIMITS, UNLIMITED, Plan
from garaza.accounts.repository import AccountRepository
from garaza.errors import GarazaError, not_found
from garaza.kit.clock import Clock
from garaza.kit.database import WriteSession
from garaza.kit.times import iso_time
from garaza.settings import AccountSettings

StorageMeter = Callable[[ColumnElement[int] | int], ColumnElement[int]]
"""From an account's id to a scalar subquery: the bytes on disk that are counted as its own."""


class Quota:
    """See the module. Callers own the transaction: what is refused afterwards hasn't been charged."""

    def __init__(self, settings: AccountSettings, storage: StorageMeter, clock: Clock) -> None:
        self._settings = settings
        self._storage = storage
        self._clock = clock
        self._accounts = AccountRepository()

    # Scans -------------------------------------------------------------------------------------------------------

    async def charge_scan(self, session: WriteSession, user_id: int) -> None:
        """Count one scan.

        Raises:
            GarazaError: 403, no scan is left this month; 404, there is no such account.
        """
        now = self._clock()
        if await self._accounts.count_scan(session, user_id, month_of(now)):
            return
        plan = await self._plan(session, user_id)
        limit = LIMITS[plan].scans_per_month
        resets_at = iso_time(next_month(now))
        raise GarazaError(
            403,
            "scan_limit_reached",
            f"Your plan has {limit} scans a month, and all are used. There are new ones from {resets_at[:10]} on.",
            limit=limit,
            resets_at=resets_at,
        )

    async def charge_guest(self, session: WriteSession, guest: str) -> None:
        """Count one scan of a guest.

        Args:
            guest: digest of the address.

        Raises:
            GarazaError: 403, none is left today.
        """
        limit = self._settings.guest_scans_per_day
        now = self._clock()
        if limit != 0 and await self._accounts.count_guest_scan(session, day_of(now), guest, limit):
            return
        raise GarazaError(
            403,
            "guest_limit_reached",
            f"Without an account there are {limit} scans a day. Sign in, or come back tomorrow.",
            limit=limit,
            resets_at=iso_time(next_day(now)),
        )

    # Room on disk ------------------------------------------------------------------------------------------------

    async def allow_storage(
        self, session: WriteSession, user_id: int, more_bytes: int, promised: ColumnElement[int] | int = 0
    ) -> None:
        """Whether an account may keep so much more. Others who ask for it wait until this transaction ends.

        Args:
            promised: what it was allowed before and hasn't stored yet.

        Raises:
            GarazaError: 403, it would be more than the plan has; 404, there is no such account.
        """
        plan = await self._plan(session, user_id)
        # A statement of its own, so that it sees what those had stored who held the lock before.
        used = await self._accounts.value(session, self._storage(user_id) + promised)
        self._allow_bytes(used, more_bytes, LIMITS[plan].storage_bytes, "Your plan has")

    def allow_guest_storage(self, used: int, more_bytes: int) -> None:
        """Whether a guest who has so much may keep so much more.

        Raises:
            GarazaError: 403.
        """
        self._allow_bytes(used, more_bytes, self._settings.guest_storage_bytes, "Without an account there are")

    @staticmethod
    def _allow_bytes(used: int, more: int, limit: int, whose: str) -> None:
        if limit == UNLIMITED or used + more <= limit:
            return
        sizes = f"{whose} {_size(limit)} of storage, of which {_size(used)} are used, unfinished uploads included"
        raise GarazaError(
            403, "storage_limit_reached", f"{sizes}. Delete old scans or rooms first.", used=used, limit=limit
        )

    # Rooms -------------------------------------------------------------------------------------------------------

    async def allow_room(self, session: WriteSession, user_id: int, rooms_now: int | ColumnElement[int]) -> None:
        """Whether an account may have one room more. Others who ask for it wait until this transaction ends.

        Args:
            rooms_now: how many it has; as an expression it is evaluated when nobody can add another one any more.

        Raises:
            GarazaError: 403, the plan has no more; 404, there is no such account.
        """
        limit = LIMITS[await self._plan(session, user_id)].rooms
        if limit == UNLIMITED:
            return
        count = rooms_now if isinstance(rooms_now, int) else await self._accounts.value(session, rooms_now)
        if count >= limit:
            raise GarazaError(
                403, "room_limit_reached", f"Your plan has {limit} saved rooms. Delete one first.", limit=limit
            )

    async def _plan(self, session: WriteSession, user_id: int) -> Plan:
        plan = await self._accounts.lock_plan(session, user_id)
        if plan is None:
            raise not_found("account")
        return plan


def month_of(now: float) -> int:
    """As 202611."""
    at = datetime.fromtimestamp(now, UTC)
    return at.year * 100 + at.month


def next_month(now: float) -> float:
    """The first moment of the month after, Unix seconds."""
    at = datetime.fromtimestamp(now, UTC)
    return datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC).timestamp()


def day_of(now: float) -> int:
    """As 20261124."""
    at = datetime.fromtimestamp(now, UTC)
    return (at.year * 100 + at.month) * 100 + at.day


def next_day(now: float) -> float:
    """The first moment of the day after, Unix seconds."""
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).timestamp()


def _size(number: int) -> str:
    return f"{number / (1 << 30):.2f} GiB" if number >= 1 << 30 else f"{number / (1 << 20):.1f} MiB"

"""What somebody sees of their account, and which plan it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from garaza.accounts.activities import ActivityLog
from garaza.accounts.models import Activity
from garaza.accounts.plans import LIMITS, ORDER, Limits, Plan
from garaza.accounts.principal import Principal
from garaza.accounts.quota import StorageMeter, month_of, next_month
from garaza.accounts.repository import AccountRepository, Counters
from garaza.errors import GarazaError, not_found
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession, WriteSession

RECENT_ACTIVITIES = 10


@dataclass(frozen=True, slots=True)
class Stats:
    """What an account has used, and may use."""

    plan: Plan
    limits: Limits
    scans_this_month: int
    total_scans: int
    storage_used: int
    """Bytes."""
    scans_reset_at: float
    """Unix seconds."""


class ProfileService:
    """See the module. Callers own the transaction."""

    def __init__(self, activities: ActivityLog, storage: StorageMeter, clock: Clock) -> None:
        self._activities = activities
        self._storage = storage
        self._clock = clock
        self._accounts = AccountRepository()

    async def stats(self, session: ReadSession, user_id: int) -> Stats:
        """What an account has used; one query.

        Raises:
            GarazaError: 404.
        """
        return self._stats(await self._accounts.counters(session, user_id, self._storage(user_id)))

    async def stats_and_latest(self, session: ReadSession, user_id: int) -> tuple[Stats, list[Activity]]:
        """What an account has used, and what it did last; one query.

        Raises:
            GarazaError: 404.
        """
        used, latest = await self._accounts.counters_and_latest(
            session, user_id, self._storage(user_id), RECENT_ACTIVITIES
        )
        return self._stats(used), latest

    def _stats(self, used: Counters | None) -> Stats:
        if used is None:
            raise not_found("account")
        now = self._clock()
        return Stats(
            plan=used.plan,
            limits=LIMITS[used.plan],
            scans_this_month=used.scans_this_month if used.scans_month == month_of(now) else 0,
            total_scans=used.total_scans,
            storage_used=max(used.storage_used, 0),
            scans_reset_at=next_month(now),
        )

    async def change_plan(self, session: WriteSession, who: Principal, plan: Plan, user_id: int | None) -> Stats:
        """Give an account another plan: one's own a smaller one; any one, if `who` is an admin or the billing side.

        What is over a smaller plan's limits stays; nothing can be added to it.

        Raises:
            GarazaError: 403, that has to be paid for, or it is somebody else's account; 404; 422, a machine doesn't say
                whose plan.
        """
        if user_id is None:
            if who.machine is not None:
                raise GarazaError(422, "user_id_missing", "Say whose plan it is: user_id.")
            user_id = who.user_id
        if user_id != who.user_id and not who.may_bill:
            raise GarazaError(403, "not_yours", "Only admins and the billing side can change somebody else's plan.")
        old = await self._accounts.lock_plan(session, user_id)
        if old is None:
            raise not_found("account")
        if ORDER.index(plan) > ORDER.index(old) and not who.may_bill:
            detail = "This plan has to be paid for. It is changed once the payment has arrived."
            raise GarazaError(403, "payment_needed", detail)
        if plan is not old:
            await self._accounts.change(session, user_id, {"plan": plan.value})
            text = f"Plan changed from {LIMITS[old].display} to {LIMITS[plan].display}"
            details: dict[str, Any] = {"from": old.value, "to": plan.value, "by": _name_of(who)}
            await self._activities.add(session, user_id, "plan_change", text, details)
        return await self.stats(session, user_id)

    async def claim(self, session: WriteSession, user_id: int, storage_bytes: int) -> Stats:
        """Note what a client says that it has scanned and stored. The counters are the true ones, whatever it says."""
        details = {"storage_bytes": storage_bytes}
        await self._activities.add(session, user_id, "scan_claim", "Reported a scan", details)
        return await self.stats(session, user_id)


def _name_of(who: Principal) -> str:
    return f"machine {who.username}" if who.machine is not None else f"account {who.user_id}"

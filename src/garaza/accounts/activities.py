"""What somebody did: for themselves to read, and for operators as the audit trail."""

from __future__ import annotations

import logging
from typing import Any

from garaza.accounts.models import Activity
from garaza.accounts.principal import NOBODY
from garaza.accounts.repository import ActivityRepository
from garaza.errors import GarazaError
from garaza.kit.clock import Clock
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.pagination import Page, Paging

MAX_DESCRIPTION = 500
ACTION_PATTERN = r"^[a-z0-9_.-]{1,50}$"

ICONS = {
    "register": "👋",
    "login": "🔑",
    "logout": "🚪",
    "logout_everywhere": "🚪",
    "session_end": "🚪",
    "password_change": "🔒",
    "token_reuse": "⚠️",
    "account_delete": "🗑️",
    "plan_change": "💳",
    "upload": "📤",
    "process": "⚙️",
    "cancel": "✋",
    "scale": "📏",
    "scan_claim": "🧮",
    "scan_delete": "🗑️",
    "room_save": "🏠",
    "room_update": "✏️",
    "room_delete": "🗑️",
    "room_share": "🔗",
    "share_revoke": "🔗",
    "export": "📦",
}
"""Of the actions that the service logs itself."""
_OTHER_ICON = "📝"
_ADMIN_ICON = "🛠️"
_ADMIN = "admin_"

logger = logging.getLogger(__name__)


class ActivityLog:
    """See the module. Callers own the transaction: what is logged happened, or neither did."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._activities = ActivityRepository()

    async def add(
        self,
        session: WriteSession,
        user_id: int,
        action: str,
        description: str,
        details: dict[str, Any] | None = None,
    ) -> int:
        """Note that somebody did something.

        Args:
            user_id: whose activity it is. What a machine does to nobody in particular (`NOBODY`) goes to the
                service's log alone.
            action: for programs, up to 50 of a-z, 0-9, _, . and -.
            description: for people; cut after 500 characters.
            details: anything JSON can hold. Kept, and not shown.

        Returns:
            The activity's id; 0 if it went to the log.
        """
        if user_id == NOBODY:
            logger.info("%s: %s %s", action, description, details or {})
            return 0
        text = description[:MAX_DESCRIPTION]
        return await self._activities.add(session, user_id, action, text, details or {}, self._clock())

    async def add_claimed(
        self, session: WriteSession, user_id: int, action: str, description: str, details: dict[str, Any]
    ) -> int:
        """As `add`, for what a client says that it did.

        Raises:
            GarazaError: 422 for an action that only the service itself may log, or nobody could rely on those.
        """
        if action in ICONS or action.startswith(_ADMIN):
            detail = "Activities of this name are logged by the service itself, when they happen."
            raise GarazaError(422, "reserved_action", detail)
        return await self.add(session, user_id, action, description, details)

    async def page(
        self, session: ReadSession, user_id: int, wanted: Paging, action: str | None = None
    ) -> Page[Activity]:
        """Somebody's activities, the newest first; one query."""
        return await self._activities.page(session, user_id, wanted, action)


def icon_of(action: str) -> str:
    """A picture for an action, as one character."""
    return ICONS.get(action, _ADMIN_ICON if action.startswith(_ADMIN) else _OTHER_ICON)

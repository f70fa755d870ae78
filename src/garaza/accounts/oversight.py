"""What admins see of all accounts, and the rule that one of them has to be left."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, literal_column, select

from garaza.accounts.models import Activity, Role, User
from garaza.accounts.repository import AccountRepository
from garaza.errors import GarazaError, not_found
from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.pagination import Page, Paging, read_page


class Oversight:
    """See the module. Callers own the transaction, and see to it that only admins ask."""

    def __init__(self) -> None:
        self._accounts = AccountRepository()

    async def activities(self, session: ReadSession, wanted: Paging, action: str | None) -> Page[Activity]:
        """What anybody did, the newest first: `paging(int)`."""
        statement = select(Activity)
        if action is not None:
            statement = statement.where(Activity.action == action)
        return await read_page(session, statement, (Activity.id,), wanted)

    async def change(
        self, session: WriteSession, user_id: int, *, is_active: bool | None = None, role: Role | None = None
    ) -> User:
        """Close an account or open it again, or change what it may do; None: that stays.

        Raises:
            GarazaError: 404; 409, no admin would be left.
        """
        values: dict[str, Any] = {}
        if is_active is not None:
            values["is_active"] = is_active
        if role is not None:
            values["role"] = role.value
        if is_active is False or role is Role.USER:
            await self.keep_an_admin(session, user_id)
        user = await self._accounts.change(session, user_id, values)
        if user is None:
            raise not_found("account")
        return user

    async def keep_an_admin(self, session: WriteSession, user_id: int) -> None:
        """That somebody else is an admin, and stays one until this transaction ends.

        Raises:
            GarazaError: 409, this is the only one.
        """
        # Admins are few, and written out as the partial index says it; who else is active are many.
        role: ColumnElement[str] = literal_column(f"'{Role.ADMIN.value}'")
        statement = select(User.id, User.is_active).where(User.role == role, User.deleted_at.is_(None))
        # Locked, and in the same order by everybody: of two admins who demote each other the second finds itself alone.
        # PostgreSQL looks again at rows that it had to wait for.
        admins = await session.execute(statement.order_by(User.id).with_for_update(key_share=True))
        if {admin for admin, is_active in admins if is_active} == {user_id}:
            detail = "This is the only admin. Make somebody else one first."
            raise GarazaError(409, "last_admin", detail)

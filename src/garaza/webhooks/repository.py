"""All SQL of webhooks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, literal, select, update

from garaza.kit.database import ReadSession, WriteSession
from garaza.webhooks.models import Delivery

# Written out in the statement: a database takes the index of pending deliveries only for what it can see is one.
_PENDING: ColumnElement[bool] = Delivery.state == literal("pending", literal_execute=True)


class DeliveryRepository:
    """Reads and writes rows; knows no rules."""

    async def add(self, session: WriteSession, delivery: Delivery) -> None:
        session.add(delivery)
        await session.flush()

    async def any_due(self, session: ReadSession, now: float) -> bool:
        """A read: nobody takes the write lock only to look."""
        statement = select(Delivery.id).where(_PENDING, Delivery.next_at <= now).limit(1)
        return (await session.execute(statement)).first() is not None

    async def due(
        self,
        session: WriteSession,
        now: float,
        limit: int,
        except_to: Collection[str],
    ) -> Sequence[tuple[str, str]]:
        """Id and address of those that have been due for longest, locked; those that somebody else locked are left out.

        Args:
            except_to: beginnings of addresses, up to the path.
        """
        statement = select(Delivery.id, Delivery.url).where(_PENDING, Delivery.next_at <= now)
        for origin in except_to:
            statement = statement.where(~Delivery.url.startswith(f"{origin}/", autoescape=True))
        statement = statement.order_by(Delivery.next_at).limit(limit).with_for_update(skip_locked=True)
        return [(row[0], row[1]) for row in await session.execute(statement)]

    async def claim(self, session: WriteSession, ids: list[str], until: float) -> Sequence[Delivery]:
        """Begin an attempt at each; nobody else does before `until`."""
        statement = (
            update(Delivery)
            .where(Delivery.id.in_(ids), _PENDING)
            .values(attempts=Delivery.attempts + 1, next_at=until)
            .execution_options(synchronize_session=False)
            .returning(Delivery)
        )
        return (await session.scalars(statement)).all()

    async def change(
        self,
        session: WriteSession,
        delivery_id: str,
        values: dict[str, Any],
        attempt: int | None = None,
    ) -> bool:
        """Change a pending delivery, where given only during that attempt; False if it isn't so any more."""
        statement = update(Delivery).where(Delivery.id == delivery_id, _PENDING).values(**values)
        if attempt is not None:
            statement = statement.where(Delivery.attempts == attempt)
        statement = statement.execution_options(synchronize_session=False)
        return (await session.execute(statement.returning(Delivery.id))).first() is not None

    async def of_job(self, session: ReadSession, job_id: str, limit: int) -> Sequence[Delivery]:
        """Newest first."""
        statement = select(Delivery).where(Delivery.job_id == job_id)
        statement = statement.order_by(Delivery.created_at.desc(), Delivery.id).limit(limit)
        return (await session.scalars(statement)).all()

    async def forget(self, session: WriteSession, made_before: float, limit: int) -> int:
        """How many were removed."""
        old = select(Delivery.id).where(Delivery.created_at < made_before).limit(limit)
        return len((await session.execute(delete(Delivery).where(Delivery.id.in_(old)).returning(Delivery.id))).all())

"""All SQL of machines."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import CursorResult, delete, func, select, update

from garaza.kit.database import ReadSession, WriteSession
from garaza.kit.models import inserting
from garaza.machines.models import MachineKey, UsedNonce


class MachineRepository:
    """Reads and writes rows; knows no rules."""

    async def add(self, session: WriteSession, key: MachineKey) -> None:
        session.add(key)
        await session.flush()

    async def get(self, session: ReadSession, key_id: str) -> MachineKey | None:
        return await session.get(MachineKey, key_id)

    async def all(self, session: ReadSession) -> Sequence[MachineKey]:
        """Oldest first."""
        return (await session.scalars(select(MachineKey).order_by(MachineKey.created_at, MachineKey.id))).all()

    async def revoke(self, session: WriteSession, key_id: str, now: float) -> MachineKey | None:
        """The key, revoked now or before; None where there is none."""
        statement = (
            update(MachineKey)
            .where(MachineKey.id == key_id)
            .values(revoked_at=func.coalesce(MachineKey.revoked_at, now))
            .execution_options(synchronize_session=False)
            .returning(MachineKey)
        )
        return (await session.scalars(statement)).first()

    async def use_nonce(self, session: WriteSession, key_id: str, nonce: str, expires_at: float) -> bool:
        """Whether this was the first use. The unique constraint decides, however many ask at the same time."""
        statement = (
            inserting(session)(UsedNonce)
            .values(key_id=key_id, nonce=nonce, expires_at=expires_at)
            .on_conflict_do_nothing(index_elements=[UsedNonce.key_id, UsedNonce.nonce])
            .returning(UsedNonce.nonce)
        )
        return (await session.execute(statement)).first() is not None

    async def forget_nonces(self, session: WriteSession, expired_before: float) -> int:
        """How many there were."""
        result = await session.execute(delete(UsedNonce).where(UsedNonce.expires_at < expired_before))
        assert isinstance(result, CursorResult)
        return result.rowcount

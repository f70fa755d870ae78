"""All SQL of resumable uploads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, cast, delete, func, select, update

from garaza.kit.database import ReadSession, WriteSession
from garaza.uploads.models import Upload


@dataclass(frozen=True, slots=True)
class Owner:
    """An account, or guests at one address."""

    user_id: int | None
    guest: str | None
    """Digest of the address; counts where there is no account."""


class UploadRepository:
    """Reads and writes rows; knows no rules."""

    async def add(self, session: WriteSession, upload: Upload) -> None:
        session.add(upload)
        await session.flush()

    async def get(self, session: ReadSession, upload_id: str) -> Upload | None:
        return await session.get(Upload, upload_id)

    async def by_key(self, session: ReadSession, owner: Owner, upload_key: str) -> Upload | None:
        return (await session.scalars(select(Upload).where(_of(owner), Upload.upload_key == upload_key))).first()

    async def free_key(self, session: WriteSession, owner: Owner, upload_key: str, now: float) -> None:
        """Let the key of one that has expired be used again."""
        expired = and_(_of(owner), Upload.upload_key == upload_key, Upload.expires_at <= now)
        await session.execute(update(Upload).where(expired).values(upload_key=None))

    @staticmethod
    def promised_bytes(owner: Owner, but: str | None = None) -> ColumnElement[int]:
        """What an owner's unfinished ones will take on disk, `but` one: a scalar subquery."""
        # PostgreSQL's sum of 64-bit numbers is a decimal.
        total = cast(func.coalesce(func.sum(Upload.length), 0), BigInteger)
        unfinished = and_(_of(owner), Upload.ended_at.is_(None))
        if but is not None:
            unfinished = and_(unfinished, Upload.id != but)
        return select(total).where(unfinished).scalar_subquery()

    async def count_unfinished(self, session: ReadSession, owner: Owner) -> int:
        unfinished = select(func.count()).select_from(Upload).where(_of(owner), Upload.ended_at.is_(None))
        return await session.scalar(unfinished) or 0

    async def prolong(self, session: WriteSession, upload_id: str, expires_at: float) -> None:
        unfinished = and_(Upload.id == upload_id, Upload.ended_at.is_(None))
        await session.execute(update(Upload).where(unfinished).values(expires_at=expires_at))

    async def end(self, session: WriteSession, upload_id: str, values: dict[str, Any]) -> bool:
        """Note how it ended; False if it has gone, or had ended before."""
        unfinished = and_(Upload.id == upload_id, Upload.ended_at.is_(None))
        ended = update(Upload).where(unfinished).values(**values).returning(Upload.id)
        return (await session.execute(ended)).first() is not None

    async def remove(self, session: WriteSession, upload_id: str) -> None:
        await session.execute(delete(Upload).where(Upload.id == upload_id))

    async def remove_expired(self, session: WriteSession, now: float, limit: int) -> Sequence[str]:
        """Remove `limit` at most; which ones."""
        old = select(Upload.id).where(Upload.expires_at <= now).limit(limit)
        return (await session.scalars(delete(Upload).where(Upload.id.in_(old)).returning(Upload.id))).all()

    async def unfinished_among(self, session: ReadSession, upload_ids: Collection[str]) -> set[str]:
        these = select(Upload.id).where(Upload.id.in_(upload_ids), Upload.ended_at.is_(None))
        return set(await session.scalars(these))


def _of(owner: Owner) -> ColumnElement[bool]:
    return Upload.user_id == owner.user_id if owner.user_id is not None else Upload.guest == owner.guest

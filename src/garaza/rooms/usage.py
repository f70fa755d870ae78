"""What somebody's files take on disk, as one SQL expression."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, and_, cast, exists, func, or_, select

from garaza.jobs.keeping import has_file, has_other_result, has_result
from garaza.jobs.service import JobService
from garaza.rooms.models import Room, RoomFile

UserId = ColumnElement[int] | int

# Made once: an alias takes a third of a millisecond to make, and the expression is part of many requests.
_ROOM, _FILE = Room.__table__.alias(), RoomFile.__table__.alias()
_FIRST, _ANOTHER = Room.__table__.alias(), Room.__table__.alias()
_OTHER, _SAME = Room.__table__.alias(), RoomFile.__table__.alias()


def storage_used(user_id: UserId) -> ColumnElement[int]:
    """Bytes of an account's videos, results and rooms: true at the moment of the query that it is put into."""
    return JobService.stored_bytes(user_id) + rooms_bytes(user_id)


def rooms_bytes(user_id: UserId) -> ColumnElement[int]:
    """Bytes that an account's rooms take beside its scans.

    A result that several rooms keep is stored, and counted, once; one that the account's own scan still has is counted
    with the scan. Two versions of a result, which differ by their scale, share on disk the files that don't say metres.
    """
    return _folders(user_id) - _shared_files(user_id)


def _sum(size: ColumnElement[int]) -> ColumnElement[int]:
    # PostgreSQL's sum of 64-bit numbers is a decimal.
    return cast(func.coalesce(func.sum(size), 0), BigInteger)


def _is_counted(user_id: UserId) -> ColumnElement[bool]:
    """Whether a row is the one by which its result is counted: of several rooms the first, and none if a scan is."""
    earlier = exists().where(
        _FIRST.c.user_id == user_id,
        _FIRST.c.job_id == _ROOM.c.job_id,
        _FIRST.c.version == _ROOM.c.version,
        _FIRST.c.id < _ROOM.c.id,
    )
    return and_(_ROOM.c.user_id == user_id, ~earlier, ~has_result(user_id, _ROOM.c.job_id, _ROOM.c.version))


def _folders(user_id: UserId) -> ColumnElement[int]:
    return select(_sum(_ROOM.c.file_size_bytes)).where(_is_counted(user_id)).scalar_subquery()


def _shared_files(user_id: UserId) -> ColumnElement[int]:
    """Files of counted results that are the same ones as in another version, which is counted too."""
    in_other = exists().where(
        _OTHER.c.user_id == user_id,
        _OTHER.c.job_id == _ROOM.c.job_id,
        # Of two, one gives way.
        _OTHER.c.version < _ROOM.c.version,
        _SAME.c.room_id == _OTHER.c.id,
        _SAME.c.path == _FILE.c.path,
        _SAME.c.sha256 == _FILE.c.sha256,
    )
    has_another = exists().where(
        _ANOTHER.c.user_id == user_id,
        _ANOTHER.c.job_id == _ROOM.c.job_id,
        _ANOTHER.c.version < _ROOM.c.version,
    )
    statement = select(_sum(_FILE.c.size_bytes)).where(
        _FILE.c.room_id == _ROOM.c.id,
        _is_counted(user_id),
        # Rare: few files have to be looked at.
        or_(has_another, has_other_result(user_id, _ROOM.c.job_id, _ROOM.c.version)),
        or_(in_other, has_file(user_id, _ROOM.c.job_id, _FILE.c.path, _FILE.c.sha256)),
    )
    return statement.scalar_subquery()

"""Rows as released versions wrote them, and what a newer version makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Released:
    """The rows of a database at one revision."""

    rows: dict[str, list[Row]]
    """By table, in an order that foreign keys allow."""
    changed: Callable[..., Row]
    """Of a table's name and a row: the columns that are new, or have other values. With `back`: after a downgrade."""


SOURCE = {"kind": "video", "width": 320, "height": 240, "size_bytes": 123_456_789_012}
FAILURE = {"reason": "too_dark", "message": "Too dark.", "advice": "Light.", "details": {}}


def _job(letter: str, state: str, **values: Any) -> Row:
    row: Row = {
        "id": letter * 22,
        "state": state,
        "priority": 0,
        "created_at": 1_794_000_000.25,
        "expires_at": None,
        "queued_at": None,
        "available_at": None,
        "started_at": None,
        "finished_at": None,
        "fence": 0,
        "attempts": 0,
        "lease_owner": None,
        "lease_expires_at": None,
        "original_name": "wohnzimmer – süd.mp4",
        "source": SOURCE,
        "options": None,
        "progress": None,
        "failure": None,
        "result_version": None,
    }
    return row | values


ASKED = {"queued_at": 1_794_000_100.5, "available_at": 1_794_000_100.5, "options": {"quality": "draft"}}
BEGUN = {**ASKED, "started_at": 1_794_000_101.0, "fence": 2, "attempts": 2}

FIRST = {
    "jobs": [
        _job("u", "uploaded", expires_at=1_794_086_400.25),
        _job("q", "queued", **ASKED),
        _job("r", "running", **BEGUN, lease_owner="embedded-1", lease_expires_at=1_794_000_116.0),
        _job("c", "completed", **BEGUN, finished_at=1_794_000_200.0, result_version="2", progress={"stage": "export"}),
        _job("f", "failed", **BEGUN, finished_at=1_794_000_200.0, failure=FAILURE, source={"kind": "video"}),
    ],
    "job_events": [
        {"job_id": "c" * 22, "kind": "queued", "data": {}, "at": 1_794_000_100.5},
        {"job_id": "c" * 22, "kind": "completed", "data": {}, "at": 1_794_000_200.0},
        {"job_id": "f" * 22, "kind": "failed", "data": FAILURE, "at": 1_794_000_200.0},
    ],
    "job_files": [
        {"job_id": "c" * 22, "path": path, "media_type": "model/gltf-binary", "size_bytes": size, "sha256": "0" * 64}
        for path, size in (("full.glb", 7), ("preview.glb", 5_000_000_000))
    ],
}


def _first(table: str, row: Row, *, back: bool = False) -> Row:
    if table == "job_events":
        return {} if back else {"user_id": None}
    if table != "jobs":
        return {}
    # Jobs of those days are guests': they wait behind everybody with an account, in their order.
    changed: Row = {"priority": 9}
    if not back:
        changed |= {
            "user_id": None,
            "guest": None,
            "deleted_at": None,
            "rank": row["queued_at"],
            "upload_bytes": row["source"].get("size_bytes", 0),
            "result_bytes": 5_000_000_007 if row["state"] == "completed" else 0,
        }
    return changed


ACCOUNT = {
    "id": 1,
    "email": "Anna@example.com",
    "email_key": "anna@example.com",
    "username": "Anna",
    "username_key": "anna",
    "password_hash": "none",
    "role": "user",
    "plan": "pro",
    "is_active": True,
    "created_at": 1_794_000_000.25,
    "deleted_at": None,
    "scans_month": 202611,
    "scans_this_month": 1,
    "total_scans": 7,
}
OWNED = {"user_id": 1, "rank": 1_794_000_100.5, "upload_bytes": 123_456_789_012, "upload_key": "once"}
SECOND = {
    "users": [ACCOUNT],
    "jobs": [
        _job("o", "completed", **BEGUN, **OWNED, finished_at=1_794_000_200.0, result_version="2", result_bytes=7),
        _job("q", "uploaded", guest="0" * 64, upload_bytes=123_456_789_012, expires_at=1_794_086_400.25),
    ],
    "job_events": [
        {"job_id": "o" * 22, "kind": kind, "data": {}, "at": 1_794_000_100.5}
        for kind in ("queued", "started", "completed")
    ],
}


def _second(table: str, row: Row, *, back: bool = False) -> Row:
    """An event says whose it is."""
    return {} if table != "job_events" or back else {"user_id": 1 if row["job_id"] == "o" * 22 else None}


THIRD = {
    **SECOND,
    "uploads": [
        {
            "id": "u" * 22,
            "user_id": 1,
            "guest": None,
            "length": 3_000_000_000,
            "told": "filename a2l0Y2hlbi5tcDQ=",
            "upload_key": "once",
            "created_at": 1_794_000_000.25,
            "expires_at": 1_794_086_400.25,
            "ended_at": None,
            "job_id": None,
            "refusal": None,
        }
    ],
}

FOURTH = {
    **THIRD,
    "job_events": [{**event, "user_id": 1 if event["job_id"] == "o" * 22 else None} for event in SECOND["job_events"]],
}


def _nothing(table: str, row: Row, *, back: bool = False) -> Row:
    """Only tables came along."""
    del table, row, back
    return {}


RELEASED = {
    "0001": Released(FIRST, _first),
    "0002": Released(SECOND, _second),
    "0003": Released(THIRD, _second),
    "0004": Released(FOURTH, _nothing),
}

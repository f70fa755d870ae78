"""A database as a busy service has it after a year: many rows, spread unevenly, in seconds.

Account 1 has a large part of everything, as some account always has. What is rare in life (closed accounts, cancelled
scans) is rare here too: that is where a query without an index walks far.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL

from garaza.accounts.passwords import standard_hasher
from garaza.furniture.products import Product
from garaza.furniture.stored import columns_of
from garaza.migrations.tables import metadata

NOW = 1_795_000_000.0
"""In November 2026."""
DAY = 24 * 3600
HEAVY, ORDINARY, ADMIN, LEAVER = 1, 2, 3, 4
"""Accounts that tests sign in to."""
PASSWORD = "correct horse"
MODEL = "a-model-384"

ACTIONS = ["login"] * 60 + ["upload"] * 15 + ["process"] * 15 + ["room_save"] * 9 + ["password_change"]
SOURCE = {"kind": "video", "width": 1920, "height": 1080, "seconds": 42.5, "fps": 30.0, "frames": 1275, "codec": "hevc"}
OPTIONS = {"quality": "standard", "engine": "geometric", "max_frames": 128, "known_length": None}
FILES = [("result.json", "application/json"), ("poster.jpg", "image/jpeg"), ("thumbnail.jpg", "image/jpeg")] + [
    (f"{level}{form}.glb", "model/gltf-binary") for level in ("preview", "medium", "full") for form in ("", ".meshopt")
]
LEVELS = [
    {
        "level": level,
        "path": f"{level}.glb",
        "meshopt_path": f"{level}.meshopt.glb",
        "vertices": 70_000,
        "faces": 75_000,
    }
    for level in ("preview", "medium", "full")
]
DONE = {"stage": "export", "progress": 100, "current_frame": None, "total_frames": None, "message": "Done"}

Row = tuple[Any, ...]
Filling = Iterable[tuple[str, list[str], Iterable[Row]]]
"""Table, columns, and their rows."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows; the rest is in proportion."""

    activities: int
    users: int
    jobs: int
    queued: int

    @property
    def rooms(self) -> int:
        return self.users // 2

    @property
    def products(self) -> int:
        return self.users

    @property
    def imports(self) -> int:
        return self.users // 20


SMALL = Size(50_000, 5_000, 5_000, 500)
LARGE = Size(1_000_000, 100_000, 100_000, 10_000)


def job_id(number: int) -> str:
    """In no order, as real ones."""
    return f"{number * 48_271 % 2_147_483_647:022d}"


def asin(number: int) -> str:
    """Of a product."""
    return f"B{number * 48_271 % 2_147_483_647:010d}"


class Rows:
    """Of every table, in an order that foreign keys allow. Ids that count by themselves are left to do so, from 1."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._owners: dict[int, int | None] = {}
        self._random = random.Random(7)
        self._owners: dict[int, int | None] = {}
        """Of the jobs, as events say it too."""

    def all(self, only: Collection[str] | None = None) -> Filling:
        """`only`: of these tables."""
        for table in metadata.sorted_tables:
            if only is not None and table.name not in only:
                continue
            make: Callable[[], Iterator[dict[str, Any]]] = getattr(self, table.name)
            rows = make()
            first = next(rows)
            yield table.name, list(first), _tuples(first, rows)

    def _ago(self, days: float) -> float:
        return NOW - self._random.random() * days * DAY

    def _user(self, heavy: float = 0.05) -> int:
        return HEAVY if self._random.random() < heavy else self._random.randint(2, self.size.users)

    def _text(self, length: int) -> str:
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    # Accounts ----------------------------------------------------------------------------------------------------

    def users(self) -> Iterator[dict[str, Any]]:
        password_hash = standard_hasher().hash(PASSWORD)
        for number in range(1, self.size.users + 1):
            name = f"user{number}"
            closed = number > LEAVER and number % 500 == 0
            yield {
                "email": f"{name}@example.com",
                "email_key": f"{name}@example.com",
                "username": name,
                "username_key": name,
                "password_hash": password_hash,
                "role": "admin" if number == ADMIN or number % (self.size.users // 4) == 0 else "user",
                "plan": "enterprise" if number in {HEAVY, 700} else "pro" if number % 20 == 2 else "free",
                "is_active": not closed,
                "created_at": NOW - (self.size.users - number) * 60.0,
                "deleted_at": NOW if closed and number % 1000 == 0 else None,
                "scans_month": 202611,
                "scans_this_month": number % 3,
                "total_scans": number % 30,
            }

    def login_sessions(self) -> Iterator[dict[str, Any]]:
        for number in range(6 * self.size.users // 5):
            began = self._ago(31)
            yield {
                "id": job_id(number + 1),
                "user_id": self._user(0.5),
                "token_hash": self._text(64),
                "created_at": began,
                "refreshed_at": began,
                "expires_at": began + 30 * DAY,
                "revoked_at": began + DAY if number % 10 == 0 else None,
            }

    def revoked_tokens(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.users // 2):
            yield {"jti": job_id(number + 1), "expires_at": NOW - 120 + self._random.random() * 1000}

    def activities(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.activities):
            yield {
                "user_id": self._user(0.3),
                "action": ACTIONS[number % 100],
                "description": "Asked for a model of living-room.mp4",
                "details": '{"job_id": "0123456789012345678901"}',
                "created_at": NOW - (self.size.activities - number) * 20.0,
            }

    def guest_days(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.users // 2):
            yield {"day": 20261119 + number % 5, "address": f"{number:064x}", "scans": 1 + number % 3}

    # Scans -------------------------------------------------------------------------------------------------------

    def state(self, number: int) -> str:
        """Of a scan."""
        if number <= self.size.queued:
            return "queued"
        if number <= self.size.queued + 20:
            return "running"
        if number % 1000 == 7:
            return "cancelled"
        return "uploaded" if number % 10 == 0 else "failed" if number % 25 == 1 else "completed"

    def jobs(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.jobs + 1):
            state = self.state(number)
            guest = number % 7 == 0
            # Guests' scans stay for a day, and videos that nobody asks for a week.
            days = 1 if guest or state in {"queued", "running"} else 7 if state == "uploaded" else 300
            created = self._ago(days)
            asked = None if state == "uploaded" else created + 60
            ended = state in {"completed", "failed", "cancelled"}
            owner = self._owners[number] = None if guest else self._user()
            yield {
                "id": job_id(number),
                "state": state,
                "user_id": owner,
                "guest": f"{number % 50 if number % 3 else 0:064x}" if guest else None,
                "created_at": created,
                "expires_at": NOW - 60 if number % 100 == 9 else created + (3650 if days == 300 else days) * DAY,
                "deleted_at": NOW - number if number % 200 == 11 else None,
                "priority": number % 4 * 3,
                "rank": None if asked is None else asked + number % 4 * 1200,
                "queued_at": asked,
                "available_at": asked,
                "published_at": None,
                "started_at": None if asked is None or state == "queued" else asked + 5,
                "finished_at": asked + 200 if ended and asked is not None else None,
                "counted_at": asked,
                "fence": 0 if state in {"uploaded", "queued"} else 1,
                "attempts": 0 if state in {"uploaded", "queued"} else 1,
                "lease_owner": f"worker-{number}" if state == "running" else None,
                "lease_expires_at": NOW + 10 if state == "running" else None,
                "upload_key": f"upload-{number}" if number % 4 == 0 else None,
                "process_key": None,
                "webhook_url": None,
                "original_name": "living-room.mp4",
                "source": json.dumps(SOURCE),
                "upload_bytes": 50_000_000,
                "result_bytes": 9_000_000 if state == "completed" else 0,
                "options": None if asked is None else json.dumps(OPTIONS),
                "progress": json.dumps(DONE) if state == "completed" else None,
                "failure": None,
                "result_version": "1" if state == "completed" else None,
            }

    def job_attempts(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.jobs + 1):
            if self.state(number) not in {"uploaded", "queued"}:
                yield {
                    "job_id": job_id(number),
                    "fence": 1,
                    "number": 1,
                    "worker": f"worker-{number}",
                    "began_at": NOW - DAY,
                    "ended_at": None if self.state(number) == "running" else NOW,
                    "outcome": None if self.state(number) == "running" else "completed",
                    "stage": "export",
                    "failure": None,
                }

    def job_events(self) -> Iterator[dict[str, Any]]:
        for number in range(5 * self.size.jobs):
            yield {
                "job_id": job_id(1 + number % self.size.jobs),
                "user_id": self._owners.get(1 + number % self.size.jobs),
                "kind": "progress",
                "data": json.dumps(DONE),
                "at": NOW - DAY,
            }

    def job_departures(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.jobs // 2):
            yield {"id": number, "job_id": f"{number:022d}", "user_id": self._user(), "at": self._ago(31)}

    def job_files(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.jobs + 1):
            if self.state(number) == "completed":
                for path, media_type in FILES[:3]:
                    yield {"job_id": job_id(number), **self._file(path, media_type)}

    def _file(self, path: str, media_type: str) -> dict[str, Any]:
        return {"path": path, "media_type": media_type, "size_bytes": 1_000_000, "sha256": self._text(64)}

    def uploads(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.jobs + 1):
            ended = number % 10 != 0
            guest = number % 7 == 0
            began = self._ago(1)
            yield {
                "id": job_id(number),
                "user_id": None if guest else self._user(0.01),
                "guest": f"{number % 50 if number % 3 else 0:064x}" if guest else None,
                "length": 50_000_000,
                "told": "filename bGl2aW5nLXJvb20ubXA0",
                "upload_key": f"upload-{number}" if number % 4 == 0 else None,
                "created_at": began,
                "expires_at": NOW - 60 if number % 100 == 9 else began + DAY,
                "ended_at": began + 60 if ended else None,
                "job_id": job_id(number) if ended else None,
                "refusal": None,
            }

    # Rooms -------------------------------------------------------------------------------------------------------

    def rooms(self) -> Iterator[dict[str, Any]]:
        levels = json.dumps(LEVELS)
        for number in range(self.size.rooms):
            yield {
                "user_id": self._user(),
                "job_id": job_id(1 + self._random.randrange(self.size.jobs)),
                "version": "1",
                "name": "Kitchen",
                "description": "",
                "frame_count": 60,
                "point_count": 70_000,
                "model_used": "geometric",
                "original_width": 1920,
                "original_height": 1080,
                "levels": levels,
                "file_size_bytes": 9_000_000,
                "created_at": self._ago(300),
                "updated_at": NOW,
                "deleted_at": NOW - number if number % 500 == 3 else None,
            }

    def room_files(self) -> Iterator[dict[str, Any]]:
        for number in range(len(FILES) * self.size.rooms):
            yield {"room_id": 1 + number // len(FILES), **self._file(*FILES[number % len(FILES)])}

    def room_shares(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.users):
            began = self._ago(31)
            yield {
                "id": job_id(number + 1),
                "room_id": 1 + self._random.randrange(self.size.rooms),
                "created_at": began,
                "expires_at": began + 30 * DAY,
                "revoked_at": NOW if number % 20 == 0 else None,
            }

    # Furniture ---------------------------------------------------------------------------------------------------

    def catalogue(self) -> Iterator[dict[str, Any]]:
        numbers = {"version": 2, "ready_version": 3, "next_version": 4}
        yield {"id": 1, **numbers, "model_id": MODEL, "changed_at": NOW - DAY}

    def products(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.products + 1):
            # Some brand always has a large part, and some products change with a version.
            brand = f"Brand {0 if number % 3 == 0 else number % 400}"
            product = Product(
                asin=asin(number),
                title=f"Chair {number * 7919 % 1000} of {brand}",
                brand=brand,
                price_minor=number if number % 5 else None,
                categories=("Furniture", f"Room {number % 5}", f"Kind {number % 300}"),
                country=("US", "HR", "SE", None)[number % 4],
                in_stock=(True, False, None)[number % 3],
                description=f"Oak, and made to last. No. {number}. " * 5,
            )
            columns = columns_of(product)
            until = {7: 2, 8: 3, 9: 4}.get(number % 100)
            since = 2 if number % 50 == 10 else 4 if number % 500 == 1 else 1
            yield {**columns, "data": json.dumps(columns["data"]), "since": since, "until": until, "source": "import"}

    def product_categories(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.products + 1):
            for place, name in enumerate(("Furniture", f"Room {number % 5}", f"Kind {number % 300}")):
                yield {"product_id": number, "place": place, "key": name.lower(), "name": name}

    def product_vectors(self) -> Iterator[dict[str, Any]]:
        for number, product in enumerate(self.products()):
            if number % 10:
                yield {"model_id": MODEL, "text_hash": product["text_hash"], "vector": b"0" * 768}

    def catalogue_imports(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.imports + 1):
            began = NOW - (self.size.imports - number) * DAY
            open_ = number == self.size.imports
            yield {
                "id": job_id(number),
                "state": "queued" if open_ else "failed" if number % 10 == 3 else "published",
                "name": "catalogue.csv",
                "place": "0" * 22,
                "form": "csv",
                "sha256": self._text(64),
                "options": "{}",
                "version": None if open_ else 3,
                "rows_read": 0 if open_ else 43_000,
                "counts": json.dumps({"taken": 43_000}),
                "user_id": ADMIN,
                "lease_owner": None,
                "lease_expires_at": None,
                "error": None,
                "created_at": began,
                "started_at": None if open_ else began,
                "ended_at": None if open_ else began + 600,
            }

    def catalogue_import_notes(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.imports * 100):
            yield {
                "import_id": job_id(1 + number % self.size.imports),
                "row": 1 + number // self.size.imports,
                "place": 0,
                "asin": asin(number),
                "kind": "mended" if number % 10 else "refused",
                "field": "price",
                "reason": "It is no price.",
            }

    def catalogue_import_asins(self) -> Iterator[dict[str, Any]]:
        for number in range(1, self.size.products, 2):
            yield {"import_id": job_id(self.size.imports), "asin": asin(number), "row": number, "stamp": None}

    # Other programs ----------------------------------------------------------------------------------------------

    def machine_keys(self) -> Iterator[dict[str, Any]]:
        for number in range(3):
            yield {
                "id": job_id(number + 1),
                "name": "billing",
                "scope": "billing",
                "public_key": "none",
                "created_at": NOW,
                "revoked_at": None,
            }

    def used_nonces(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.users):
            yield {
                "key_id": job_id(1 + number % 3),
                "nonce": self._text(32),
                "expires_at": NOW - 200 + self._random.random() * 10_000,
            }

    def webhook_deliveries(self) -> Iterator[dict[str, Any]]:
        for number in range(self.size.jobs):
            waits = number % 50 == 0
            yield {
                "id": job_id(number + 1),
                "job_id": job_id(number + 1),
                "url": f"https://receiver{number % 10}.example.com/hook",
                "event": "scan.completed",
                "body": json.dumps({"status": "completed"}),
                "state": "pending" if waits else "delivered",
                "attempts": 1,
                "next_at": NOW - 10 if number % 200 == 0 else NOW + number,
                "last_error": None,
                "created_at": self._ago(31),
                "finished_at": None if waits else NOW,
            }


def _tuples(first: dict[str, Any], rows: Iterator[dict[str, Any]]) -> Iterator[Row]:
    yield tuple(first.values())
    for row in rows:
        yield tuple(row.values())


def fill(url: URL, size: Size, only: Collection[str] | None = None) -> None:
    """Put the rows into an empty database that has all tables. `only`: into these. Blocks."""
    rows = Rows(size).all(only)
    if url.get_backend_name() == "sqlite":
        _fill_sqlite(str(url.database), rows)
    else:
        asyncio.run(_fill_postgresql(url, rows))


def _fill_sqlite(path: str, rows: Filling) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        for table, columns, values in rows:
            places = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", values)
        connection.commit()


async def _fill_postgresql(url: URL, rows: Filling) -> None:
    import asyncpg  # noqa: PLC0415 - where there is no PostgreSQL, there may be no driver for it

    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        for table, columns, values in rows:
            await connection.copy_records_to_table(table, columns=columns, records=values)
        # As autovacuum does: it makes statistics, and says which pages need not be looked at for who may see them.
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()

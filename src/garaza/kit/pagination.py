"""Reading long lists, newest first: by numbered pages, or on from a place by a cursor.

A numbered page costs as much as all rows before it, so numbers reach 10,000 rows deep. A cursor names the row to go on
from: it costs the same wherever that is, and skips or repeats nothing when new rows come in at the top meanwhile.

In a route, with the types of the columns that the list is ordered by::

    Wanted = Annotated[Paging, Depends(paging(float, int))]

    @router.get("/jobs")
    async def own_jobs(wanted: Wanted, request: Request, response: Response, session: Reading) -> list[JobBody]:
        page = await jobs.list_own(session, user_id, wanted)
        response.headers.update(paging_headers(request, wanted, page))      # where the body is a bare array
        return [JobBody(...) for job in page.rows]

and in a repository, in one query::

    statement = select(Job).where(Job.user_id == user_id)
    return await read_page(session, statement, (Job.created_at, Job.id), wanted)

An index on what the statement filters by, followed by the ordering columns, makes any page cheap. Where the body has
`total` and `total_pages`, take them from `Page.total` and `pages`; `Page.next` and `Page.previous` are cursors.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Select, func, literal, literal_column, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from garaza.kit.database import ReadSession

DEEPEST_ROW = 10_000
"""That a numbered page reaches."""
COUNTED_ROWS = 10_000
"""A list is counted so far; longer ones are just long. Counting them would cost more than reading them."""
PAGE_SIZE = 20
MAX_PAGE_SIZE = 100

_CURSOR = re.compile(r"[0-9A-Za-z_-]{1,200}")
_MAX_NUMBER = 2**31

Value = float | int | str
Key = tuple[Value, ...]
T = TypeVar("T")


class BadCursorError(ValueError):
    """Text that no list of this kind gave as a cursor."""


@dataclass(frozen=True, slots=True)
class Place:
    """Between two rows of a list: beside the one that has this key."""

    key: Key
    backwards: bool = False
    """Whether what comes before it is wanted, instead of what comes after."""


@dataclass(frozen=True, slots=True)
class Paging:
    """The part of a list that is wanted."""

    page: int = 1
    page_size: int = PAGE_SIZE
    place: Place | None = None
    """Instead of a number."""

    @property
    def offset(self) -> int:
        return 0 if self.place is not None else (self.page - 1) * self.page_size


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The part of a list that was wanted."""

    rows: Sequence[T]
    next: str | None
    """Cursor to what comes after; None at the end."""
    previous: str | None
    """Cursor to what comes before; None at the start."""
    total: int | None
    """Length of the whole list; None if it is too long to be counted, and for pages by cursor."""


# What clients ask for ---------------------------------------------------------------------------------------------

PAGE_NUMBER: Any = Query(None, ge=1, le=_MAX_NUMBER, description=f"From 1, and {DEEPEST_ROW} rows deep at most.")
CURSOR: Any = Query(None, max_length=200, description="From the Link header of another page; instead of a number.")


def paging(
    *types: type[Value], size: int = PAGE_SIZE, largest: int = MAX_PAGE_SIZE
) -> Callable[..., Awaitable[Paging]]:
    """A dependency that reads `page`, `page_size` and `cursor`.

    Args:
        types: of the columns that the list is ordered by.
        size: where the client doesn't say.
        largest: what a client may ask for.
    """

    # As defaults, and not in the annotations: those are text, which is read where `largest` means nothing. And async,
    # as FastAPI sends plain functions through a thread.
    async def wanted(
        page: int | None = PAGE_NUMBER,
        page_size: int = Query(size, ge=1, le=largest),
        cursor: str | None = CURSOR,
    ) -> Paging:
        return make_paging(types, page, page_size, cursor)

    return wanted


def make_paging(types: Sequence[type[Value]], page: int | None, page_size: int, cursor: str | None) -> Paging:
    """What a client asks for, for dependencies that name the parameters differently.

    Raises:
        RequestValidationError: the page is too deep, the cursor is none, or both are given.
    """
    if cursor is None:
        number = page or 1
        if number * page_size > DEEPEST_ROW:
            _refuse("page", f"Pages reach {DEEPEST_ROW} rows deep. Go on from there by the cursor in the Link header.")
        return Paging(number, page_size)
    if page is not None:
        _refuse("cursor", "Ask by page or by cursor, not by both.")
    try:
        return Paging(1, page_size, read_cursor(cursor, types))
    except BadCursorError as error:
        _refuse("cursor", str(error))


def _refuse(parameter: str, message: str) -> NoReturn:
    raise RequestValidationError([{"loc": ("query", parameter), "msg": message, "type": "paging", "input": None}])


# Cursors ----------------------------------------------------------------------------------------------------------


def make_cursor(place: Place) -> str:
    """A place as text. Clients take it for opaque; it holds nothing that they don't see in the list anyway."""
    text = json.dumps([int(place.backwards), *place.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def read_cursor(text: str, types: Sequence[type[Value]]) -> Place:
    """The place that a cursor names. It isn't signed: whatever it says, it only says where to go on in one's own list.

    Raises:
        BadCursorError: it isn't one, or belongs to a list that is ordered by something else.
    """
    place = _parse(text)
    if (
        place is None
        or len(place.key) != len(types)
        or not all(_is_good(value, kind) for value, kind in zip(place.key, types, strict=True))
    ):
        raise BadCursorError("This is no cursor of this list. Take it from the Link header of a page.")
    return place


def _parse(text: str) -> Place | None:
    if _CURSOR.fullmatch(text) is None:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"))
    except ValueError:
        return None
    match found:
        case [0 | 1 as backwards, *key]:
            return Place(tuple(key), bool(backwards))
    return None


def _is_good(value: object, kind: type[Value]) -> bool:
    """Whether the database can compare with it."""
    if type(value) is not kind:
        return False
    if isinstance(value, str):
        return len(value) <= 64 and value.isascii() and value.isprintable()
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and -(2**63) <= value < 2**63


# Reading ----------------------------------------------------------------------------------------------------------


async def read_page(
    session: ReadSession,
    statement: Select[T],
    key: Sequence[InstrumentedAttribute[Any]],
    wanted: Paging,
    *,
    count_to: int | None = COUNTED_ROWS,
) -> Page[T]:
    """The rows that are wanted, the latest first, and how many there are in all; one query.

    Args:
        statement: selects one mapped class, without an order or a limit.
        key: columns of it that no two rows share together; the list goes from the largest to the smallest.
        count_to: how far to count numbered pages; None: to the end, for lists that are known to be short.
    """
    limited = limit_to(statement, key, wanted)
    if wanted.place is not None:
        return page_of(list(await session.scalars(limited)), key, wanted, None)
    # Counted beside the rows, and joined so that the number comes even where no row does.
    seen: Select[Any] = statement.with_only_columns(literal_column("1"), maintain_column_froms=True)
    if count_to is not None:
        seen = seen.limit(count_to + 1)
    total = select(func.count().label("total")).select_from(seen.subquery()).subquery()
    found = aliased(statement.column_descriptions[0]["entity"], limited.subquery())
    ordered = [getattr(found, column.key).desc() for column in key]
    together = select(total.c.total, found).select_from(total).outerjoin(found, true()).order_by(*ordered)
    answer = (await session.execute(together)).all()
    counted = answer[0][0]
    known = counted if count_to is None or counted <= count_to else None
    return page_of([row[1] for row in answer if row[1] is not None], key, wanted, known)


def limit_to(statement: Select[T], key: Sequence[InstrumentedAttribute[Any]], wanted: Paging) -> Select[T]:
    """The statement, ordered and cut to what is wanted and one row more, which tells whether the list goes on."""
    place = wanted.place
    if place is None:
        statement = statement.order_by(*(column.desc() for column in key))
        return statement.limit(wanted.page_size + 1).offset(wanted.offset)
    here = tuple_(*(literal(value, column.type) for value, column in zip(place.key, key, strict=True)))
    if place.backwards:
        statement = statement.where(tuple_(*key) > here).order_by(*(column.asc() for column in key))
    else:
        statement = statement.where(tuple_(*key) < here).order_by(*(column.desc() for column in key))
    return statement.limit(wanted.page_size + 1)


def page_of(rows: list[T], key: Sequence[InstrumentedAttribute[Any]], wanted: Paging, total: int | None) -> Page[T]:
    """Of rows in the order in which they were read, from where `wanted` begins, one more than a page has."""
    more = len(rows) > wanted.page_size
    rows = rows[: wanted.page_size]
    backwards = wanted.place is not None and wanted.place.backwards
    if backwards:
        rows.reverse()
    if not rows:
        return Page([], None, None, total)
    # Where one came from by a cursor, there is something.
    goes_on = more or backwards
    began_before = more if backwards else wanted.place is not None or wanted.page > 1
    return Page(
        rows,
        make_cursor(Place(_key_of(rows[-1], key))) if goes_on else None,
        make_cursor(Place(_key_of(rows[0], key), backwards=True)) if began_before else None,
        total,
    )


def _key_of(row: object, key: Sequence[InstrumentedAttribute[Any]]) -> Key:
    return tuple(getattr(row, column.key) for column in key)


def goes_on(page: Page[Any]) -> Place | None:
    """Where the list goes on after this page; None at its end."""
    return None if page.next is None else _parse(page.next)


# What clients are told --------------------------------------------------------------------------------------------


def pages(total: int, page_size: int) -> int:
    """How many pages of this size a list of this length has."""
    return math.ceil(total / page_size)


def paging_headers(request: Request, wanted: Paging, page: Page[Any]) -> dict[str, str]:
    """`Link` (RFC 8288) to the pages around this one, and `X-Total-Count` where it was counted.

    Addresses are relative to the host: what the client calls it is for the client to know.
    """
    links = {"first": _address(request)}
    numbered = "page" in request.query_params
    if numbered and page.next and (wanted.page + 1) * wanted.page_size <= DEEPEST_ROW:
        links["next"] = _address(request, page=str(wanted.page + 1))
    elif page.next:
        links["next"] = _address(request, cursor=page.next)
    if numbered and wanted.page > 1:
        links["prev"] = _address(request, page=str(wanted.page - 1))
    elif page.previous:
        links["prev"] = _address(request, cursor=page.previous)
    headers = {"Link": ", ".join(f'<{address}>; rel="{name}"' for name, address in links.items())}
    if page.total is not None:
        headers["X-Total-Count"] = str(page.total)
    return headers


def _address(request: Request, **changes: str) -> str:
    url = request.url.remove_query_params(["page", "cursor"]).include_query_params(**changes)
    return f"{url.path}?{url.query}" if url.query else url.path

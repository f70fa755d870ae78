"""Long lists as JSON Lines: an entry in each line, read on by cursors in short transactions while they are sent.

Nothing of it is kept: it takes the memory of one batch, however long the list, and no connection while a slow client
reads. What is added at the top meanwhile is not in it; nothing is in it twice.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from garaza.kit.database import Database, ReadSession
from garaza.kit.fields import Selection, dumped
from garaza.kit.pagination import Page, Paging, goes_on

MAX_LINES = 100_000
"""In one answer. Where the list is longer, one more line says with `next_cursor` how to go on."""
BATCH_ROWS = 500
MEDIA_TYPES = ("application/x-ndjson", "application/jsonl")

Batch = Callable[[ReadSession, Paging], Awaitable[tuple[Sequence[BaseModel], Page[Any]]]]
"""Reads a part of the list: its entries as they are sent, and the page that they are."""

LINES_TOO: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; or with `Accept: application/x-ndjson` all of the list, an entry in each line",
        "content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES},
    }
}
"""What the documentation of a route says that can do this."""


def lines_wanted(request: Request) -> str | None:
    """The media type that the client asked for, if it is one of these. Wildcards don't ask for it."""
    for line in request.headers.getlist("accept"):
        for item in line.split(","):
            name, *parameters = (part.strip().lower() for part in item.split(";"))
            if name in MEDIA_TYPES and not any(_is_zero(part) for part in parameters):
                return name
    return None


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in {"", "."}


def lines_answer(
    request: Request, kind: str, wanted: Paging, batch: Batch, selection: Selection | None = None
) -> StreamingResponse:
    """The list from its beginning, or on from a cursor; numbers of pages mean nothing here.

    Raises:
        RequestValidationError: it is to go backwards.
    """
    if wanted.place is not None and wanted.place.backwards:
        message = "Lines only go on from a cursor, and not back. Take it from rel=next."
        raise RequestValidationError([{"loc": ("query", "cursor"), "msg": message, "type": "paging", "input": None}])
    database: Database = request.app.state.database
    return StreamingResponse(
        _read(database, wanted, batch, selection), media_type=kind, headers={"Cache-Control": "no-store"}
    )


async def _read(database: Database, wanted: Paging, batch: Batch, selection: Selection | None) -> AsyncIterator[bytes]:
    place, left = wanted.place, MAX_LINES
    while True:
        async with database.read() as session:
            entries, page = await batch(session, Paging(1, min(BATCH_ROWS, left), place))
        yield b"".join(dumped(entry, selection) + b"\n" for entry in entries)
        left -= len(entries)
        place = goes_on(page)
        if place is None:
            return
        if left <= 0:
            yield json.dumps({"next_cursor": page.next}).encode() + b"\n"
            return

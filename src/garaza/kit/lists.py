"""What every list that is read by pages says of itself, in the body and beside it."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import Field

from garaza.kit.answers import Answer
from garaza.kit.pagination import Page, Paging, pages, paging_headers


class ListAnswer(Answer):
    """See the module."""

    count: int | None = Field(description="Of the whole list; null for pages by cursor.")
    page: int | None = Field(description="null for pages by cursor.")
    page_size: int
    total_pages: int | None = Field(description="null for pages by cursor.")
    next_cursor: str | None = Field(description="Goes on after this page; null at the end.")


def about_list(
    request: Request, response: Response, wanted: Paging, page: Page[Any], count: int | None
) -> dict[str, Any]:
    """The fields of `ListAnswer`; headers are set."""
    response.headers.update(paging_headers(request, wanted, page))
    return {
        "count": count,
        "page": wanted.page if wanted.place is None else None,
        "page_size": wanted.page_size,
        "total_pages": pages(count, wanted.page_size) if count is not None else None,
        "next_cursor": page.next,
    }

"""What somebody looks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from garaza.furniture.filters import NO_FILTERS, Filters

MAX_QUERY_LETTERS = 500
MAX_DEPTH = 1000
"""How far down anybody can page: whoever isn't content with the first thousand narrows the search."""
MAX_LIMIT = 100

Sort = Literal["relevance", "price_asc", "price_desc", "title"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search. Without a text all products are found that the filters let through."""

    text: str = ""
    filters: Filters = NO_FILTERS
    sort: Sort = "relevance"
    offset: int = 0
    limit: int = 20
    country: str | None = None
    """Of who asks, ISO 3166-1 alpha-2."""
    without: tuple[str, ...] = ()
    """Keys of what was understood (see `Constraint`) that is not to be minded."""
    understand: bool = True
    """Whether bounds and negations in the text narrow the search; else it is only words."""
    facets: bool = True
    country_boost: bool = True
    sponsor_boost: bool = True

    @property
    def first(self) -> int:
        """Of the ranks that are asked for, from 0, within bounds."""
        return min(max(self.offset, 0), MAX_DEPTH)

    @property
    def end(self) -> int:
        """After the last of them."""
        return min(self.first + min(max(self.limit, 0), MAX_LIMIT), MAX_DEPTH)

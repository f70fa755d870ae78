"""What goes over the wire about products."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from garaza.furniture.filters import Filters, Span
from garaza.furniture.places import country_of
from garaza.furniture.products import MAX_BRAND_LETTERS, key_of
from garaza.furniture.search.asked import MAX_DEPTH, MAX_LIMIT, MAX_QUERY_LETTERS, Asked
from garaza.kit.answers import Answer
from garaza.kit.text import one_line

MAX_PAGE = MAX_DEPTH
_MAX_VALUES = 50
"""Of one filter."""


def _words(text: str) -> str:
    """Whatever blanks were pasted along."""
    return one_line(" ".join(text.split()))


Words = Annotated[str, AfterValidator(_words)]
Query = Annotated[Words, Field(max_length=MAX_QUERY_LETTERS)]
Name = Annotated[Words, Field(max_length=MAX_BRAND_LETTERS)]
Names = Annotated[list[Name], Field(max_length=_MAX_VALUES)]
Bound = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class FilterFields(BaseModel):
    """All of what is given holds; within a list, one is enough; of `not_…`, none may be."""

    brands: Names = []
    categories: Names = []
    countries: Names = []
    colors: Names = []
    materials: Names = []
    not_brands: Names = []
    not_categories: Names = []
    not_colors: Names = []
    not_materials: Names = []
    in_stock: bool | None = None
    min_price: Bound | None = None
    max_price: Bound | None = None
    min_width_cm: Bound | None = None
    max_width_cm: Bound | None = None
    min_depth_cm: Bound | None = None
    max_depth_cm: Bound | None = None
    min_height_cm: Bound | None = None
    max_height_cm: Bound | None = None

    def filters(self) -> Filters:
        """As a search takes them. A country that isn't one is in no product."""
        return Filters(
            brands=_keys(self.brands),
            categories=_keys(self.categories),
            countries=tuple(country_of(name) or name for name in self.countries),
            colors=_keys(self.colors),
            materials=_keys(self.materials),
            not_brands=_keys(self.not_brands),
            not_categories=_keys(self.not_categories),
            not_colors=_keys(self.not_colors),
            not_materials=_keys(self.not_materials),
            in_stock=self.in_stock,
            price=Span(least=self.min_price, most=self.max_price),
            width_cm=Span(least=self.min_width_cm, most=self.max_width_cm),
            depth_cm=Span(least=self.min_depth_cm, most=self.max_depth_cm),
            height_cm=Span(least=self.min_height_cm, most=self.max_height_cm),
        )


def _keys(names: list[str]) -> tuple[str, ...]:
    return tuple(key_of(name) for name in names)


class _Wishes(BaseModel):
    top_k: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many, where page_size doesn't say.")] = 3
    user_country: Annotated[Name | None, Field(description="Of who asks: what comes from there is a little ahead.")] = (
        None
    )
    page: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 1
    page_size: Annotated[int | None, Field(ge=1, le=MAX_LIMIT)] = None
    sort: Literal["relevance", "price_asc", "price_desc", "title"] = "relevance"
    facets: Annotated[bool, Field(description="Whether to say what the search can be narrowed to.")] = False
    understand: Annotated[bool, Field(description="Whether bounds in the text, as `under $200`, narrow it.")] = True
    without: Annotated[Names, Field(description="Keys of what was understood, and isn't to be minded.")] = []

    def _asked(self, text: str, filters: Filters) -> Asked:
        size = self.page_size or self.top_k
        return Asked(
            text=text,
            filters=filters,
            sort=self.sort,
            offset=(self.page - 1) * size,
            limit=size,
            country=country_of(self.user_country) if self.user_country else None,
            without=tuple(self.without),
            understand=self.understand,
            facets=self.facets,
        )


class SearchRequest(_Wishes):
    """A search. Without words it finds everything that the filters let through."""

    query: Query
    filters: FilterFields = FilterFields()

    def asked(self) -> Asked:
        """What is to be looked for."""
        return self._asked(self.query, self.filters.filters())


class SearchParameters(_Wishes, FilterFields):
    """The same in an address."""

    query: Query = ""

    def asked(self) -> Asked:
        """What is to be looked for."""
        return self._asked(self.query, self.filters())


class ProductBody(Answer):
    """A product. Lengths are centimetres."""

    asin: str
    title: str
    brand: str
    price: str = Field(description='Text for people, or "N/A".')
    price_minor: int | None
    currency: str
    availability: str
    in_stock: bool | None
    categories: str = Field(description="From the widest to the narrowest, with ' > ' between.")
    url: str
    imgUrl: str  # noqa: N815 - what clients read
    images: list[str]
    country: str
    country_name: str
    width_cm: float | None
    depth_cm: float | None
    height_cm: float | None
    weight_kg: float | None
    colors: list[str]
    materials: list[str]
    style: str | None
    is_sponsored: bool
    sponsor_tier: str | None


class ProductAnswer(ProductBody):
    """Everything that is known of one."""

    description: str
    about: list[str]
    specifications: dict[str, str]


class ResultBody(ProductBody):
    """A product that was found."""

    rank: int
    similarity_score: float = Field(description="0 to 1: how well it fits what was asked.")
    boosts: list[str] = Field(description="What brought it forward: country, region, sponsor.")


class ChipBody(Answer):
    """Something that was read out of the text and narrows the search; `without` takes its key."""

    key: str
    label: str


class RelaxedBody(ChipBody):
    """What nothing fulfilled."""

    instead: str | None


class FacetValueBody(Answer):
    """One thing that the search can be narrowed to."""

    key: str
    name: str
    count: int
    chosen: bool


class FacetBody(Answer):
    """What the search can be narrowed to in one respect."""

    name: str
    values: list[FacetValueBody]


class SearchAnswer(Answer):
    """What was found."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    query: str
    results: list[ResultBody]
    count: int = Field(description="Of the results in this answer.")
    total: int
    page: int
    page_size: int
    facets: list[FacetBody]
    understood: list[ChipBody]
    relaxed: list[RelaxedBody]
    semantic: bool = Field(description="Whether meaning was looked at; else only words.")
    catalogue_version: int


class SimilarAnswer(Answer):
    """More like a product."""

    asin: str
    results: list[ResultBody]
    count: int


class ProductsAnswer(Answer):
    """Those that there are, in the order asked for."""

    products: list[ProductBody]
    count: int


class BrandAnswer(ProductsAnswer):
    """Of a brand."""

    brand: str
    total: int
    page: int


class CategoryAnswer(ProductsAnswer):
    """In a category."""

    category: str
    total: int
    page: int


class StatsAnswer(Answer):
    """The catalogue in numbers."""

    total_products: int
    unique_brands: int
    unique_categories: int
    products_with_price: int
    products_in_stock: int


class CountedBody(Answer):
    """A name, and how many products are of it."""

    name: str
    count: int
    key: str


class FiltersAnswer(Answer):
    """What the catalogue can be narrowed to."""

    brands: list[CountedBody]
    countries: list[CountedBody]


class SuggestionBody(Answer):
    """How a text may go on."""

    text: str
    kind: str
    count: int


class SuggestAnswer(Answer):
    """The best first."""

    suggestions: list[SuggestionBody]


class ReembeddingBody(Answer):
    """Another model reads the catalogue in the background. Searches are answered meanwhile."""

    done: int
    of: int


class FurnitureHealth(Answer):
    """Whether searches are answered."""

    status: Literal["ok", "preparing", "empty"]
    initialized: bool
    semantic: bool
    catalogue_version: int
    products: int
    reembedding: ReembeddingBody | None = None

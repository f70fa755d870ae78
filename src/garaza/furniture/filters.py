"""What a search may be narrowed to."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.furniture.products import Product, key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Numbers from `least` to `most`, both included; None: no bound."""

    least: float | None = None
    most: float | None = None

    def __bool__(self) -> bool:
        return self.least is not None or self.most is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """All of what is given holds; within a tuple, one is enough; of `not_…`, none may be.

    Brands and categories are keys (see `key_of`), countries ISO codes, colours and materials families (see `Product`).
    What a product doesn't say is not within a span, and not excluded either.
    """

    brands: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    not_brands: tuple[str, ...] = ()
    not_categories: tuple[str, ...] = ()
    not_colors: tuple[str, ...] = ()
    not_materials: tuple[str, ...] = ()
    in_stock: bool | None = None
    price: Span = Span()
    """In whole units of the currency: dollars."""
    width_cm: Span = Span()
    depth_cm: Span = Span()
    height_cm: Span = Span()

    def __bool__(self) -> bool:
        return self != NO_FILTERS


NO_FILTERS = Filters()

Payload = dict[str, str | float | bool | list[str]]


def payload_of(product: Product) -> Payload:
    """What an index keeps beside a vector so that it can filter: only what is known."""
    given: dict[str, str | float | bool | list[str] | None] = {
        "brand": key_of(product.brand) if product.brand else None,
        "categories": [key_of(name) for name in product.categories] or None,
        "country": product.country,
        "colors": list(product.colors) or None,
        "materials": list(product.materials) or None,
        "in_stock": product.in_stock,
        "price": product.price,
        "width_cm": product.width_cm,
        "depth_cm": product.depth_cm,
        "height_cm": product.height_cm,
    }
    return {name: value for name, value in given.items() if value is not None}

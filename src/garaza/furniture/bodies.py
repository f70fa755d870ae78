"""Products as they are sent."""

from __future__ import annotations

from typing import Any

from garaza.furniture.places import country_name
from garaza.furniture.products import Product
from garaza.furniture.quantities import minor_digits
from garaza.furniture.schemas import (
    ChipBody,
    FacetBody,
    FacetValueBody,
    ProductAnswer,
    ProductBody,
    RelaxedBody,
    ResultBody,
    SearchAnswer,
)
from garaza.furniture.search.asked import Asked
from garaza.furniture.search.found import Found, Hit


def product_body(product: Product) -> ProductBody:
    """As it is in lists."""
    return ProductBody(**_fields(product))


def product_answer(product: Product) -> ProductAnswer:
    """With all its texts."""
    return ProductAnswer(
        **_fields(product),
        description=product.description,
        about=list(product.about),
        specifications=product.specifications,
    )


def results_of(found: Found, products: dict[int, Product]) -> list[ResultBody]:
    """Those of this page, with their ranks among all."""
    ranked = enumerate(found.hits, found.offset + 1)
    return [_result(rank, hit, products[hit.id]) for rank, hit in ranked if hit.id in products]


def search_answer(query: str, asked: Asked, found: Found, products: dict[int, Product]) -> SearchAnswer:
    """What was found, and how it was understood."""
    results = results_of(found, products)
    return SearchAnswer(
        query=query,
        results=results,
        count=len(results),
        total=found.total,
        page=asked.offset // asked.limit + 1,
        page_size=asked.limit,
        facets=[
            FacetBody(
                name=facet.name,
                values=[FacetValueBody(key=v.key, name=v.name, count=v.count, chosen=v.chosen) for v in facet.values],
            )
            for facet in found.facets
        ],
        understood=[ChipBody(key=one.key, label=one.label) for one in found.understood.constraints],
        relaxed=[RelaxedBody(key=one.key, label=one.label, instead=one.instead) for one in found.relaxed],
        semantic=found.semantic,
        catalogue_version=found.version,
    )


def price_text(product: Product) -> str:
    """For people."""
    if product.price is None:
        return "N/A"
    amount = f"{product.price:,.{minor_digits(product.currency)}f}"
    return f"${amount}" if product.currency == "USD" else f"{amount} {product.currency}"


def _result(rank: int, hit: Hit, product: Product) -> ResultBody:
    fields = {**_fields(product), "sponsor_tier": hit.sponsor_tier, "is_sponsored": hit.sponsor_tier is not None}
    return ResultBody(**fields, rank=rank, similarity_score=round(hit.similarity, 4), boosts=list(hit.boosts))


def _fields(product: Product) -> dict[str, Any]:
    return {
        "asin": product.asin,
        "title": product.title,
        "brand": product.brand or "",
        "price": price_text(product),
        "price_minor": product.price_minor,
        "currency": product.currency,
        "availability": product.availability,
        "in_stock": product.in_stock,
        "categories": " > ".join(product.categories),
        "url": product.url or "",
        "imgUrl": product.images[0] if product.images else "",
        "images": list(product.images),
        "country": product.country or "",
        "country_name": country_name(product.country) if product.country else "",
        "width_cm": product.width_cm,
        "depth_cm": product.depth_cm,
        "height_cm": product.height_cm,
        "weight_kg": product.weight_kg,
        "colors": list(product.colors),
        "materials": list(product.materials),
        "style": product.style,
        "is_sponsored": product.sponsor_tier is not None,
        "sponsor_tier": product.sponsor_tier,
    }

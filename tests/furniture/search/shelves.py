"""Made-up products for tests of searching: many, varied, and the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator

from garaza.furniture.products import TIERS, Product

KINDS = {
    "sofa": ("Living Room", "Sofas"),
    "armchair": ("Living Room", "Armchairs"),
    "coffee table": ("Living Room", "Tables"),
    "bookcase": ("Home Office", "Shelving"),
    "desk": ("Home Office", "Desks"),
    "bed frame": ("Bedroom", "Beds"),
    "nightstand": ("Bedroom", "Tables"),
    "area rug": ("Living Room", "Rugs"),
    "bar stool": ("Kitchen", "Stools"),
    "dresser": ("Bedroom", "Storage"),
}
COLORS = ("black", "white", "gray", "brown", "blue", "green")
MATERIALS = (("leather",), ("fabric",), ("velvet", "fabric"), ("walnut", "wood"), ("oak", "wood"), ("steel", "metal"))
STYLES = ("Mid-Century", "Industrial", "Farmhouse", "Scandinavian", "Modern")
BRANDS = ("Nordvik", "Halden & Pine", "Tresca", "Oldmere", "Brunholt", "Casa Lumo")
COUNTRIES = ("US", "IT", "CN", "SE", "VN", None)
WORDS = [
    "with storage drawers",
    "adjustable feet",
    "no tools required",
    "soft cushions",
    "wide armrests",
    "tapered legs",
    "easy to clean",
    "stain resistant",
    "solid frame",
    "hidden compartment",
    "swivel base",
    "without wheels",
]


def products(count: int, seed: int = 1) -> Iterator[Product]:
    """So many of them."""
    chance = random.Random(seed)
    for number in range(count):
        kind = chance.choice(list(KINDS))
        color, materials, style = chance.choice(COLORS), chance.choice(MATERIALS), chance.choice(STYLES)
        brand = chance.choice(BRANDS)
        yield Product(
            asin=f"T{number:07}",
            title=f"{brand} {style} {kind.title()}, {color.title()} {materials[0].title()}",
            brand=brand if chance.random() < 0.9 else None,
            price_minor=chance.randrange(1000, 200_000) if chance.random() < 0.8 else None,
            in_stock=chance.choice((True, False, None)),
            categories=("Furniture", *KINDS[kind]),
            width_cm=round(chance.uniform(30, 250), 1) if chance.random() < 0.8 else None,
            depth_cm=round(chance.uniform(30, 120), 1) if chance.random() < 0.8 else None,
            height_cm=round(chance.uniform(20, 210), 1) if chance.random() < 0.8 else None,
            country=chance.choice(COUNTRIES),
            colors=(color,),
            color=color.title(),
            materials=materials,
            material=materials[0].title(),
            style=style,
            about=tuple(chance.sample(WORDS, 3)),
            description=f"A {style.lower()} {kind} {chance.choice(WORDS)}.",
            sponsor_tier=chance.choice(TIERS) if chance.random() < 0.1 else None,
        )


def rows(count: int, seed: int = 1) -> Iterator[tuple[int, Product]]:
    """With ids as a database gives them: ascending, with gaps."""
    for number, product in enumerate(products(count, seed)):
        yield 10 + 3 * number, product

"""Products of the sample with what is true of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from garaza.furniture.products import Product
from tools.sample_catalogue.facts import Facts
from tools.sample_catalogue.looks import MATERIALS, SHADES
from tools.sample_catalogue.models import SEED, Variant, variants
from tools.sample_catalogue.texts import listing

COUNT = 1440
"""Of products in the package."""

_NATURAL = {"pine": "beige", "ash": "beige", "beech": "beige", "birch": "beige", "bamboo": "beige", "paper": "beige"}
_WITH_COLORS = {"brass": "gold", "steel": "black", "iron": "black"}


def catalogue(count: int = COUNT, seed: str = SEED) -> Iterator[tuple[Product, Facts]]:
    """The same for the same arguments, on every machine; more of it begins with less of it."""
    for variant in variants(count, seed):
        yield _product(variant, seed), variant.facts


def _product(variant: Variant, seed: str) -> Product:
    facts, size = variant.facts, variant.size
    rng = random.Random(f"{seed}/shop/{variant.asin}")
    text = listing(variant, seed)
    availability, in_stock, left = _stock(rng)
    families = (family for key in facts.materials for family in MATERIALS[key].families)
    packed = sorted((size.width + 8, size.depth + 8, size.height * 0.4 + 6), reverse=True)
    return Product(
        asin=variant.asin,
        title=text.title,
        brand=variant.brand.name,
        price_minor=None if variant.price is None else round(variant.price * 100),
        availability=availability,
        in_stock=in_stock,
        stock_left=left,
        categories=variant.kind.path,
        images=(f"/api/furniture/pictures/{variant.asin}.svg",),
        width_cm=size.width if variant.measured else None,
        depth_cm=size.depth if variant.measured else None,
        height_cm=size.height if variant.measured else None,
        weight_kg=size.kg if rng.random() > 0.1 else None,
        package_cm=(round(packed[0]), round(packed[1]), round(packed[2])) if rng.random() < 0.2 else None,
        country=variant.country,
        colors=colors(facts),
        color=text.color,
        materials=tuple(dict.fromkeys(families)),
        material=text.material,
        style=text.style,
        description=text.description,
        about=text.about,
        specifications=_specifications(variant, rng),
        sponsor_tier=variant.tier,
    )


def colors(facts: Facts) -> tuple[str, ...]:
    """Families: of what one sees most, then of what shines beside it."""
    first, second = facts.materials[0], facts.materials[-1]
    if facts.shade not in {"", "natural"}:
        found = [SHADES[facts.shade][0]]
    elif first == "glass":
        found = ["clear"] if second == "glass" else [_NATURAL.get(second, "brown")]
    elif MATERIALS[first].sort in {"wood", "weave", "other"}:
        found = [_NATURAL.get(first, "brown")]
    else:
        found = ["beige"]
    if second != first and second in _WITH_COLORS:
        found.append(_WITH_COLORS[second])
    return tuple(dict.fromkeys(found))


def _stock(rng: random.Random) -> tuple[str, bool | None, int | None]:
    chance = rng.random()
    if chance < 0.76:
        return "In Stock", True, None
    if chance < 0.86:
        left = rng.randint(1, 12)
        return f"Only {left} left in stock", True, left
    if chance < 0.91:
        return "Usually ships within 2 to 3 weeks", True, None
    if chance < 0.97:
        return rng.choice(("Currently unavailable", "Out of stock")), False, None
    return "", None, None


def _specifications(variant: Variant, rng: random.Random) -> dict[str, str]:
    textile = variant.kind.family == "textiles"
    soft = MATERIALS[variant.facts.materials[0]].sort == "fabric"
    every = {
        "Series": variant.name,
        "Assembly required": "" if textile else rng.choice(("Yes", "Yes", "No", "Legs only")),
        "Room": variant.kind.path[1],
        "Size": variant.size.label,
        "Maximum load": "" if textile else f"{rng.choice((20, 30, 60, 100, 120, 150))} kg",
        "Care": rng.choice(
            ("Dry clean only", "Gentle wash", "Spot clean") if soft else ("Wipe clean", "Dust", "Oil yearly")
        ),
        "Warranty": rng.choice(("2 years", "5 years", "10 years")),
    }
    known = [name for name, value in every.items() if value]
    chosen = set(rng.sample(known, rng.randint(0, len(known) - 1)))
    return {name: every[name] for name in known if name in chosen}

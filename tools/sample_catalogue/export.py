"""Writes the sample as shops export their catalogues: lists as Python prints them, inches, entities, and worse.

CSV or JSONL, by the name of the file. What is wrong with a row is decided by its number, so that the same call writes
the same file.
"""

from __future__ import annotations

import csv
import html
import json
import random
from collections.abc import Iterator
from pathlib import Path

from garaza.furniture.places import country_name
from garaza.furniture.products import Product
from tools.sample_catalogue.generate import catalogue
from tools.sample_catalogue.models import SEED

COLUMNS = (
    *(
        "asin",
        "url",
        "title",
        "brand",
        "price",
        "availability",
        "categories",
        "primary_image",
        "images",
        "color",
        "material",
    ),
    *(
        "style",
        "product_dimensions",
        "package_dimensions",
        "item_weight",
        "country_of_origin",
        "about_item",
        "description",
    ),
    *("specifications", "sponsor_tier"),
)
_INCH, _POUND = 2.54, 0.45359237


def write(path: Path, count: int, *, dirty: bool = True, seed: str = SEED) -> int:
    """As many products as that; a dirty file has some rows twice. How many rows it has."""
    rows = _dirty(count, seed) if dirty else (_row(product) for product, _ in catalogue(count, seed))
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n") if path.suffix == ".csv" else None
        if table is not None:
            table.writeheader()
        for row in rows:
            if table is not None:
                table.writerow(row)
            else:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written


def _row(product: Product) -> dict[str, str]:
    package = product.package_cm
    return {
        "asin": product.asin,
        "url": f"https://shop.example/dp/{product.asin}",
        "title": product.title,
        "brand": product.brand or "",
        "price": "" if product.price_minor is None else f"${product.price_minor / 100:,.2f}",
        "availability": product.availability,
        "categories": repr(list(product.categories)),
        "primary_image": f"https://pictures.example/{product.asin}/1.jpg",
        "images": repr([f"https://pictures.example/{product.asin}/{number}.jpg" for number in (1, 2)]),
        "color": product.color or "",
        "material": product.material or "",
        "style": product.style or "",
        "product_dimensions": _dimensions(product),
        "package_dimensions": ""
        if package is None
        else " x ".join(f"{edge / _INCH:.2f}" for edge in package) + " inches",
        "item_weight": "" if product.weight_kg is None else f"{product.weight_kg / _POUND:.2f} pounds",
        "country_of_origin": country_name(product.country) if product.country else "",
        "about_item": repr(list(product.about)) if product.about else "",
        "description": product.description,
        "specifications": repr([dict([pair]) for pair in product.specifications.items()])
        if product.specifications
        else "",
        "sponsor_tier": product.sponsor_tier or "",
    }


def _dimensions(product: Product) -> str:
    if product.width_cm is None or product.depth_cm is None or product.height_cm is None:
        return ""
    sides = (("D", product.depth_cm), ("W", product.width_cm), ("H", product.height_cm))
    return " x ".join(f'{length / _INCH:.2f}"{side}' for side, length in sides)


def _dirty(count: int, seed: str) -> Iterator[dict[str, str]]:
    for number, (product, _) in enumerate(catalogue(count, seed)):
        rng = random.Random(f"{seed}/dirt/{number}")
        row = _row(product)
        for spoil in (_of_store, _of_markup, _of_numbers, _of_nothing):
            if rng.random() < 0.3:
                spoil(row, product, rng)
        if rng.random() < 0.01:
            row[rng.choice(("asin", "title"))] = rng.choice(("", "N/A"))
        yield row
        if rng.random() < 0.02:
            yield row | {"price": "", "title": row["title"].upper()}


def _of_store(row: dict[str, str], product: Product, rng: random.Random) -> None:
    row["brand"] = rng.choice((f"Visit the {product.brand} Store", f"Brand: {product.brand}", f"  {product.brand} "))
    row["country_of_origin"] = rng.choice(
        (f"Made in {row['country_of_origin']}", row["country_of_origin"].upper(), "Earth")
    )


def _of_markup(row: dict[str, str], product: Product, rng: random.Random) -> None:
    row["title"] = html.escape(product.title)
    row["description"] = f"<p>{product.description.replace('. ', '.<br/>')}</p><script>track()</script>"
    row["about_item"] = rng.choice((" | ".join(product.about), "\n".join(f"• {line}" for line in product.about)))
    row["categories"] = " › ".join(product.categories)


def _of_numbers(row: dict[str, str], product: Product, rng: random.Random) -> None:
    if product.price_minor is not None:
        row["price"] = rng.choice(
            (f"{product.price_minor / 100:.2f} USD", f"US${product.price_minor // 100}", "$0.00", "-1")
        )
    if product.width_cm is not None:
        row["product_dimensions"] = rng.choice(
            (
                f"{product.width_cm:g}W x {product.depth_cm:g}D x {product.height_cm:g}H cm",
                "999999 x 1 x 1 inches",
                "NaN",
                "about two",
            )
        )
    row["item_weight"] = rng.choice((f"{product.weight_kg or 1:g} Kilograms", "inf", ""))


def _of_nothing(row: dict[str, str], _product: Product, rng: random.Random) -> None:
    for name in rng.sample(COLUMNS[3:], 4):
        row[name] = rng.choice(("", "nan", "None", "N/A", "[]", "-"))

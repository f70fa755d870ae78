"""A product as the database keeps it: what is known of it, as JSON, and what of that is searched by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from garaza.furniture.products import Product, key_of

_DEFAULTS = {
    field.name: field.default if field.default is not MISSING else {}
    for field in fields(Product)
    if field.default is not MISSING or field.default_factory is not MISSING
}
_LISTS = frozenset(name for name, default in _DEFAULTS.items() if default == ()) | {"package_cm"}
_NAMES = frozenset(field.name for field in fields(Product))


def to_row(product: Product) -> dict[str, Any]:
    """What is known of it."""
    given = ((name, getattr(product, name)) for name in sorted(_NAMES))
    return {
        name: list(value) if name in _LISTS else value
        for name, value in given
        if name not in _DEFAULTS or value != _DEFAULTS[name]
    }


def from_row(data: Mapping[str, Any]) -> Product:
    """The product again. What another version of this program kept besides is left out."""
    known: dict[str, Any] = {
        name: tuple(value) if name in _LISTS else value for name, value in data.items() if name in _NAMES
    }
    return Product(**known)


def data_hash(data: Mapping[str, Any]) -> bytes:
    """16 bytes: two products with the same are the same in all that is known of them."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def columns_of(product: Product) -> dict[str, Any]:
    """Of its row, but for the versions that it is of, and where it came from."""
    data = to_row(product)
    return {
        "asin": product.asin,
        "title": product.title,
        "brand": product.brand,
        "brand_key": key_of(product.brand) if product.brand else None,
        "country": product.country,
        "price_minor": product.price_minor,
        "in_stock": product.in_stock,
        "text_hash": product.text_hash,
        "data_hash": data_hash(data),
        "data": data,
    }


def categories_of(product: Product) -> list[dict[str, Any]]:
    """Its rows of categories, but for its id; one that it names twice is one."""
    names = {key_of(name): name for name in reversed(product.categories)}
    kept = [(key, name) for name in product.categories if names.get(key := key_of(name)) is name and names.pop(key)]
    return [{"place": place, "key": key, "name": name} for place, (key, name) in enumerate(kept)]

"""Reads the sample out of the package."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from garaza.furniture.products import Product

CATALOGUE = "catalogue.jsonl.gz"


def products() -> Iterator[Product]:
    """All of them, always in the same order."""
    for row in _rows():
        yield _product(row["product"])


def _rows() -> Iterator[dict[str, Any]]:
    for line in gzip.decompress(_read(CATALOGUE)).splitlines():
        yield json.loads(line)


def _product(data: dict[str, Any]) -> Product:
    tuples: dict[str, Any] = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    return Product(**data | tuples)


def _read(name: str) -> bytes:
    return (files("garaza.furniture.sample") / name).read_bytes()

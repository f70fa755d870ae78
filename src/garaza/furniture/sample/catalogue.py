"""Reads the sample out of the package."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.drawings import Look, draw
from garaza.furniture.products import Product
from garaza.furniture.stored import from_row

CATALOGUE = "catalogue.jsonl.gz"
VECTORS = "vectors.npz"


def products() -> Iterator[Product]:
    """All of them, always in the same order."""
    for row in _rows():
        yield from_row(row["product"])


def vectors() -> tuple[str, dict[bytes, NDArray[np.float16]]]:
    """What the model that comes along makes of their texts: its id, and a vector for each `text_hash`.

    Each is float16 [dimensions], of unit length, and a view of one array.
    """
    with np.load(io.BytesIO(_read(VECTORS)), allow_pickle=False) as kept:
        model_id, hashes, matrix = str(kept["model_id"]), kept["hashes"], kept["vectors"]
    return model_id, {bytes(each): vector for each, vector in zip(hashes, matrix, strict=True)}


def picture(asin: str) -> str | None:
    """An SVG of a product of the sample; None: it has no such product.

    Takes 40 µs; the first time it reads the sample, which blocks for a tenth of a second.
    """
    found = _looks().get(asin)
    return draw(*found) if found else None


def forget() -> None:
    """Let go of what `picture` has read; it reads it again."""
    _looks.cache_clear()


@cache
def _looks() -> dict[str, tuple[Look, str]]:
    """Only what is drawn: texts needn't stay in memory for it."""
    return {row["product"]["asin"]: (_look(row["look"]), row["product"]["title"]) for row in _rows()}


def _rows() -> Iterator[dict[str, Any]]:
    for line in gzip.decompress(_read(CATALOGUE)).splitlines():
        yield json.loads(line)


def _look(data: dict[str, Any]) -> Look:
    return Look(**data | {"features": tuple(data["features"])})


def _read(name: str) -> bytes:
    return (files("garaza.furniture.sample") / name).read_bytes()

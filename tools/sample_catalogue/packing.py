"""The files of the sample that are in the package."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from garaza.furniture.products import Product
from tools.sample_catalogue.facts import Facts
from tools.sample_catalogue.looks import MATERIALS


def rows(catalogue: Iterable[tuple[Product, Facts]]) -> Iterator[dict[str, Any]]:
    """What a line of the catalogue says: a product, and how it is drawn."""
    for product, facts in catalogue:
        data = {name: value for name, value in asdict(product).items() if value or value is False}
        yield json.loads(json.dumps({"product": data, "look": _look(facts)}))


def packed(catalogue: Iterable[tuple[Product, Facts]]) -> bytes:
    """The lines, compressed: the same bytes wherever zlib is the same."""
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows(catalogue))
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), 9, mtime=0)


def _look(facts: Facts) -> dict[str, Any]:
    return {
        "kind": facts.kind,
        "size": facts.size,
        "legs": facts.legs,
        "hue": facts.hue,
        "accent": facts.accent,
        "sort": MATERIALS[facts.materials[0]].sort,
        "features": sorted(facts.features),
        "width_cm": facts.measures[0],
        "depth_cm": facts.measures[1],
        "height_cm": facts.measures[2],
    }

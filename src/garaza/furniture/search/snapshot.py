"""All of one version that answering needs beside vectors, in arrays that are mapped from a folder.

Opening it costs milliseconds and, until somebody searches, hardly any memory. Nothing in it changes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.ascending import places_in
from garaza.furniture.filters import Payload
from garaza.furniture.products import Product
from garaza.furniture.search.labels import Labels
from garaza.furniture.search.postings import Postings
from garaza.furniture.search.reading import first_token
from garaza.furniture.search.suggesting import Suggestions
from garaza.furniture.search.terms import Named, digest, heads_of

FORMAT = 1
"""To be increased when what is written means something else, so that what is there is built anew."""
MANIFEST = "manifest.json"
NAMES = "names.json"
LABELS = ("brands", "categories", "countries", "colors", "materials")
_CHUNK = 1 << 20


class SnapshotError(Exception):
    """There is none in that folder, or it is damaged, or of another format."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows are products, ascending by id; all arrays have one entry a row unless they say otherwise."""

    version: int
    ids: NDArray[np.int64]
    prices: NDArray[np.float64]
    """In whole units. NaN: unknown, as everywhere."""
    widths: NDArray[np.float64]
    """In centimetres, as the next two."""
    depths: NDArray[np.float64]
    heights: NDArray[np.float64]
    in_stock: NDArray[np.int8]
    """1, 0, or -1: unknown."""
    tiers: NDArray[np.int8]
    """0: not sponsored; else 1 + its index in TIERS."""
    title_ranks: NDArray[np.int32]
    """Where it is when all are ordered by title."""
    families: NDArray[np.uint64]
    """What has the same title but for colour and size has the same."""
    asin_keys: NDArray[np.uint64]
    """Digests, ascending."""
    asin_rows: NDArray[np.int32]
    text_hashes: NDArray[np.uint8]
    """[rows, 16]: see `Product.text_hash`."""
    labels: dict[str, Labels]
    """By LABELS."""
    terms: Postings
    """Stemmed words, weighted by BM25."""
    grams: Postings
    """Groups of four letters."""
    suggestions: Suggestions
    kinds: frozenset[str]
    """Stems that categories are named by."""
    heads: Mapping[str, list[Named]]
    """Categories by what they are: see `heads_of`."""
    rooms: frozenset[str]
    """Categories that are no kind of thing: all that they hold is in narrower ones. Mostly rooms."""
    brand_beginnings: frozenset[str]
    """First words of brands."""
    every: NDArray[np.bool_] = field(repr=False)
    """All true: a mask that lets everything through."""

    def __len__(self) -> int:
        return len(self.ids)

    def contents(self) -> str:
        """The same for what an index keeps the same of, whoever built it. Blocks, for milliseconds."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.ids, self.text_hashes, self.prices, self.widths, self.depths, self.heights, self.in_stock):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where these are; those that aren't here are left out."""
        places, there = self.find(ids)
        return places[there]

    def find(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """A row for each of these, and whether it is really its own."""
        return places_in(self.ids, ids)

    def payload(self, row: int) -> Payload:
        """As `payload_of` its product."""
        numbers = {
            "price": self.prices[row],
            "width_cm": self.widths[row],
            "depth_cm": self.depths[row],
            "height_cm": self.heights[row],
        }
        payload: Payload = {name: float(number) for name, number in numbers.items() if not np.isnan(number)}
        for name, kind in (("brand", "brands"), ("country", "countries")):
            if keys := self.labels[kind].keys_of(row):
                payload[name] = keys[0]
        for kind in ("categories", "colors", "materials"):
            if keys := self.labels[kind].keys_of(row):
                payload[kind] = keys
        if self.in_stock[row] >= 0:
            payload["in_stock"] = bool(self.in_stock[row])
        return payload

    def row_of_asin(self, asin: str) -> int | None:
        """Where a product is."""
        key = np.uint64(digest(asin))
        place = int(np.searchsorted(self.asin_keys, key))
        if place < len(self) and self.asin_keys[place] == key:
            return int(self.asin_rows[place])
        return None

    def is_brand(self, key: str) -> bool:
        """Whether a brand has this key."""
        return key in self.labels["brands"].codes_by_key

    def begins_brand(self, word: str) -> bool:
        """Whether a brand's key begins with this."""
        return word in self.brand_beginnings

    def is_kind(self, term: str) -> bool:
        """Whether categories are named by this stem."""
        return term in self.kinds

    @classmethod
    def build(cls, items: Iterable[tuple[int, Product]], folder: Path, version: int = 1) -> Snapshot:
        """Of products by row id, ascending: into a folder, which is there when it is whole. Blocks, for seconds.

        Raises:
            OSError: it can't be written.
        """
        from garaza.furniture.search.building import build  # noqa: PLC0415 - most only read

        build(items, folder, version)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Snapshot:
        """What was built there. Blocks, for milliseconds.

        Raises:
            SnapshotError: it isn't there, or not whole.
        """
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            if manifest["format"] != FORMAT:
                msg = f"its format is {manifest['format']}, and {FORMAT} is read here"
                raise SnapshotError(msg)
            for name, checked in manifest["files"].items():
                if [*checksum(folder / name)] != checked:
                    msg = f"{name} is damaged"
                    raise SnapshotError(msg)
            arrays = {name.removesuffix(".npy"): _mapped(folder / name) for name in manifest["files"] if name != NAMES}
            return cls._of(manifest["version"], arrays, json.loads((folder / NAMES).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"it can't be read: {type(error).__name__}"
            raise SnapshotError(msg) from error

    @classmethod
    def _of(cls, version: int, arrays: Mapping[str, NDArray[Any]], names: Mapping[str, list[str]]) -> Snapshot:
        labels = {kind: Labels.load(arrays, names, kind) for kind in LABELS}
        return cls(
            version=version,
            ids=arrays["ids"],
            prices=arrays["prices"],
            widths=arrays["widths"],
            depths=arrays["depths"],
            heights=arrays["heights"],
            in_stock=arrays["in-stock"],
            tiers=arrays["tiers"],
            title_ranks=arrays["title-ranks"],
            families=arrays["families"],
            asin_keys=arrays["asin-keys"],
            asin_rows=arrays["asin-rows"],
            text_hashes=arrays["text-hashes"],
            labels=labels,
            terms=Postings.load(arrays, "terms"),
            grams=Postings.load(arrays, "grams"),
            suggestions=Suggestions.load(arrays),
            kinds=frozenset(names["kinds"]),
            heads=heads_of(labels["categories"].keys),
            rooms=labels["categories"].widest(),
            brand_beginnings=frozenset(first_token(key) for key in labels["brands"].keys),
            every=np.ones(len(arrays["ids"]), np.bool_),
        )


def checksum(path: Path) -> tuple[int, int]:
    """Size and CRC-32: against disks that fail and writing that broke off, not against anybody."""
    size, crc = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
    return size, crc


def _mapped(path: Path) -> NDArray[Any]:
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        # Nothing can't be mapped.
        mapped = np.load(path, allow_pickle=False)
    # As a plain array, each slice of which costs half as much.
    return np.asarray(mapped)

"""What an import goes through, what it was asked for, and what it has counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from garaza.furniture.intake.columns import check_mapping


class ImportState(StrEnum):
    """Of an import."""

    QUEUED = "queued"
    READING = "reading"
    EMBEDDING = "embedding"
    INDEXING = "indexing"
    """All is in the database, and whoever owns the index is told; the next import may begin."""
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


GIVEN_UP = frozenset({ImportState.FAILED, ImportState.CANCELLED})
"""Until they have ended, what they wrote is to be taken away."""
TAKEN = frozenset({ImportState.INDEXING, ImportState.PUBLISHED})
"""All that was to be taken is in the database."""
WORKING = frozenset({ImportState.QUEUED, ImportState.READING, ImportState.EMBEDDING})

MODEL_FORM = "model"
"""In place of a file's: the catalogue as it is, for another model to read."""


@dataclass(frozen=True, slots=True)
class Options:
    """What whoever sends a file may choose."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Columns of the file, by whose names alone it wouldn't be known which field they are."""
    replace: bool = False
    """Whether products that the file doesn't have leave the catalogue."""
    keep_sample: bool = False
    """Whether the sample stays beside what is imported."""
    uploaded: bool = False
    """Whether the service is to see to it; else whoever gave the command does."""

    def told(self) -> dict[str, Any]:
        """As a row keeps it."""
        return {
            "mapping": dict(self.mapping),
            "replace": self.replace,
            "keep_sample": self.keep_sample,
            "uploaded": self.uploaded,
        }


COUNTS = (
    "rows",
    "taken",
    "mended",
    "refused",
    "duplicates",
    "added",
    "changed",
    "unchanged",
    "removed",
    "to_embed",
    "embedded",
)
"""Of rows: each is taken, refused, or a duplicate of a newer one; what is taken is added, changed or unchanged. Of
products: removed. Of texts: to_embed, of which embedded are done. Besides, `mended.FIELD` and `refused.FIELD`."""
MAX_REASONS = 100


def counts_of(kept: Mapping[str, int]) -> Counter[str]:
    """All of COUNTS, and reasons."""
    return Counter({**dict.fromkeys(COUNTS, 0), **kept})


def count_reason(counts: Counter[str], kind: str, name: str) -> None:
    """One more note of this kind about this field."""
    reason = f"{kind}.{name}"
    if reason in counts or len(counts) < len(COUNTS) + MAX_REASONS:
        counts[reason] += 1


MAX_COLUMNS = 50
_MAX_LETTERS = 200


class BadMappingError(ValueError):
    """Its text says what is wrong with it."""


def mapping_of(given: Iterable[str]) -> dict[str, str]:
    """From texts like `Product Name=title`.

    Raises:
        BadMappingError
    """
    found: dict[str, str] = {}
    for text in given:
        column, equals, name = (part.strip() for part in text.rpartition("="))
        if not (column and equals and name) or len(text) > _MAX_LETTERS:
            msg = "A column is mapped as COLUMN=FIELD, in 200 letters at most."
            raise BadMappingError(msg)
        found[column] = name
    if len(found) > MAX_COLUMNS:
        msg = f"{MAX_COLUMNS} columns can be mapped at most."
        raise BadMappingError(msg)
    try:
        check_mapping(found)
    except ValueError as error:
        raise BadMappingError(str(error)) from None
    return found

"""What kind of thing a text asks for: "desk" in "walnut desk for two", and not "bed" in "lamp for reading in bed".

Neither vectors nor words tell it from what else is said of the thing: a drawer unit of walnut is nearer to "walnut
desk" than a desk of oak is.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.search.lexical import called
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.terms import STOP_WORDS, Named, stem, word_set, words_of
from garaza.furniture.words import COLORS, MATERIALS

_SAID_OF_IT = word_set("for with without in on of under over behind beside next to by from that which to at against as")
"""What comes after these isn't the thing itself."""
_MOST_WORDS = 30
_TELLING_LETTERS = 5
"""A shorter word is the beginning of too many others."""


def kind_of(snapshot: Snapshot, text: str) -> NDArray[np.bool_] | None:
    """Which rows are of the kind that a text names; None: it names none that the catalogue has."""
    heads: list[str] = []
    named: list[str] = []
    said: set[str] = set()
    before = ""
    either = False
    unknown = ""
    """The last one that no category is called by."""
    for word in words_of(text)[:_MOST_WORDS]:
        if word in _SAID_OF_IT:
            if heads:
                break
            continue
        if word in {"or", "and"}:
            either = bool(heads)
            continue
        term = stem(word)
        said.add(term)
        if term in snapshot.heads:
            unknown = ""
            heads = [*heads, term] if either else [term]
            named = [before, word] if before and not either else []
        elif not _is_said_of_anything(word) and not snapshot.begins_brand(word):
            unknown = word
        either = False
        before = "" if _is_said_of_anything(word) else word
    named_by_heads = [one.key for head in heads for one in snapshot.heads[head]]
    if unknown and snapshot.rooms.issuperset(named_by_heads):
        # A kitchen trolley is no kitchen.
        return _of_those_called(snapshot, unknown, named_by_heads)
    if not heads:
        return None
    mask = snapshot.labels["categories"].mask(key for head in heads for key in _narrowest(snapshot.heads[head], said))
    if named:
        # A shop's "Shoe Storage" has what is called a shoe cabinet.
        mask[called(snapshot, named)] = True
    return mask


def _of_those_called(snapshot: Snapshot, word: str, rooms: Sequence[str]) -> NDArray[np.bool_] | None:
    """What is in the category of most things in these rooms that are called so, or of all if there are none in these.
    None: no category has most.
    """
    if len(word) < _TELLING_LETTERS:
        return None
    categories = snapshot.labels["categories"]
    rows = called(snapshot, [word])
    rows = rows[np.diff(categories.offsets)[rows] > 0]
    here = rows[categories.mask(rooms)[rows]]
    rows = here if len(here) else rows
    if not len(rows):
        return None
    narrowest = np.bincount(categories.codes[categories.offsets[rows + 1] - 1])
    most = int(narrowest.argmax())
    return categories.mask([categories.keys[most]]) if 2 * narrowest[most] > len(rows) else None


def _is_said_of_anything(word: str) -> bool:
    return word in COLORS or word in MATERIALS or word in STOP_WORDS


def _narrowest(named: Sequence[Named], said: AbstractSet[str]) -> list[str]:
    """Of "coffee table" the coffee tables; of "table" all of them."""
    whole = [one for one in named if one.stems <= said]
    most = max((one.words for one in whole), default=0)
    return [one.key for one in whole if one.words == most] if most > 1 else [one.key for one in named]

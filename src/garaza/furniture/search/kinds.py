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


def kind_of(snapshot: Snapshot, text: str) -> NDArray[np.bool_] | None:
    """Which rows are of the kind that a text names; None: it names none that the catalogue has."""
    heads: list[str] = []
    named: list[str] = []
    said: set[str] = set()
    before = ""
    either = False
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
            heads = [*heads, term] if either else [term]
            named = [before, word] if before and not either else []
        either = False
        before = "" if word in COLORS or word in MATERIALS or word in STOP_WORDS else word
    if not heads:
        return None
    mask = snapshot.labels["categories"].mask(key for head in heads for key in _narrowest(snapshot.heads[head], said))
    if named:
        # A shop's "Shoe Storage" has what is called a shoe cabinet.
        mask[called(snapshot, named)] = True
    return mask


def _narrowest(named: Sequence[Named], said: AbstractSet[str]) -> list[str]:
    """Of "coffee table" the coffee tables; of "table" all of them."""
    whole = [one for one in named if one.stems <= said]
    most = max((one.words for one in whole), default=0)
    return [one.key for one in whole if one.words == most] if most > 1 else [one.key for one in named]

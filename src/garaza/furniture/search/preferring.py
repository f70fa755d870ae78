"""What a text names without demanding it: colours, materials and brands, which what is found should have."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.furniture.search.found import Preference
from garaza.furniture.search.reading import Tokens, plain
from garaza.furniture.search.understanding import Vocabulary, brand_at, is_word
from garaza.furniture.words import colors_in, materials_in

_NAMED_LETTERS = 160
"""In which names are looked for."""


@dataclass(frozen=True, slots=True)
class _Named:
    kind: str
    key: str
    start: int
    end: int


def preferred_in(text: str, vocabulary: Vocabulary) -> tuple[Preference, ...]:
    """What is named in a text: of each kind, and of what stands beside an "or", one is enough."""
    lower = plain(text[:_NAMED_LETTERS])
    named = [_Named("colors", mention.family, mention.start, mention.end) for mention in colors_in(lower)]
    named += [_Named("materials", mention.family, mention.start, mention.end) for mention in materials_in(lower)]
    named += _brands(lower, vocabulary)
    named.sort(key=lambda one: (one.start, one.kind))
    groups: list[list[_Named]] = []
    for one in named:
        between = lower[groups[-1][-1].end : one.start].strip() if groups else ""
        alike = next((group for group in groups if group[0].kind == one.kind), None)
        if groups and between in {"or", "/"}:
            groups[-1].append(one)
        elif alike:
            alike.append(one)
        else:
            groups.append([one])
    return tuple(tuple(dict.fromkeys((one.kind, one.key) for one in group)) for group in groups)


def _brands(lower: str, vocabulary: Vocabulary) -> list[_Named]:
    tokens = Tokens(lower)
    found: list[_Named] = []
    at = 0
    while at < len(tokens):
        key, end = brand_at(tokens, at, vocabulary)
        if key and not is_word(key, vocabulary):
            found.append(_Named("brands", key, tokens[at].start, tokens[end - 1].end))
        at = max(end, at + 1)
    return found

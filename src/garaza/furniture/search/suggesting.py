"""How a text that is being typed may go on: brands, categories, and what titles are made of."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.products import Product
from garaza.furniture.search.found import Suggestion
from garaza.furniture.search.postings import Postings, PostingsBuilder
from garaza.furniture.search.terms import STOP_WORDS, fold, words_of

MAX_LETTERS = 100
"""That are looked at of what is typed."""
_KINDS = ("category", "brand", "phrase")
_MOST_WORDS = 3
_MOST_PHRASES = 30_000
_COUNTED_PHRASES = 300_000
"""While they are counted. Those that were only met once go first, so that rare ones may be counted too low."""
_ALIKE = 0.5
"""Share of the groups of letters that a misspelled text has in common with what was meant."""
_GRAM = 3
_SEPARATORS = re.compile(r"[,;:|()\[\]/–—+&]|\s-\s")


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Entries in an order of no meaning; their beginnings of words in that of the alphabet."""

    texts: NDArray[np.uint8]
    """UTF-8 of all, as shown."""
    text_ends: NDArray[np.int64]
    folded: NDArray[np.uint8]
    """UTF-8 of all, as compared."""
    folded_ends: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    counts: NDArray[np.int32]
    starts: NDArray[np.int64]
    """Where in `folded` words begin, ascending by what follows there within the entry."""
    start_entries: NDArray[np.int32]
    """Of which entry each is."""
    grams: Postings

    def of(self, text: str, limit: int) -> list[Suggestion]:
        """The best first. What is typed last goes on; if nothing goes on like this, it is taken as misspelled."""
        typed = " ".join(fold(text[:MAX_LETTERS]).split())
        if not typed or not len(self.counts) or limit < 1:
            return []
        found = self._going_on(typed, limit)
        if not found:
            for entry in self._alike(typed, limit):
                self._keep(found, "", entry)
        if not found and " " in typed:
            words = [word if self._beginning(word, 1) else self._meant(word) for word in typed.split(" ")]
            found = self._going_on(" ".join(words), limit)
        return list(found.values())[:limit]

    def _going_on(self, typed: str, limit: int) -> dict[str, Suggestion]:
        found: dict[str, Suggestion] = {}
        for head, tail in _tails(typed):
            if head and not all(self._beginning(word, 1) for word in head.split()):
                continue
            for entry in self._beginning(tail, limit):
                self._keep(found, head, entry)
            if len(found) >= limit:
                break
        return found

    def _meant(self, word: str) -> str:
        found = self._alike(word, 1)
        return fold(_cut(self.texts, self.text_ends, found[0])) if found else word

    def _keep(self, found: dict[str, Suggestion], head: str, entry: int) -> None:
        shown = _cut(self.texts, self.text_ends, entry)
        # What stands before it says what kind of text it is: no brand's name any more.
        kind = "phrase" if head else _KINDS[self.kinds[entry]]
        text = head + fold(shown) if head else shown
        found.setdefault(fold(text), Suggestion(text, kind, int(self.counts[entry])))

    def _beginning(self, typed: str, limit: int) -> list[int]:
        wanted = typed.encode()
        size = len(wanted)

        def beginning(place: int) -> bytes:
            start = int(self.starts[place])
            end = min(start + size, int(self.folded_ends[self.start_entries[place]]))
            return self.folded[start:end].tobytes()

        places = range(len(self.starts))
        first = bisect_left(places, wanted, key=beginning)
        last = bisect_left(places, wanted + b"\xff", lo=first, key=beginning)
        entries = self.start_entries[first:last]
        # Those that begin like this before those with a later word that does.
        begins = self.starts[first:last] == np.where(entries > 0, self.folded_ends[entries - 1], 0)
        return self._best(entries, np.log1p(self.counts[entries]) + 2.0 * begins, limit)

    def _alike(self, typed: str, limit: int) -> list[int]:
        grams = _grams(typed)
        places = self.grams.find(grams)
        if not len(places):
            return []
        shared = np.bincount(self.grams.rows_of(places)) / len(grams)
        entries = np.flatnonzero(shared >= _ALIKE)
        return self._best(entries, shared[entries] * 20 + np.log1p(self.counts[entries]), limit)

    def _best(self, entries: NDArray[Any], scores: NDArray[np.float64], limit: int) -> list[int]:
        # An entry may be there once for each of its words.
        wanted = limit * _MOST_WORDS
        if len(entries) > wanted:
            best = np.argpartition(-scores, wanted)[:wanted]
            entries, scores = entries[best], scores[best]
        order = np.lexsort((entries, -scores))
        return list(dict.fromkeys(entries[order].tolist()))[:limit]

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Suggestions:
        """From what `SuggestionsBuilder` wrote."""
        return cls(
            texts=arrays["suggest-texts"],
            text_ends=arrays["suggest-text-ends"],
            folded=arrays["suggest-folded"],
            folded_ends=arrays["suggest-folded-ends"],
            kinds=arrays["suggest-kinds"],
            counts=arrays["suggest-counts"],
            starts=arrays["suggest-starts"],
            start_entries=arrays["suggest-start-entries"],
            grams=Postings.load(arrays, "suggest-grams"),
        )


def _tails(typed: str) -> Iterator[tuple[str, str]]:
    """All of it, then without its first words."""
    words = typed.split(" ")
    for first in range(max(0, len(words) - _MOST_WORDS), len(words)):
        head = " ".join(words[:first])
        yield head + " " if head else "", " ".join(words[first:])


def _cut(blob: NDArray[np.uint8], ends: NDArray[np.int64], entry: int) -> str:
    start = int(ends[entry - 1]) if entry else 0
    return blob[start : int(ends[entry])].tobytes().decode()


def _grams(text: str) -> list[str]:
    padded = f" {text} "
    return list(dict.fromkeys(padded[at : at + _GRAM] for at in range(max(1, len(padded) - _GRAM + 1))))


class SuggestionsBuilder:
    """Counts what products are called."""

    def __init__(self) -> None:
        self._named: dict[str, Counter[str]] = {"category": Counter(), "brand": Counter()}
        self._phrases: Counter[str] = Counter()

    def add(self, product: Product) -> None:
        if product.brand:
            self._named["brand"][product.brand] += 1
        self._named["category"].update(set(product.categories))
        self._phrases.update(_phrases(product.title))
        if len(self._phrases) > _COUNTED_PHRASES:
            self._phrases = Counter({phrase: count for phrase, count in self._phrases.items() if count > 1})

    def write(self, folder: Path) -> None:
        """All of it, into `suggest-….npy`."""
        entries: dict[str, tuple[str, str, int]] = {}
        for kind in ("category", "brand"):
            for name, count in self._named[kind].most_common():
                entries.setdefault(fold(name), (name, kind, count))
        for phrase, count in self._phrases.most_common(_MOST_PHRASES):
            if count > 1 or " " not in phrase:
                entries.setdefault(phrase, (phrase, "phrase", count))
        shown = [name.encode() for name, _, _ in entries.values()]
        folded = [name.encode() for name in entries]
        grams = PostingsBuilder(folder, "suggest-grams")
        starts: list[tuple[bytes, int, int]] = []
        at = 0
        for entry, (name, compared) in enumerate(zip(entries, folded, strict=True)):
            grams.add(entry, _grams(name))
            starts += [(compared[start:], at + start, entry) for start in _word_starts(compared)]
            at += len(compared)
        starts.sort()
        arrays: dict[str, NDArray[Any]] = {
            "texts": np.frombuffer(b"".join(shown), np.uint8),
            "text-ends": np.cumsum([len(name) for name in shown], dtype=np.int64),
            "folded": np.frombuffer(b"".join(folded), np.uint8),
            "folded-ends": np.cumsum([len(name) for name in folded], dtype=np.int64),
            "kinds": np.array([_KINDS.index(kind) for _, kind, _ in entries.values()], np.uint8),
            "counts": np.array([count for _, _, count in entries.values()], np.int32),
            "starts": np.array([start for _, start, _ in starts], np.int64),
            "start-entries": np.array([entry for _, _, entry in starts], np.int32),
        }
        for part, values in arrays.items():
            np.save(folder / f"suggest-{part}.npy", values)
        grams.write()


def _word_starts(text: bytes) -> list[int]:
    return [0, *(at + 1 for at, letter in enumerate(text[:-1]) if letter == ord(" "))]


def _phrases(title: str) -> set[str]:
    """Up to three words that stand together."""
    found = set()
    for part in _SEPARATORS.split(title):
        words = words_of(part)
        for first in range(len(words)):
            for end in range(first + 1, min(first + _MOST_WORDS, len(words)) + 1):
                if _says(words[first]) and _says(words[end - 1]):
                    found.add(" ".join(words[first:end]))
    return found


def _says(word: str) -> bool:
    return len(word) > 1 and word not in STOP_WORDS and not word.isdecimal()

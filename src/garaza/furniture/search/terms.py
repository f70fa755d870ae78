"""Texts as words are looked up: folded, stemmed, and cut into groups of four letters.

What something is *without* is a word of its own: of "no wheels", "without wheels" and "wheelless" the term is `-wheel`,
so that who looks for wheels doesn't find it, and who wants none does.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import snowballstemmer
from numpy.typing import NDArray

GRAM = 4
_WORD = re.compile(r"[^\W_]+")
_BESIDE = re.compile(r"[&,/+]|\band\b|\bor\b")
_LONGEST_WORD = 40
"""Letters of a word that count: longer ones are no words."""


def word_set(words: str) -> frozenset[str]:
    """Of words with blanks between them."""
    return frozenset(words.split())


STOP_WORDS = word_set(
    "a about above all also an and any are as at be below but by can for from has have i in into is it its like made "
    "me my of on or our over some something than that the their them this to under up us want we which will with "
    "would you your looking need find show please"
)
"""They say nothing of what is looked for."""
_ABSENT_BEFORE = frozenset(["no", "non", "without"])
_NOT_MEANT = frozenset(["no", "non", "not", "without"])
_LESS = "less"
_FREE = "free"
_STEMMER = snowballstemmer.stemmer("english")
_stemming = threading.Lock()


def fold(text: str) -> str:
    """Without case and accents."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    # Taken apart, some letters have a case that they didn't have before.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def words_of(text: str) -> list[str]:
    """Its words, folded."""
    return [word[:_LONGEST_WORD] for word in _WORD.findall(fold(text))]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """What a folded word has in common with its plural and its other endings."""
    # The stemmer keeps the word that it is at in itself.
    with _stemming:
        stemmed: str = _STEMMER.stemWord(word)
    return stemmed


def terms_of(words: Iterable[str]) -> list[str]:
    """What words are looked up by, in their order; those that say nothing are left out."""
    terms: list[str] = []
    absent = False
    for word in words:
        if word in _NOT_MEANT:
            absent = word in _ABSENT_BEFORE
            continue
        if absent:
            terms.append("-" + stem(word))
            absent = False
            continue
        if word in STOP_WORDS:
            continue
        if word == _FREE and terms and not terms[-1].startswith("-"):
            # "BPA free": of the word before.
            terms[-1] = "-" + terms[-1]
            continue
        terms.append(stem(word))
        if word.endswith(_LESS) and len(word) > len(_LESS) + 2:
            terms.append("-" + stem(word[: -len(_LESS)]))
    return terms


def grams_of(word: str) -> list[str]:
    """Groups of four letters of a folded word, with its ends: ` sof`, `sofa`, `ofa `. A short word is one group."""
    padded = f" {word} "
    return [padded[at : at + GRAM] for at in range(max(1, len(padded) - GRAM + 1))]


def digest(text: str) -> int:
    """64 bits. Two of a million words are alike once in 40 million catalogues."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def digests(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Of each."""
    return np.fromiter((digest(text) for text in texts), np.uint64)


@dataclass(frozen=True, slots=True)
class Named:
    """What a category is called."""

    key: str
    stems: frozenset[str]
    words: int


def heads_of(categories: Iterable[str]) -> Mapping[str, list[Named]]:
    """Categories by the stem of their last word: what they are, in English. "Sofas & Couches" are both."""
    heads: dict[str, list[Named]] = {}
    for key in categories:
        for part in _BESIDE.split(key):
            if words := words_of(part):
                heads.setdefault(stem(words[-1]), []).append(Named(key, frozenset(map(stem, words)), len(words)))
    return heads

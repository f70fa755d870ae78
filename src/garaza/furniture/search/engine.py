"""A search, from what was asked to a page of hits.

Words are looked up while the text is being encoded. All that takes longer than a fraction of a millisecond is done in
threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from garaza.furniture.embedding.port import Encoder, Vectors
from garaza.furniture.filters import NO_FILTERS, Filters
from garaza.furniture.index.port import LocalIndex, VectorIndex
from garaza.furniture.products import TIERS
from garaza.furniture.search.asked import MAX_DEPTH, MAX_QUERY_LETTERS, Asked
from garaza.furniture.search.facets import Counts, counted, facets_of, named
from garaza.furniture.search.found import Facet, Found, Hit, Relaxed, Understood
from garaza.furniture.search.kinds import kind_of
from garaza.furniture.search.lexical import Fit, fit_of, has_any
from garaza.furniture.search.meaning import DEPTH, Meaning, encode, likely
from garaza.furniture.search.narrowing import Mask, combined, joined, masks_of, within
from garaza.furniture.search.postings import Floats
from garaza.furniture.search.preferring import preferred_in
from garaza.furniture.search.ranking import (
    Boosts,
    Candidates,
    boosted,
    boosts_of,
    found_by_words,
    fused,
    lexical,
    order_of,
    preference,
    sunk,
)
from garaza.furniture.search.relaxing import relax
from garaza.furniture.search.snapshot import Snapshot
from garaza.furniture.search.understanding import understand
from garaza.furniture.search.weights import WEIGHTS, Weights

T = TypeVar("T")

_thread = ThreadPoolExecutor(1, "search")
"""One: each step takes less than it would be to hand the interpreter's lock to and fro between several, while the loop
waits for it, too.
"""
_HEAD_START_SECONDS = 0.0002
"""In which the encoder's thread gets the interpreter's lock, to compute without it for as long as the rest takes."""
_SHORT_LETTERS = 100
"""That are understood within a fraction of a millisecond."""
_UNSORTED_SHARE = 0.5
"""In another order than that of relevance, what is far behind the best isn't shown: the cheapest would be that. It is
what has less than this share of the best, or else isn't close by its meaning.
"""


@dataclass(frozen=True, slots=True)
class _Words:
    """What is known of all products without a model, whatever the filters."""

    fit: Fit
    by_words: Floats
    found: Mask
    kind: Mask | None
    """See `kind_of`."""
    preferred: Floats | None
    """See `preference`."""
    has_absent: Mask | None
    """See `sunk`."""


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What the filters leave, as far as it is known without a model. See `Narrowing`."""

    meant: Filters
    filters: Filters
    masks: Mapping[str, Mask]
    mask: Mask
    """All of these."""
    words: Candidates
    """What words found, of what they leave."""
    any_found: bool
    likely: NDArray[np.intp]


async def search(
    snapshot: Snapshot, index: VectorIndex | None, encoder: Encoder | None, asked: Asked, weights: Weights = WEIGHTS
) -> Found:
    """The page that was asked for. Without an index or a model, or when they fail, only words are looked at."""
    text = " ".join(asked.text[:MAX_QUERY_LETTERS].split())
    understood = await _understood(snapshot, asked, text)
    local = None if index is None else index.local()
    asking = _Asking(snapshot, local, asked, weights)
    if not understood.text or not len(snapshot):
        return await _in_thread(asking.browse, understood)
    # They begin in this order: the encoder has been asked when words are looked up.
    vector, (words, narrowed) = await asyncio.gather(
        encode(None if index is None else encoder, understood.text),
        _in_thread(asking.prepare, understood, index is not None),
    )
    meaning = Meaning(snapshot, index, vector)
    relaxed: tuple[Relaxed, ...] = ()
    if understood.constraints and not narrowed.any_found:
        understood, relaxed = await asking.relaxed(meaning, words, understood)
        if relaxed:
            narrowed = await _in_thread(asking.narrow, words, understood)
    if local is None:
        await meaning.find(narrowed)
    return await _in_thread(asking.rank, words, meaning, understood, narrowed, relaxed)


async def _in_thread(work: Callable[..., T], *given: object) -> T:
    # What a search has spent is noted in its context.
    return await asyncio.get_running_loop().run_in_executor(_thread, copy_context().run, work, *given)


async def _understood(snapshot: Snapshot, asked: Asked, text: str) -> Understood:
    if not asked.understand:
        return Understood(text=text)
    if len(text) > _SHORT_LETTERS:
        return await _in_thread(understand, text, snapshot, asked.without)
    return understand(text, snapshot, asked.without)


async def similar(
    snapshot: Snapshot, index: VectorIndex, vector: Vectors, row: int, asked: Asked, weights: Weights = WEIGHTS
) -> Found:
    """The nearest of a product. What differs from it, or from one before, in colour and size alone comes last.

    Raises:
        IndexUnavailableError: it can't be asked now.
    """
    nearest = await index.search(vector, DEPTH, asked.filters)
    rows, there = snapshot.find(nearest.ids)
    there &= rows != row
    rows, similarity = rows[there], np.clip(nearest.scores[there], 0, 1).astype(np.float32)
    boosts = boosts_of(snapshot, rows, asked, weights)
    order = order_of(snapshot, rows, boosted(similarity, boosts, weights), "relevance", MAX_DEPTH)
    order = order[_different_first(snapshot.families[rows[order]], snapshot.families[row])]
    asking = _Asking(snapshot, None, asked, weights)
    return asking.page(Understood(text=""), rows, similarity, boosts, order, semantic=True)


def _different_first(families: NDArray[np.uint64], own: np.uint64) -> NDArray[np.intp]:
    _, firsts = np.unique(families, return_index=True)
    again = np.ones(len(families), np.bool_)
    again[firsts] = False
    again |= families == own
    return np.argsort(again, kind="stable")


@dataclass(frozen=True, slots=True)
class _Asking:
    """What all steps of one search need."""

    snapshot: Snapshot
    local: LocalIndex | None
    """None: the index has to be waited for, or there is none."""
    asked: Asked
    weights: Weights

    def prepare(self, understood: Understood, encoding: bool) -> tuple[_Words, _Narrowed]:
        """All that can be known while the text is being encoded."""
        if encoding:
            time.sleep(_HEAD_START_SECONDS)
        fit = fit_of(self.snapshot, understood.text, understood.absent)
        found, kind = found_by_words(self.weights, fit), kind_of(self.snapshot, understood.text)
        if self.asked.sort != "relevance":
            similarity = fused(self.weights, fit, None, None, kind)
            found &= similarity >= _UNSORTED_SHARE * similarity.max(initial=0.0)
        words = _Words(
            fit=fit,
            by_words=lexical(self.weights, fit),
            found=found,
            kind=kind,
            preferred=preference(self.snapshot, preferred_in(understood.text, self.snapshot)),
            has_absent=has_any(self.snapshot, understood.absent) if understood.absent else None,
        )
        return words, self.narrow(words, understood)

    def narrow(self, words: _Words, understood: Understood) -> _Narrowed:
        filters = joined(self.asked.filters, understood.filters)
        masks = self._masks(filters, understood)
        mask = combined(self.snapshot, masks)
        rows = np.flatnonzero(words.found & mask)
        return _Narrowed(
            meant=understood.filters,
            filters=filters,
            masks=masks,
            mask=mask,
            words=self._candidates(words, rows),
            any_found=len(rows) > 0,
            likely=likely(words.by_words, mask),
        )

    def _candidates(self, words: _Words, rows: NDArray[np.intp]) -> Candidates:
        def of_these(known: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if known is None else known[rows]

        return Candidates(
            rows=rows,
            words=words.fit.words[rows],
            grams=words.fit.grams[rows],
            preferred=of_these(words.preferred),
            kind=of_these(words.kind),
            has_absent=of_these(words.has_absent),
            boosts=boosts_of(self.snapshot, rows, self.asked, self.weights),
        )

    def browse(self, understood: Understood) -> Found:
        """Everything that the filters let through."""
        every = self.snapshot.every
        relaxed: tuple[Relaxed, ...] = ()
        if understood.constraints and not self._any_of(every, understood):
            understood, relaxed = relax(self.snapshot, every, self.asked.filters, understood)
        filters = joined(self.asked.filters, understood.filters)
        masks = self._masks(filters, understood)
        rows = np.flatnonzero(combined(self.snapshot, masks))
        has_absent = has_any(self.snapshot, understood.absent)[rows] if understood.absent else None
        similarity = sunk(self.weights, np.ones(len(rows), np.float32), has_absent)
        facets = facets_of(self.snapshot, every, masks, filters) if self.asked.facets else ()
        boosts = boosts_of(self.snapshot, rows, self.asked, self.weights)
        order = self._order(rows, similarity, boosts)
        return self.page(understood, rows, similarity, boosts, order, semantic=True, relaxed=relaxed, facets=facets)

    async def relaxed(
        self, meaning: Meaning, words: _Words, understood: Understood
    ) -> tuple[Understood, tuple[Relaxed, ...]]:
        """What was understood, without what no product fulfils that is otherwise what was asked for."""
        wanted = words.found.copy()
        wanted[await meaning.near()] = True
        if self._any_of(wanted, understood):
            return understood, ()
        if self.asked.filters != NO_FILTERS and self._any_of(wanted, understood, NO_FILTERS):
            # It is what was chosen by hand that leaves little: a facet has counted what is further away, too.
            further = np.zeros_like(wanted)
            further[await meaning.nearest(understood.filters)] = True
            if self._any_of(further, understood):
                return understood, ()
        return relax(self.snapshot, wanted, self.asked.filters, understood)

    def rank(
        self,
        words: _Words,
        meaning: Meaning,
        understood: Understood,
        narrowed: _Narrowed,
        relaxed: tuple[Relaxed, ...],
    ) -> Found:
        """All that is left to be done when the vector is there: at one go, as each handing over takes its time, too."""
        counting = _Counting(self.snapshot, words, narrowed) if self.asked.facets else None
        if self.local is not None:
            meaning.find_here(self.local, narrowed, None if counting is None else counting.begin)
        near = meaning.found if self.asked.sort == "relevance" else meaning.close
        more = near[~words.found[near]]
        candidates = narrowed.words.and_also(self._candidates(words, more[narrowed.mask[more]]))
        rows, boosts = candidates.rows, candidates.boosts
        similarity = candidates.similarity(self.weights, _estimated(meaning.cosines, rows))
        order = self._order(rows, similarity, boosts)
        semantic = meaning.cosines is not None
        facets = () if counting is None else counting.facets(more)
        return self.page(understood, rows, similarity, boosts, order, semantic=semantic, relaxed=relaxed, facets=facets)

    def page(
        self,
        understood: Understood,
        rows: NDArray[np.intp],
        similarity: Floats,
        boosts: Boosts,
        order: NDArray[np.intp],
        *,
        semantic: bool,
        relaxed: tuple[Relaxed, ...] = (),
        facets: tuple[Facet, ...] = (),
    ) -> Found:
        """Of the places in `rows` that are in `order`."""
        places = order[self.asked.first : self.asked.end]
        return Found(
            version=self.snapshot.version,
            hits=self._hits(rows[places], similarity[places], Boosts(boosts.country[places], boosts.sponsor[places])),
            offset=self.asked.first,
            total=len(rows),
            semantic=semantic,
            understood=understood,
            relaxed=relaxed,
            facets=facets,
        )

    def _order(self, rows: NDArray[np.intp], similarity: Floats, boosts: Boosts) -> NDArray[np.intp]:
        scores = boosted(similarity, boosts, self.weights)
        return order_of(self.snapshot, rows, scores, self.asked.sort, MAX_DEPTH)

    def _hits(self, rows: NDArray[np.intp], similarity: Floats, boosts: Boosts) -> tuple[Hit, ...]:
        scores = boosted(similarity, boosts, self.weights)
        tiers = self.snapshot.tiers[rows].tolist()
        hits = []
        for at, row_id in enumerate(self.snapshot.ids[rows].tolist()):
            forward = boosts.named(at, self.weights)
            tier = TIERS[tiers[at] - 1] if tiers[at] else None
            hits.append(Hit(row_id, float(similarity[at]), float(scores[at]), tier, forward))
        return tuple(hits)

    def _any_of(self, wanted: Mask, understood: Understood, given: Filters | None = None) -> bool:
        filters = joined(self.asked.filters if given is None else given, understood.filters)
        masks = masks_of(self.snapshot, filters, understood.not_countries)
        return bool((wanted & combined(self.snapshot, masks)).any())

    def _masks(self, filters: Filters, understood: Understood) -> dict[str, Mask]:
        """Of these, which are what was given and what was understood."""
        masks = masks_of(self.snapshot, filters, understood.not_countries)
        if price := understood.filters.price:
            # Whatever price is chosen beside it, this holds: for the facet of prices it isn't a choice of its own.
            masks["said_price"] = within(self.snapshot.prices, price)
        return masks


class _Counting:
    """Of what each value of a facet leaves: first of what words found, as the index has not answered yet."""

    def __init__(self, snapshot: Snapshot, words: _Words, narrowed: _Narrowed) -> None:
        self._snapshot = snapshot
        self._words = words
        self._narrowed = narrowed

    @cached_property
    def _counts(self) -> Counts:
        return counted(self._snapshot, np.flatnonzero(self._words.found), self._narrowed.masks)

    def begin(self) -> None:
        """Count what can be already, rather than at the end."""
        _ = self._counts

    def facets(self, more: NDArray[np.intp]) -> tuple[Facet, ...]:
        """With these rows, which words didn't find."""
        added = counted(self._snapshot, more, self._narrowed.masks)
        counts = {name: own + added[name] for name, own in self._counts.items()}
        return named(self._snapshot, counts, self._narrowed.filters)


def _estimated(cosines: Floats | None, rows: NDArray[np.intp]) -> Floats | None:
    """Of what isn't known to be near, nothing is known but that it isn't: a little less than the least that is."""
    if cosines is None:
        return None
    own = cosines[rows]
    unknown = np.isnan(own)
    least = np.min(own, initial=1.0, where=~unknown)
    return np.where(unknown, np.float32(0.9) * max(least, np.float32(0)), own)

"""Figures of the catalogue as it is searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.making import Furniture
from garaza.furniture.pictures import OUTCOMES as PICTURE_OUTCOMES
from garaza.furniture.pictures import Pictures
from garaza.furniture.runtime import ShelfState
from garaza.furniture.tally import OUTCOMES
from garaza.kit.clock import Clock
from garaza.observability.collectors import add_histogram

_KINDS = ("files", "pgvector", "qdrant")
"""Of indexes; the name of each begins with it."""


class FurnitureFigures(Collector):
    """See the module. Each name is always there, so that what hasn't happened yet is 0."""

    def __init__(self, furniture: Furniture, clock: Clock) -> None:
        self._furniture = furniture
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        furniture = self._furniture
        yield from self._searches()
        yield from _encoder(furniture.encoders)
        yield from self._served(furniture.shelf.state)
        if furniture.pictures is not None:
            yield from _pictures(furniture.pictures)

    def _searches(self) -> Iterator[Metric]:
        tally = self._furniture.shelf.tally
        text = "Searches that weren't answered by a copy."
        searches = CounterMetricFamily("garaza_furniture_searches", text, labels=["outcome"])
        for outcome in OUTCOMES:
            searches.add_metric([outcome], tally.searches[outcome])
        yield searches
        text = "What searches took: waiting for the model, for the index, and the rest."
        seconds = HistogramMetricFamily("garaza_furniture_search_seconds", text, labels=["part"])
        for part, histogram in tally.seconds.items():
            add_histogram(seconds, [part], histogram)
        yield seconds

    def _served(self, state: ShelfState) -> Iterator[Metric]:
        text = "Version of the catalogue that is served; 0: none."
        yield GaugeMetricFamily("garaza_furniture_version", text, value=state.version)
        yield GaugeMetricFamily("garaza_furniture_products", "That are served.", value=state.products)
        text = "Since when what is served is the catalogue; 0: nothing is."
        age = 0.0 if state.published_at is None else max(0.0, self._clock() - state.published_at)
        yield GaugeMetricFamily("garaza_furniture_age_seconds", text, value=age)
        text = "Whether searches look at meaning."
        yield GaugeMetricFamily("garaza_furniture_semantic", text, value=state.semantic)
        index = GaugeMetricFamily("garaza_furniture_index", "1: where vectors are kept.", labels=["kind"])
        for kind in _KINDS:
            index.add_metric([kind], (state.index or "").lower().startswith(kind))
        yield index


def _encoder(encoders: Iterable[OnnxEncoder]) -> Iterator[Metric]:
    """Of the one that settings name, and the one that the catalogue may still be read by."""
    those = list(encoders)
    text = "Models for texts that are in memory."
    yield GaugeMetricFamily("garaza_furniture_encoder_loaded", text, value=sum(one.loaded for one in those))
    text = "Times that one was loaded."
    yield CounterMetricFamily("garaza_furniture_encoder_loads", text, value=sum(one.loads for one in those))
    text = "Queries that wait for it."
    yield GaugeMetricFamily("garaza_furniture_encoder_waiting", text, value=sum(one.waiting for one in those))
    text = "Queries that were refused, as too many waited."
    yield CounterMetricFamily("garaza_furniture_encoder_refused", text, value=sum(one.refused for one in those))
    text = "Queries that went together."
    batches = HistogramMetricFamily("garaza_furniture_encoder_batch_queries", text, labels=["model"])
    for model, one in zip(("own", "before"), those, strict=False):
        add_histogram(batches, [model], one.batches)
    yield batches


def _pictures(pictures: Pictures) -> Iterator[Metric]:
    text = "Pictures from elsewhere that were asked for, and what became of those that were fetched."
    outcomes = CounterMetricFamily("garaza_furniture_pictures", text, labels=["outcome"])
    for outcome in PICTURE_OUTCOMES:
        outcomes.add_metric([outcome], pictures.outcomes[outcome])
    yield outcomes
    yield GaugeMetricFamily("garaza_furniture_pictures_in_flight", "Being fetched.", value=pictures.fetching)

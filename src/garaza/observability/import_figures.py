"""What becomes of imports, in figures. Other processes do them: it is read from their rows, when somebody asks.

Counting begins with this process. The services of one database all count the same imports.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from garaza.furniture.importing.service import ImportService
from garaza.furniture.importing.states import GIVEN_UP, WORKING, ImportState
from garaza.furniture.models import CatalogueImport
from garaza.kit.clock import Clock
from garaza.kit.database import Database

logger = logging.getLogger(__name__)

_SECONDS = 5
OPEN = (*(state.value for state in ImportState if state in WORKING or state is ImportState.INDEXING), "undoing")
ENDED = (ImportState.PUBLISHED.value, *sorted(state.value for state in GIVEN_UP))
ROWS = ("taken", "mended", "refused", "duplicates")


class ImportFigures:
    """Kept up to date by `update`."""

    def __init__(self, database: Database, imports: ImportService, clock: Clock) -> None:
        self._database = database
        self._imports = imports
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._known: dict[str, tuple[Counter[str], bool]] | None = None
        """Rows that were counted of each, and whether its end was."""
        self.open: Counter[str] | None = None
        """Imports that haven't ended, by state; None: it isn't known now."""
        self.oldest_seconds = 0.0
        """Since when the oldest of them waits, or is being done."""
        self.ended: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    async def update(self) -> None:
        """Read what is new. If the database doesn't say so soon, `open` is None, and the rest comes next time."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(_SECONDS), self._database.read() as session:
                    found = await self._imports.latest(session)
            except Exception as error:  # noqa: BLE001 - figures of a service in trouble are asked for most of all
                self.open = None
                logger.debug("the database doesn't say how imports are: %s", type(error).__name__)
                return
            here = [one for one in found if one.ended_at is None]
            self.open = Counter(_state(one) for one in here)
            self.oldest_seconds = max((self._clock() - one.created_at for one in here), default=0.0)
            before, self._known = self._known, {one.id: (_rows(one), one.ended_at is not None) for one in found}
            if before is not None:
                self._count(found, before)

    def _count(self, found: Sequence[CatalogueImport], before: dict[str, tuple[Counter[str], bool]]) -> None:
        for one in found:
            counted, had_ended = before.get(one.id, (Counter(), False))
            self.rows += _rows(one) - counted
            if one.ended_at is not None and not had_ended:
                self.ended[one.state] += 1


def _state(one: CatalogueImport) -> str:
    return "undoing" if one.state in GIVEN_UP else one.state


def _rows(one: CatalogueImport) -> Counter[str]:
    return Counter({name: one.counts.get(name, 0) for name in ROWS})


class ImportMetrics(Collector):
    """What `ImportFigures` knows."""

    def __init__(self, figures: ImportFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        figures = self._figures
        if figures.open is not None:
            text = "Imports that haven't ended."
            here = GaugeMetricFamily("garaza_furniture_imports", text, labels=["state"])
            for state in OPEN:
                here.add_metric([state], figures.open[state])
            yield here
            text = "Since when the oldest import waits, or is being done; 0: there is none."
            yield GaugeMetricFamily("garaza_furniture_imports_oldest_seconds", text, value=figures.oldest_seconds)
        ended = CounterMetricFamily("garaza_furniture_imports_ended", "By how they did.", labels=["state"])
        for state in ENDED:
            ended.add_metric([state], figures.ended[state])
        yield ended
        rows = CounterMetricFamily("garaza_furniture_import_rows", "That imports read.", labels=["outcome"])
        for outcome in ROWS:
            rows.add_metric([outcome], figures.rows[outcome])
        yield rows

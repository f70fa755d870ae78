"""Figures of those who are told live."""

from __future__ import annotations

from collections.abc import Iterable

from garaza.live.parts import Live
from garaza.observability.metrics import Count, Gauge


def figures_of(live: Live) -> Iterable[Gauge]:
    """For `/metrics`."""
    service = live.service
    tally, places = service.tally, service.places
    yield Gauge("garaza_live_connections", "WebSockets and streams that have a place.", lambda: places.taken)
    yield Gauge("garaza_live_listeners", "Of them, those that follow something.", lambda: service.hub.listeners)
    yield Count("garaza_live_events_sent", "Events sent to clients.", lambda: tally.sent)
    yield Count("garaza_live_events_replayed", "Of them, those that clients had missed.", lambda: tally.replayed)
    yield Count("garaza_live_slow_closed", "Closed, as the client took nothing for too long.", lambda: tally.slow)
    yield Count("garaza_live_refused", "Refused, as there were too many.", places.refused.total)

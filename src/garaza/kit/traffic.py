"""Counts requests by method and route: how many, how they ended, how long they took. Bounded, and cheap to add to."""

from __future__ import annotations

from bisect import bisect_left

from starlette.types import Scope

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; what takes longer is in a last bucket of its own."""
NO_ROUTE = "(none)"
"""The route of requests for which there is none, and of those refused before it was looked for."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "OTHER"


class Histogram:
    """Seconds, in buckets."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many fell into each; the last one is for what is beyond all bounds."""
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class Series:
    """Of one method and route."""

    __slots__ = ("seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.seconds = Histogram()


class Traffic:
    """Of one process. Only its event loop adds to it, so that nothing needs a lock."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Requests that have begun and not ended."""
        self.sockets: dict[str, int] = {}
        """WebSockets that are open, by route."""
        self.sockets_closed: dict[tuple[str, int], int] = {}
        """By route and code."""
        self.requests: dict[tuple[str, str], Series] = {}
        """By method and route."""

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has ended. `route`: as the application knows it, never as the client wrote it."""
        key = (method if method in _METHODS else _OTHER, route)
        series = self.requests.get(key)
        if series is None:
            series = self.requests[key] = Series()
        series.statuses[status] = series.statuses.get(status, 0) + 1
        series.seconds.add(seconds)

    def open_socket(self, route: str) -> None:
        """A WebSocket has been opened."""
        self.sockets[route] = self.sockets.get(route, 0) + 1

    def add_socket(self, route: str, code: int) -> None:
        """A WebSocket has been closed."""
        key = (route, code)
        self.sockets_closed[key] = self.sockets_closed.get(key, 0) + 1


def route_of(scope: Scope) -> str:
    """The pattern of the path that a request has been sent to, once its route was found."""
    route = scope.get("route")
    return NO_ROUTE if route is None else getattr(route, "path", NO_ROUTE)

"""The limits as middleware, as the settings want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.types import Scope

from garaza.accounts.tokens import AccessTokens
from garaza.kit.limiting.middleware import Policy, RateLimits
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates
from garaza.kit.shedding import LoadShedding, Room
from garaza.kit.timeouts import Timeouts
from garaza.limits import answers
from garaza.limits.calls import Place, Rate, Time, call_of
from garaza.limits.clients import Clients
from garaza.observability.metrics import Count, Gauge
from garaza.settings import Settings
from garaza.wiring import Parts

_MINUTE = 60.0
_APART = {Rate.POLLING, Rate.ASSETS}
"""Counted by each process for itself, also where there is a shared store: asking it costs more than they do."""
_SHARED_PREFIX = "garaza:rate:"


class Limits:
    """Add the inner ones to the application before compression, the outer ones after it."""

    def __init__(self, parts: Parts, tokens: AccessTokens) -> None:
        settings = parts.settings
        self._settings = settings
        self._shared = parts.shared_limits
        self._policies = _policies(settings)
        self._seconds = _seconds(settings)
        self._clients = Clients(tokens)
        self._rates = Rates(MemoryRates(settings.rate_limits.max_keys), self._shared, _SHARED_PREFIX)
        self._rooms = _rooms(settings)
        self._refused: Counter[str] = Counter()
        self._late: Counter[str] = Counter()

    def add_inner(self, app: FastAPI) -> None:
        """Timeouts."""
        if self._settings.timeouts.enabled:
            app.add_middleware(
                Timeouts,
                choose=lambda scope: self._seconds[call_of(scope).time],
                body_idle_seconds=self._settings.timeouts.body_idle_seconds,
                late=answers.TIMED_OUT,
                stalled=answers.BODY_STALLED,
                happened=self._late,
            )

    def add_outer(self, app: FastAPI) -> None:
        """Rate limits, and around them what turns requests away while there are too many."""
        if self._settings.rate_limits.enabled:
            app.add_middleware(
                RateLimits,
                rates=self._rates,
                choose=self._policy_for,
                refuse=answers.rate_limited,
                refused=self._refused,
            )
        if self._settings.shedding.enabled:
            app.add_middleware(
                LoadShedding, choose=lambda scope: self._rooms[call_of(scope).place], turn_away=answers.OVERLOADED
            )

    def figures(self) -> Iterable[Gauge]:
        """For `/metrics`."""
        for room in {room.name: room for rooms in self._rooms.values() for room in rooms}.values():
            what = {Place.HEAVY.value: "heavy requests", Place.TRANSFERS.value: "uploads and downloads"}
            name = what.get(room.name, "other requests")
            yield Gauge(f"garaza_{room.name}_in_flight", f"Under way: {name}.", lambda room=room: room.in_use)  # type: ignore[misc]
            text = f"Turned away with 503, as there was no room for more: {name}."
            yield Count(f"garaza_{room.name}_turned_away", text, lambda room=room: room.turned_away)  # type: ignore[misc]
        for rate in self._policies:
            text = f"Refused with 429: more than the limit of {rate.value} requests."
            yield Count(f"garaza_rate_limited_{rate.value}", text, lambda rate=rate: self._refused[rate.value])  # type: ignore[misc]
        late = {
            "late": "Stopped and answered 504.",
            "cut": "Stopped in the middle of the answer, and the connection cut.",
            "stalled": "Answered 408, as the body of the request didn't come.",
        }
        for name, text in late.items():
            yield Count(f"garaza_timeouts_{name}", text, lambda name=name: self._late[name])  # type: ignore[misc]
        if (shared := self._shared) is not None:
            yield Gauge("garaza_shared_limits_up", "Whether the shared store can be used.", lambda: not shared.is_away)
            text = "Counted in this process alone, as the shared store was away."
            yield Count("garaza_shared_limits_fallbacks", text, lambda: shared.fallbacks)

    def _policy_for(self, scope: Scope) -> tuple[Policy, str] | None:
        rate = call_of(scope).rate
        if rate is Rate.FREE:
            return None
        clients = self._clients
        who = clients.address(scope) if rate is Rate.AUTH else clients.account_or_address(scope)
        return self._policies[rate], who


def _policies(settings: Settings) -> dict[Rate, Policy]:
    given = settings.rate_limits
    a_minute = {
        Rate.AUTH: given.auth_per_minute,
        Rate.UPLOAD: given.upload_per_minute,
        Rate.SEARCH: given.search_per_minute,
        Rate.POLLING: given.polling_per_minute,
        Rate.ASSETS: given.assets_per_minute,
        Rate.GENERAL: given.general_per_minute,
    }
    return {
        rate: Policy(rate.value, Limit(requests, _MINUTE), together=rate not in _APART)
        for rate, requests in a_minute.items()
    }


def _seconds(settings: Settings) -> dict[Time, float | None]:
    given = settings.timeouts
    return {Time.GENERAL: given.general_seconds, Time.HEAVY: given.heavy_seconds, Time.NONE: None}


def _rooms(settings: Settings) -> dict[Place, tuple[Room, ...]]:
    given = settings.shedding
    requests = Room(Place.REQUESTS.value, given.max_requests)
    heavy = Room(Place.HEAVY.value, given.max_heavy)
    transfers = Room(Place.TRANSFERS.value, given.max_transfers)
    return {
        Place.REQUESTS: (requests,),
        Place.HEAVY: (heavy, requests),
        Place.TRANSFERS: (transfers,),
        Place.NONE: (),
    }

"""Finding a request's route by the words its path begins with, rather than by trying one route after the other.

FastAPI holds a path against the pattern of each route, in each router, and does it once more for the router in which it
found one: with sixty routes that is more work than all the rest of a small answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, NoMatchFound, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

_WORDS = 3
"""Of a path, by which routes are looked up."""
_KEY = "garaza.route_app"
_SOCKET = "WEBSOCKET"
"""In place of a method."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    pattern: re.Pattern[str]
    convertors: dict[str, Any] | None
    """Of its parameters; None: all of them are text as it is."""
    app: ASGIApp | None
    """None: this one is for FastAPI to handle."""
    found: dict[str, Any]
    """What the scope of a request is told."""


class RouteIndex(BaseRoute):
    """Takes the first place among an application's routes, and finds the others.

    It finds what would be the first to match with path and method, or nothing: then FastAPI looks for itself, as if
    this weren't there. That is what happens for 404, 405 and redirects, below a root path, and for all from the first
    route on that isn't known here (a mount, say). Routes that are added later are found, too, if they are added to the
    application. A WebSocket that it finds keeps fewer calls waiting for as long as it is open, which is memory.
    """

    def __init__(self, app: FastAPI) -> None:
        self._routes = app.router.routes
        self._known = 0
        self._by_words: dict[tuple[str, ...], list[_Candidate]] = {}
        self._routes.insert(0, self)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See `BaseRoute`."""
        path = scope.get("path", "")
        # Patterns end before a line break, words don't.
        if scope["type"] == "lifespan" or scope.get("root_path") or "\n" in path:
            return Match.NONE, {}
        if self._known != len(self._routes):
            self._learn()
        for candidate in self._candidates(scope.get("method", _SOCKET), path):
            if match := candidate.pattern.match(path):
                if candidate.app is None:
                    break
                values: dict[str, Any] = match.groupdict()
                for name, convertor in (candidate.convertors or {}).items():
                    values[name] = convertor.convert(values[name])
                return Match.FULL, {**candidate.found, "path_params": values, _KEY: candidate.app}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `BaseRoute`."""
        app: ASGIApp = scope[_KEY]
        await app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """See `BaseRoute`: the routes themselves know it."""
        raise NoMatchFound(name, path_params)

    def _candidates(self, method: str, path: str) -> Sequence[_Candidate]:
        # Words of a path, without the empty one before the first slash.
        words = path.split("/", _WORDS + 1)[1 : _WORDS + 1]
        while True:
            found = self._by_words.get((method, *words))
            if found is not None or not words:
                return found or ()
            del words[-1]

    def _learn(self) -> None:
        self._known = len(self._routes)
        by_words: dict[tuple[str, ...], list[tuple[int, _Candidate]]] = {}
        for place, context in enumerate(iter_route_contexts([one for one in self._routes if one is not self])):
            route = context.original_route
            if not isinstance(route, Route | WebSocketRoute):
                break
            for method in [_SOCKET] if isinstance(route, WebSocketRoute) else context.methods or ():
                key = (method, *_first_words(context.path_format or ""))
                by_words.setdefault(key, []).append((place, _candidate(context)))
        self._by_words = {key: _with_shorter(key, by_words) for key in by_words}


def _candidate(context: RouteContext) -> _Candidate:
    route = context.original_route
    special = {name: one for name, one in context.param_convertors.items() if one.regex not in {"[^/]+", ".*"}}
    return _Candidate(
        pattern=context.path_regex,
        convertors=special or None,
        app=context.app if _is_known(route) else None,
        # Routes of FastAPI tell which they are, Starlette's don't.
        found={"endpoint": context.endpoint, **({"route": route} if isinstance(route, APIRoute) else {})},
    )


def _is_known(route: BaseRoute) -> bool:
    # FastAPI's own WebSockets are told of the route that was made of them when their router was included.
    return isinstance(route, APIRoute | WebSocketRoute) and not isinstance(route, APIWebSocketRoute)


def _first_words(path_format: str) -> list[str]:
    """Those before the first parameter, whole ones only."""
    words = path_format.split("/")[1:]
    plain = next((number for number, word in enumerate(words) if "{" in word), len(words))
    return words[: min(plain, _WORDS)]


def _with_shorter(
    key: tuple[str, ...], by_words: dict[tuple[str, ...], list[tuple[int, _Candidate]]]
) -> list[_Candidate]:
    """The routes for paths that begin so, with those that know fewer words of it, in the order of the application."""
    found = [one for length in range(1, len(key) + 1) for one in by_words.get(key[:length], ())]
    return [candidate for _, candidate in sorted(found, key=lambda one: one[0])]

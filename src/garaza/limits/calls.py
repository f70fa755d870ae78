"""What each call counts as: the one table of rates, times and rooms. docs/decisions/0023 has the reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from starlette.types import Scope


class Rate(StrEnum):
    """What a call counts as, and the name of its limit."""

    AUTH = "auth"
    """Looks at a password, or makes an account. Always counted by address: whoever guesses has no account yet, and
    whoever has one must not get another allowance for it."""
    UPLOAD = "upload"
    """Begins an upload. Parts that resume one are `assets`."""
    SEARCH = "search"
    POLLING = "polling"
    """Made by programs again and again, and cheap."""
    ASSETS = "assets"
    """Files: a page asks for dozens of them at once, and for parts of them."""
    GENERAL = "general"
    FREE = "free"
    """Not limited: from memory, without a look at the database."""


class Time(StrEnum):
    """How long the work may take."""

    GENERAL = "general"
    HEAVY = "heavy"
    NONE = "none"
    """As long as the client goes on sending or reading."""


class Place(StrEnum):
    """What is counted while it is under way."""

    REQUESTS = "requests"
    HEAVY = "heavy"
    """Takes a place among the requests, and one of the few for what needs much memory or many looks at the disk."""
    TRANSFERS = "transfers"
    """Lasts as long as a client's connection is slow, and costs little meanwhile."""
    NONE = "none"
    """Always let in."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a call counts as."""

    rate: Rate
    time: Time
    place: Place


_READ = "GET HEAD"
_ALL = "*"
_UPLOAD = Call(Rate.UPLOAD, Time.NONE, Place.TRANSFERS)
_FILE = Call(Rate.ASSETS, Time.NONE, Place.TRANSFERS)
_AUTH = Call(Rate.AUTH, Time.GENERAL, Place.REQUESTS)
_POLLING = Call(Rate.POLLING, Time.GENERAL, Place.REQUESTS)
_SEARCH = Call(Rate.SEARCH, Time.GENERAL, Place.REQUESTS)
# These have places of their own.
_LIVE = Call(Rate.POLLING, Time.NONE, Place.NONE)
_HEAVY = Call(Rate.GENERAL, Time.HEAVY, Place.HEAVY)
_LONG = Call(Rate.GENERAL, Time.HEAVY, Place.REQUESTS)
_FREE = Call(Rate.FREE, Time.GENERAL, Place.REQUESTS)
_GENERAL = Call(Rate.GENERAL, Time.GENERAL, Place.REQUESTS)

TABLE: tuple[tuple[str, str, Call], ...] = (
    # The first row that fits decides. {} is one part of a path, ** all the rest of it. No row: _GENERAL.
    (_READ, "/health", Call(Rate.FREE, Time.GENERAL, Place.NONE)),
    (_READ, "/ready", _POLLING),
    (_READ, "/metrics", _POLLING),
    (_READ, "/", _FREE),
    (_READ, "/page/**", _FREE),
    (_READ, "/docs**", _FREE),
    (_READ, "/openapi.json", _FREE),
    (_READ, "/.well-known/**", _FREE),
    # Passwords.
    ("POST", "/api/auth/register", _AUTH),
    ("POST", "/api/auth/login", _AUTH),
    ("POST", "/api/auth/login/form", _AUTH),
    ("PUT", "/api/auth/password", _AUTH),
    ("DELETE", "/api/auth/me", _AUTH),
    # Videos in.
    ("POST PUT", "/api/upload", _UPLOAD),
    ("POST", "/api/uploads", _UPLOAD),
    (_ALL, "/api/uploads/{}", _FILE),
    # Files out.
    (_READ, "/api/assets/**", _FILE),
    (_READ, "/api/jobs/{}/video", _FILE),
    (_READ, "/api/rooms/{}/assets/**", _FILE),
    (_READ, "/api/rooms/{}/thumbnail", _FILE),
    (_READ, "/api/shared/{}/assets/**", _FILE),
    (_READ, "/api/shared/{}/thumbnail", _FILE),
    # How far is it?
    (_READ, "/api/status/{}", _POLLING),
    (_READ, "/api/status", _POLLING),
    ("WEBSOCKET", "/ws", _LIVE),
    ("WEBSOCKET", "/ws/{}", _LIVE),
    ("GET", "/api/events", _LIVE),
    ("POST", "/api/live/ticket", _POLLING),
    ("GET HEAD POST", "/api/furniture/search", _SEARCH),
    (_READ, "/api/furniture/similar/{}", _SEARCH),
    (_READ, "/api/furniture/suggest", _POLLING),
    (_READ, "/api/furniture/pictures/**", _FILE),
    # Much work.
    ("POST", "/api/process/{}", _LONG),
    # Depth inside it has places of its own: see `scans.frames`.
    (_READ, "/api/result/{}", _LONG),
    ("PUT", "/api/scans/{}/scale", _HEAVY),
    ("POST", "/api/rooms", _LONG),
    ("DELETE", "/api/rooms/{}", _LONG),
    ("DELETE", "/api/job/{}", _LONG),
    (_READ, "/api/admin/disk-usage", _HEAVY),
    ("POST", "/api/admin/catalogue/imports", _UPLOAD),
    ("POST", "/api/admin/**", _HEAVY),
    ("DELETE", "/api/admin/**", _LONG),
)

_Row = tuple[frozenset[str], re.Pattern[str], Call]
_REMEMBERED_LETTERS = 200
_SCOPE_KEY = "garaza.call"


def _rows_by_head() -> dict[str, list[_Row]]:
    """Rows by the first two parts of their path, so that a request is held against a few of them only."""
    rows: dict[str, list[_Row]] = {}
    for methods, path, call in TABLE:
        pattern = re.escape(path).replace(r"\{\}", "[^/]+").replace(r"\*\*", ".*")
        row = (frozenset(methods.split()), re.compile(pattern, re.DOTALL), call)
        rows.setdefault(_head(path.replace("**", "")), []).append(row)
    return rows


def _head(path: str) -> str:
    parts = path.split("/", 3)
    # What is not below /api is told by its first part.
    return "/".join(parts[1:3]) if parts[1:2] == ["api"] else "".join(parts[1:2])


_ROWS = _rows_by_head()


def find_call(method: str, path: str) -> Call:
    """What a call counts as. WebSockets have the method WEBSOCKET."""
    return _find_remembered(method, path) if len(path) <= _REMEMBERED_LETTERS else _find(method, path)


def _find(method: str, path: str) -> Call:
    for methods, pattern, call in _ROWS.get(_head(path), ()):
        if (method in methods or _ALL in methods) and pattern.fullmatch(path):
            return call
    return _GENERAL


# What is asked for is mostly asked for again.
_find_remembered = lru_cache(maxsize=1024)(_find)


def call_of(scope: Scope) -> Call:
    """The same for a request under way, looked up once."""
    found: Call | None = scope.get(_SCOPE_KEY)
    if found is None:
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        found = scope[_SCOPE_KEY] = find_call(method, scope["path"])
    return found

"""Plain ASGI middleware: headers that tell browsers what an answer may do, and who may use it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.kit.asgi import HeaderLines, adding_headers

ResourcePolicy = Literal["same-origin", "same-site", "cross-origin"]

# What is no page of ours is data. A browser that shows it all the same, as it does a picture or a film at an address of
# its own, needs no more than this for it.
NO_PAGE = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

_NOT_MODIFIED = 304
_NAMES = frozenset(
    {
        b"content-security-policy",
        b"x-content-type-options",
        b"referrer-policy",
        b"cross-origin-resource-policy",
        b"permissions-policy",
        b"cross-origin-opener-policy",
        b"strict-transport-security",
    }
)
_UNUSED = ("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")
"""What no page of ours asks for. Choosing a video on a phone is the system's own dialogue, and not the camera."""


class SecurityHeaders:
    """Adds them to every answer but 304; what the answer says itself wins.

    Args:
        resource_policy: which pages may use answers without being allowed to read them, in an `<img>` say.
        hsts_seconds: how long browsers that came by https never come otherwise; 0: don't say so.
        hsts_subdomains: whether that goes for all names below this one, too.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        resource_policy: ResourcePolicy = "same-origin",
        hsts_seconds: int = 0,
        hsts_subdomains: bool = False,
    ) -> None:
        self._app = app
        self._always = _lines(
            {
                "content-security-policy": NO_PAGE,
                "x-content-type-options": "nosniff",
                "referrer-policy": "no-referrer",
                "cross-origin-resource-policy": resource_policy,
                "permissions-policy": ", ".join(f"{feature}=()" for feature in _UNUSED),
            }.items()
        )
        # Browsers ignore it where the connection isn't secret, and complain.
        self._secret = [*self._always, *_lines([("cross-origin-opener-policy", "same-origin")])]
        hsts = f"max-age={hsts_seconds}" + ("; includeSubDomains" if hsts_subdomains else "")
        self._hsts = [*self._secret, *_lines([("strict-transport-security", hsts)])] if hsts_seconds else self._secret

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        def add(status: int, headers: HeaderLines) -> None:
            # A 304 is no content: what was said with that still holds, and what isn't sent costs nothing.
            if status != _NOT_MODIFIED:
                said, wanted = dict(headers), self._wanted(scope)
                headers += wanted if _NAMES.isdisjoint(said) else [line for line in wanted if line[0] not in said]

        return self._app(scope, receive, adding_headers(scope, send, add))

    def _wanted(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        if scope.get("scheme") != "https":
            return self._always
        # It would go for every program that listens on this machine.
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        return self._secret if host.partition(b":")[0] == b"localhost" else self._hsts


def _lines(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]

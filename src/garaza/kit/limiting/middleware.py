"""Rate limits as ASGI middleware, told to clients as draft-ietf-httpapi-ratelimit-headers (10) says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable

from starlette.responses import JSONResponse
from starlette.status import WS_1013_TRY_AGAIN_LATER
from starlette.types import ASGIApp, Receive, Scope, Send

from garaza.kit.asgi import HeaderLines, adding_headers
from garaza.kit.client_address import digest_of
from garaza.kit.limiting.rates import Limit, Rates, Verdict

_NOT_MODIFIED = 304


class Policy:
    """A limit with a name, which clients are told."""

    __slots__ = ("_state", "header", "limit", "name", "together")

    def __init__(self, name: str, limit: Limit, *, together: bool = True) -> None:
        """
        Args:
            name: of ASCII letters.
            together: whether processes that share a store count together.
        """
        self.together = together
        self.name = name
        self.limit = limit
        quoted = f'"{name}"'
        self.header = (b"ratelimit-policy", f"{quoted};q={limit.requests};w={math.ceil(limit.seconds)}".encode())
        self._state = f"{quoted};r=%d;t=%d".encode()

    def state(self, verdict: Verdict) -> tuple[bytes, bytes]:
        """The header that says how much is left, and when all of it is back."""
        return b"ratelimit", self._state % (verdict.remaining, math.ceil(verdict.reset_seconds))


Choose = Callable[[Scope], tuple[Policy, str] | None]
"""The policy for a request, and whose it is; None: it isn't limited."""
Refuse = Callable[[Policy, Verdict], ASGIApp]
"""Makes the answer to a request that is one too many."""


def by_address(policy: Policy) -> Choose:
    """One policy for all, by the address that a request comes from; of IPv6 by the /64 that it is in."""
    return lambda scope: (policy, digest_of(scope))


def refused_plainly(policy: Policy, verdict: Verdict) -> ASGIApp:
    """A problem document (RFC 9457), for whoever has no words of their own."""
    seconds = max(1, math.ceil(verdict.retry_seconds))
    detail = f"Too much of this ({policy.name}). Try again in {seconds} s."
    content = {"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": detail}
    return JSONResponse(content, 429, {"Retry-After": str(seconds)}, "application/problem+json")


class RateLimits:
    """See the module. A WebSocket counts when it is opened."""

    def __init__(
        self,
        app: ASGIApp,
        rates: Rates,
        choose: Choose,
        refuse: Refuse = refused_plainly,
        refused: Counter[str] | None = None,
    ) -> None:
        """`refused`: where it is counted what was refused, by the policy's name."""
        self._app = app
        self._rates = rates
        self._choose = choose
        self._refuse = refuse
        self._refused = Counter[str]() if refused is None else refused

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """See the class."""
        chosen = None if scope["type"] == "lifespan" else self._choose(scope)
        if chosen is None:
            return self._app(scope, receive, send)
        policy, who = chosen
        # With the name: what is counted for one policy means nothing to another.
        key = f"{policy.name}:{who}"
        verdict = self._rates.hit_at_once(key, policy.limit, together=policy.together)
        if verdict is None:
            return self._ask(policy, key, scope, receive, send)
        return self._answer(policy, verdict, scope, receive, send)

    async def _ask(self, policy: Policy, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        verdict = await self._rates.hit(key, policy.limit, together=policy.together)
        await self._answer(policy, verdict, scope, receive, send)

    def _answer(self, policy: Policy, verdict: Verdict, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        def add(status: int, headers: HeaderLines) -> None:
            # What is left is told always; what there is, not to who asks only whether something has changed.
            if status != _NOT_MODIFIED:
                headers.append(policy.header)
            headers.append(policy.state(verdict))

        if verdict.allowed:
            return self._app(scope, receive, send if scope["type"] == "websocket" else adding_headers(scope, send, add))
        self._refused[policy.name] += 1
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            return send({"type": "websocket.close", "code": WS_1013_TRY_AGAIN_LATER})
        return self._refuse(policy, verdict)(scope, receive, adding_headers(scope, send, add))

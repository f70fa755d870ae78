"""What those are told who came too often, at a bad moment, or too slowly."""

from __future__ import annotations

import math

from starlette.types import ASGIApp

from garaza.errors import problem
from garaza.kit.limiting.middleware import Policy
from garaza.kit.limiting.rates import Verdict
from garaza.limits.calls import Rate

_WHAT = {
    Rate.AUTH: "attempts to sign in or to register",
    Rate.UPLOAD: "uploads",
    Rate.SEARCH: "searches",
    Rate.POLLING: "questions about the state of things",
    Rate.ASSETS: "requests for files",
    Rate.GENERAL: "requests",
}


def rate_limited(policy: Policy, verdict: Verdict) -> ASGIApp:
    """One request too many."""
    seconds = max(1, math.ceil(verdict.retry_seconds))
    what = _WHAT[Rate(policy.name)]
    return problem(
        429,
        "rate_limited",
        f"Too many {what}: {policy.limit.requests} a minute are allowed. Try again in {seconds} s, and more slowly.",
        {"Retry-After": str(seconds)},
        limit=policy.name,
        retry_after=seconds,
    )


OVERLOADED = problem(
    503, "overloaded", "The service has more to do than it can. Try again in a moment.", {"Retry-After": "2"}
)
TIMED_OUT = problem(
    504, "timed_out", "This took too long here and was stopped. Try again in a moment.", {"Retry-After": "5"}
)
BODY_STALLED = problem(
    408, "request_stalled", "The request came to a halt before its end. Send it again.", {"Connection": "close"}
)

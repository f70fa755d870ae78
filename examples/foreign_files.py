"""As `foreign_app`, with a file, timeouts, headers and words of its own: `uvicorn examples.foreign_files:app`."""

import math
from collections import Counter
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from garaza.kit.access_log import AccessLog
from garaza.kit.asgi import AnswerHeaders
from garaza.kit.blobs.local import place_of
from garaza.kit.client_address import network_of
from garaza.kit.compression import Compression
from garaza.kit.conditional import EntityTags
from garaza.kit.limiting.middleware import Policy, RateLimits
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates, Verdict
from garaza.kit.security_headers import SecurityHeaders
from garaza.kit.stored_files import stored_file_answer, version_of
from garaza.kit.timeouts import Timeouts
from garaza.kit.traffic import Traffic
from garaza.kit.watching import Watching

# FastAPI's own telemetry off: `Watching` does that.
app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
BOOK = Path(__file__)
DIGEST = sha256(BOOK.read_bytes()).hexdigest()  # once, when the file is stored: requests only compare it
ADDRESS = f"/book?v={version_of(DIGEST)}"
POLICY = Policy("reading", Limit(requests=5, seconds=60))  # five at once, then one each twelve seconds
SECONDS = 10.0  # that work on a request may take
COUNTED: Counter[str] = Counter()  # of what was refused or stopped, for the figures


@app.get("/rows")
async def rows() -> list[dict[str, int]]:
    return [{"number": number, "square": number * number} for number in range(300)]


@app.get("/book")
async def book(request: Request, v: str = "") -> Response:
    # ETag, If-None-Match and If-Modified-Since (304), Range (206). At ADDRESS, which means no other content, it
    # may be kept for a year without asking.
    return await stored_file_answer(
        request.headers, place_of(BOOK), digest=DIGEST, media_type="text/plain", version=v, private=False
    )


def refuse(policy: Policy, verdict: Verdict) -> ASGIApp:
    wait = str(math.ceil(verdict.retry_seconds))
    return JSONResponse({"detail": f"Too much {policy.name}. Try again in {wait} s."}, 429, {"Retry-After": wait})


LATE = JSONResponse({"detail": "This took too long."}, 504)
STALLED = JSONResponse({"detail": "The request's body didn't come."}, 408)
# The last one added is the outermost.
# Work is cancelled after that long, but for what is still being read by a slow client.
app.add_middleware(
    Timeouts, choose=lambda _: SECONDS, body_idle_seconds=5.0, late=LATE, stalled=STALLED, happened=COUNTED
)
# JSON answers to GET have an ETag of their bytes; who sends it gets 304.
app.add_middleware(EntityTags)
# zstd, Brotli or gzip, by what the client likes best; ETags are kept apart by coding.
app.add_middleware(Compression)
# By address, an IPv6 one by its /64. RateLimit-Policy and RateLimit in each answer, 429 to what is too much.
# Rates(MemoryRates(), SharedStore("redis://…")): processes count together.
app.add_middleware(
    RateLimits,
    rates=Rates(MemoryRates()),
    choose=lambda scope: (POLICY, network_of(scope["client"][0])) if scope.get("client") else None,
    refuse=refuse,
    refused=COUNTED,
)
# nosniff, no referrer, a policy for what is no page; what an answer says itself wins.
app.add_middleware(SecurityHeaders)
# Server-Timing and X-Process-Time to the client, a line to the logger garaza.access, counts for figures.
app.add_middleware(Watching, traffic=Traffic(), told=AccessLog())
# X-Request-ID, the client's own or a new one; the log has it, too.
app.add_middleware(AnswerHeaders)

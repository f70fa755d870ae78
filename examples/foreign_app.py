"""An application of somebody else's that uses Garaza's tools for HTTP: `uvicorn examples.foreign_app:app`."""

from fastapi import FastAPI

from garaza.kit.access_log import AccessLog
from garaza.kit.asgi import AnswerHeaders
from garaza.kit.compression import Compression
from garaza.kit.conditional import EntityTags
from garaza.kit.limiting.middleware import Policy, RateLimits, by_address
from garaza.kit.limiting.rates import Limit, MemoryRates, Rates
from garaza.kit.traffic import Traffic
from garaza.kit.watching import Watching

# FastAPI's own telemetry off: `Watching` does that.
app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
READING = Policy("reading", Limit(requests=5, seconds=60))  # five at once, then one each twelve seconds


@app.get("/rows")
async def rows() -> list[dict[str, int]]:
    return [{"number": number, "square": number * number} for number in range(300)]


# The last one added is the outermost. Here JSON gets an ETag; who sends it gets 304.
app.add_middleware(EntityTags)
app.add_middleware(Compression)  # zstd, Brotli or gzip, by what the client likes best
app.add_middleware(RateLimits, rates=Rates(MemoryRates()), choose=by_address(READING))  # 429, Retry-After, RateLimit
app.add_middleware(Watching, traffic=Traffic(), told=AccessLog())  # Server-Timing, and a line in the log
app.add_middleware(AnswerHeaders)  # X-Request-ID, the client's own or a new one; the log has it, too

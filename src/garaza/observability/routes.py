"""HTTP out of the figures."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from garaza.errors import GarazaError
from garaza.observability.metrics import Metrics
from garaza.settings import MetricsSettings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def make_router(
    metrics: Metrics, settings: MetricsSettings, updates: Sequence[Callable[[], Awaitable[None]]]
) -> APIRouter:
    """The route that Prometheus scrapes. `updates`: bring figures up to date that are in the database."""
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def figures(request: Request) -> Response:
        if not _may_read(request, settings):
            raise GarazaError(
                403,
                "metrics_are_private",
                "Figures are told to this machine, and to whoever sends the token of GARAZA_METRICS__TOKEN.",
            )
        for update in updates:
            await update()
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    return router


def _may_read(request: Request, settings: MetricsSettings) -> bool:
    if settings.token is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        expected = settings.token.get_secret_value().encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)
    # A proxy on this machine speaks for others, and says so.
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False

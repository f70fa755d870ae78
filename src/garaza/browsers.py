"""What the service tells browsers: who may call it from where, and what its answers may do."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from garaza.kit.security_headers import SecurityHeaders
from garaza.settings import CorsSettings, SecuritySettings

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_TUS = ("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat")
ASKED_WITH = (
    "Authorization",
    "Content-Type",
    "Content-Digest",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Last-Event-ID",
    "Range",
    "Signature",
    "Signature-Input",
    "X-Request-ID",
    "X-HTTP-Method-Override",
    "Upload-Checksum",
    "traceparent",
    "tracestate",
    *_TUS,
)
"""Headers that a page of another origin may send."""
ANSWERED_WITH = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Garaza-Job-Id",
    "Idempotency-Replayed",
    "Last-Modified",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Server-Timing",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Version",
    "Upload-Expires",
    "WWW-Authenticate",
    "X-Process-Time",
    "X-Request-ID",
    "X-Total-Count",
    *_TUS,
)
"""Headers that it may read; by itself a browser shows it half a dozen."""


def add_headers(app: FastAPI, cors: CorsSettings, security: SecuritySettings) -> None:
    """Add what is set, around all that `app` has by now."""
    shared = cors.enabled and bool(cors.allowed)
    if shared:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors.allowed,
            allow_credentials=cors.credentials,
            allow_methods=METHODS,
            allow_headers=ASKED_WITH,
            expose_headers=ANSWERED_WITH,
            max_age=cors.max_age_seconds,
        )
    if security.enabled:
        app.add_middleware(
            SecurityHeaders,
            resource_policy=security.resource_policy or ("cross-origin" if shared else "same-origin"),
            hsts_seconds=security.hsts_seconds,
            hsts_subdomains=security.hsts_subdomains,
        )

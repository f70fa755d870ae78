"""What each call may ask the database: the most that any variant of it needs. Who adds a call adds its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Statements, each a round trip. Finding out who asks is one of the reads, where somebody may be signed in."""

    reads: int = 0
    writes: int = 0
    tells: int = 0
    """PostgreSQL: waking whoever waits for what was written."""


NOTHING = Budget()
ONE_ROW = Budget(reads=2)
A_PAGE = Budget(reads=2)
"""However long."""
OF_A_JOB = Budget(reads=3)

BUDGETS = {
    # Operations
    **dict.fromkeys(["GET /", "HEAD /", "GET /page/{name}", "HEAD /page/{name}"], NOTHING),
    **dict.fromkeys(["GET /health", "HEAD /health"], NOTHING),
    **dict.fromkeys(["GET /docs", "HEAD /docs", "GET /openapi.json", "HEAD /openapi.json"], NOTHING),
    "GET /.well-known/garaza-webhook-keys": NOTHING,
    **dict.fromkeys(["GET /ready", "HEAD /ready"], Budget(reads=1)),
    # Lengths and age of the queue, events since the last time, and those that came late; imports under way, and the
    # latest ones.
    "GET /metrics": Budget(reads=6),
    # Accounts
    "POST /api/auth/register": Budget(writes=3),
    "POST /api/auth/login": Budget(reads=1, writes=2),
    "POST /api/auth/login/form": Budget(reads=1, writes=2),
    "POST /api/auth/refresh": Budget(reads=1, writes=1),
    "GET /api/auth/me": Budget(reads=1),
    "POST /api/auth/logout": Budget(reads=1, writes=3),
    "POST /api/auth/logout-all": Budget(reads=1, writes=3),
    "PUT /api/auth/password": Budget(reads=3, writes=4),
    "GET /api/auth/sessions": A_PAGE,
    "DELETE /api/auth/sessions/{session_id}": Budget(reads=1, writes=2),
    # With one scan at work, which is stopped.
    "DELETE /api/auth/me": Budget(reads=4, writes=9, tells=2),
    "GET /api/profile": Budget(reads=2),
    "GET /api/profile/stats": Budget(reads=2),
    "GET /api/profile/activities": A_PAGE,
    # Signed by a machine, who has to be looked up, and whose nonce is kept.
    "PUT /api/profile/plan": Budget(reads=3, writes=3),
    "POST /api/profile/activity": Budget(reads=1, writes=1),
    "POST /api/profile/increment-scan": Budget(reads=2, writes=1),
    "POST /api/profile/log-export": Budget(reads=1, writes=1),
    # Scans. An upload looks for room before the file comes and after, and may ask for processing in the same call.
    "POST /api/upload": Budget(reads=11, writes=9, tells=2),
    "PUT /api/upload": Budget(reads=11, writes=9, tells=2),
    # With all of the video it is an upload in one request, and looks at what was begun and not ended too.
    "POST /api/uploads": Budget(reads=15, writes=13, tells=2),
    "OPTIONS /api/uploads": NOTHING,
    "OPTIONS /api/uploads/{upload_id}": NOTHING,
    "HEAD /api/uploads/{upload_id}": Budget(reads=3),
    "PATCH /api/uploads/{upload_id}": Budget(reads=10, writes=10, tells=2),
    "POST /api/uploads/{upload_id}": Budget(reads=10, writes=10, tells=2),
    "DELETE /api/uploads/{upload_id}": Budget(reads=3, writes=1),
    "POST /api/process/{job_id}": Budget(reads=5, writes=5, tells=1),
    "GET /api/status/{job_id}": OF_A_JOB,
    "GET /api/status": OF_A_JOB,
    # With the depth of all frames one more than without.
    "GET /api/result/{job_id}": Budget(reads=4),
    "GET /api/assets/{job_id}/{path:path}": ONE_ROW,
    "HEAD /api/assets/{job_id}/{path:path}": ONE_ROW,
    "PUT /api/scans/{job_id}/scale": Budget(reads=4, writes=3),
    "DELETE /api/job/{job_id}": Budget(reads=4, writes=8, tells=2),
    # And the places of those that wait.
    "GET /api/jobs": Budget(reads=3),
    "POST /api/jobs/{job_id}/cancel": Budget(reads=4, writes=5, tells=1),
    "GET /api/jobs/{job_id}/attempts": OF_A_JOB,
    "GET /api/jobs/{job_id}/events": OF_A_JOB,
    "GET /api/jobs/{job_id}/webhooks": OF_A_JOB,
    "GET /api/jobs/{job_id}/video": ONE_ROW,
    "HEAD /api/jobs/{job_id}/video": ONE_ROW,
    "WS /ws/{job_id}": Budget(reads=7),
    # One's scans, and what was missed of them: events, and those that are gone.
    "WS /ws": Budget(reads=4),
    "GET /api/events": Budget(reads=8),
    "POST /api/live/ticket": Budget(reads=1),
    # Rooms
    "GET /api/rooms": Budget(reads=3),
    "POST /api/rooms": Budget(reads=9, writes=3),
    "GET /api/rooms/{room_id}": Budget(reads=3),
    # One more where it has to be as the client knows it.
    "PUT /api/rooms/{room_id}": Budget(reads=3, writes=2),
    "DELETE /api/rooms/{room_id}": Budget(reads=4, writes=3),
    "GET /api/rooms/{room_id}/assets/{filename:path}": ONE_ROW,
    "HEAD /api/rooms/{room_id}/assets/{filename:path}": ONE_ROW,
    "GET /api/rooms/{room_id}/thumbnail": ONE_ROW,
    "HEAD /api/rooms/{room_id}/thumbnail": ONE_ROW,
    "POST /api/rooms/{room_id}/shares": Budget(reads=3, writes=2),
    "GET /api/rooms/{room_id}/shares": Budget(reads=3),
    "DELETE /api/rooms/{room_id}/shares/{share_id}": Budget(reads=2, writes=2),
    "GET /api/shared/{token}": Budget(reads=2),
    "GET /api/shared/{token}/assets/{filename:path}": Budget(reads=1),
    "HEAD /api/shared/{token}/assets/{filename:path}": Budget(reads=1),
    "GET /api/shared/{token}/thumbnail": Budget(reads=1),
    "HEAD /api/shared/{token}/thumbnail": Budget(reads=1),
    # Furniture. What is found is found in memory: products are all that is read, however many, and who asks.
    "POST /api/furniture/search": ONE_ROW,
    "GET /api/furniture/search": ONE_ROW,
    "GET /api/furniture/product/{asin}": ONE_ROW,
    "GET /api/furniture/products": ONE_ROW,
    "GET /api/furniture/brand/{brand:path}": A_PAGE,
    "GET /api/furniture/category/{category:path}": A_PAGE,
    # The product and its vector, and then those that are like it.
    "GET /api/furniture/similar/{asin}": Budget(reads=4),
    **dict.fromkeys(
        [f"GET /api/furniture/{name}" for name in ("suggest", "stats", "filters", "health")], Budget(reads=1)
    ),
    "GET /api/furniture/pictures/{asin}.svg": ONE_ROW,
    "HEAD /api/furniture/pictures/{asin}.svg": ONE_ROW,
    "GET /api/furniture/pictures/{asin}/{place}": ONE_ROW,
    "HEAD /api/furniture/pictures/{asin}/{place}": ONE_ROW,
    # Operators
    # And how many there are, where they are too many to be counted along with a page.
    "GET /api/admin/jobs": Budget(reads=3),
    "GET /api/admin/users": A_PAGE,
    "GET /api/admin/activities": A_PAGE,
    "GET /api/admin/disk-usage": Budget(reads=2),
    "GET /api/admin/memory": Budget(reads=1),
    "POST /api/admin/clear-memory": Budget(reads=1, writes=1),
    # What waits already is looked through for the same file, and the row of the catalogue made where there is none.
    "POST /api/admin/catalogue/imports": Budget(reads=3, writes=3),
    "GET /api/admin/catalogue/imports": A_PAGE,
    "GET /api/admin/catalogue/imports/{import_id}": Budget(reads=2),
    "DELETE /api/admin/catalogue/imports/{import_id}": Budget(reads=3, writes=2),
    "GET /api/admin/catalogue/imports/{import_id}/notes": Budget(reads=3),
    "POST /api/admin/cleanup": Budget(reads=3, writes=3, tells=1),
    "GET /api/admin/users/{user_id}": Budget(reads=3),
    "PATCH /api/admin/users/{user_id}": Budget(reads=5, writes=4),
    "DELETE /api/admin/users/{user_id}": Budget(reads=3, writes=5),
}

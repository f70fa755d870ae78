"""Every call of operators, and those that ask the database nothing."""

from __future__ import annotations

from tests.database.seed import HEAVY, ORDINARY
from tests.database.service import Person, Service


async def tour(service: Service, admin: Person) -> None:
    for route in ("/health", "/ready", "/metrics", "/.well-known/garaza-webhook-keys", "/docs", "/openapi.json"):
        await service.call(f"GET {route}")
    # Again: what has happened to jobs since.
    await service.call("GET /metrics")
    for route in ("GET /", *(f"HEAD {path}" for path in ("/", "/docs", "/openapi.json", "/health", "/ready"))):
        await service.call(route)
    await service.call("GET /api/admin/disk-usage", admin)
    await service.call("GET /api/admin/memory", admin)
    await service.call("POST /api/admin/clear-memory", admin)
    await _users(service, admin)
    for dry_run in (True, False):
        wanted = {"max_age_hours": 24 * 290, "dry_run": dry_run}
        await service.call("POST /api/admin/cleanup", admin, params=wanted)


async def _users(service: Service, admin: Person) -> None:
    for user_id in (HEAVY, ORDINARY):
        await service.call("GET /api/admin/users/{user_id}", admin, path={"user_id": user_id})
    changed = await service.register("berta")
    path = {"user_id": changed.id}
    for change in ({"plan": "pro", "role": "admin"}, {"role": "user", "is_active": False}, {}):
        await service.call("PATCH /api/admin/users/{user_id}", admin, path=path, json=change)
    await service.call("DELETE /api/admin/users/{user_id}", admin, path=path)

"""Every call of resumable uploads, in every way that asks something else of the database."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.database.service import Person, Service
from tests.database.tour.scans import WEBHOOK

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}
HOURS = 4
ONE = "/api/uploads/{upload_id}"


async def tour(service: Service, people: list[Person]) -> None:
    for route in ("OPTIONS /api/uploads", f"OPTIONS {ONE}"):
        await service.call(route, path={"upload_id": "any"})
    for who in [None, *people]:
        await _in_one_request(service, who)
        await _in_parts(service, who)
        await _given_up(service, who)
    # Whoever comes back late has its time prolonged.
    path = await _begun(service, None, "late")
    service.clock.now += HOURS * 3600
    await _send(service, f"PATCH {ONE}", None, path, 0, service.clip[:1000])
    service.clock.now -= HOURS * 3600


async def _in_one_request(service: Service, who: Person | None) -> None:
    wanted = {"process": True, "webhook_url": WEBHOOK, "filename": "room.mp4"}
    key = {"Idempotency-Key": f"plain-of-{who.name if who else 'guest'}"}
    await service.call("PUT /api/upload", who, params=wanted, headers=key, content=service.clip)
    await _create(service, who, "whole", headers=PART, content=service.clip)


async def _in_parts(service: Service, who: Person | None) -> None:
    path = await _begun(service, who, "parts")
    half = len(service.clip) // 2
    await _send(service, f"PATCH {ONE}", who, path, 0, service.clip[:half])
    await service.call(f"HEAD {ONE}", who, path=path, headers=TUS)
    for _ in range(2):
        # The second time the answer has got lost.
        await _send(service, f"PATCH {ONE}", who, path, half, service.clip[half:])
    await service.call(f"HEAD {ONE}", who, path=path, headers=TUS)
    path = await _begun(service, who, "overridden")
    override = {"X-HTTP-Method-Override": "PATCH"}
    await _send(service, f"POST {ONE}", who, path, 0, service.clip, **override)


async def _given_up(service: Service, who: Person | None) -> None:
    path = await _begun(service, who, "given-up")
    await service.call(f"DELETE {ONE}", who, path=path, headers=TUS)
    await _begun(service, who, "forgotten")


async def _begun(service: Service, who: Person | None, key: str) -> dict[str, str]:
    for _ in range(2):
        # The second time it is known by its key.
        path = await _create(service, who, key, headers=TUS)
    return path


async def _create(service: Service, who: Person | None, key: str, **options: Any) -> dict[str, str]:
    told = {"filename": "room.mp4", "process": "true", "webhook_url": WEBHOOK}
    headers = {
        **options.pop("headers"),
        "Upload-Length": str(len(service.clip)),
        "Upload-Metadata": ",".join(f"{name} {b64encode(text.encode()).decode()}" for name, text in told.items()),
        "Idempotency-Key": f"{key}-of-{who.name if who else 'guest'}",
    }
    answer = await service.call("POST /api/uploads", who, headers=headers, **options)
    return {"upload_id": answer.headers["Location"].rsplit("/", 1)[1]}


async def _send(
    service: Service, route: str, who: Person | None, path: dict[str, str], offset: int, part: bytes, **headers: str
) -> None:
    head = {**PART, "Upload-Offset": str(offset), **headers}
    await service.call(route, who, path=path, headers=head, content=part)

"""Every call of scans, in every way that asks something else of the database."""

from __future__ import annotations

from tests.database.seed import job_id
from tests.database.service import Person, Service

GUESTS = range(7, 707, 7)
"""Scans of guests, most of which wait."""
WEBHOOK = "http://127.0.0.1:9/hook"


async def tour(service: Service, people: list[Person]) -> None:
    for who in [None, *people]:
        await _upload(service, who)
        await _process(service, who)
        await _read(service, who)
        await _change(service, who)


async def _upload(service: Service, who: Person | None) -> None:
    name = who.name if who else "guest"
    for _ in range(2):
        # The second time it is known by its key.
        await service.call(
            "POST /api/upload",
            who,
            params={"process": True, "webhook_url": WEBHOOK},
            headers={"Idempotency-Key": f"upload-of-{name}"},
            files={"file": ("room.mp4", service.clip)},
        )


async def _process(service: Service, who: Person | None) -> None:
    path = {"job_id": await service.uploaded(who)}
    for _ in range(2):
        await service.call(
            "POST /api/process/{job_id}",
            who,
            path=path,
            json={"webhook_url": WEBHOOK},
            headers={"Idempotency-Key": "once"},
        )
    await service.call("GET /api/status/{job_id}", who, path=path)
    await service.call("POST /api/jobs/{job_id}/cancel", who, path=path)
    await service.call("POST /api/process/{job_id}", who, path=path)


async def _read(service: Service, who: Person | None) -> None:
    waiting = ",".join(job_id(number) for number in GUESTS)
    several = await service.call("GET /api/status", who, params={"ids": waiting})
    assert len(several.json()) > 60
    finished = await service.finished(who, webhook_url=WEBHOOK)
    path = {"job_id": finished}
    await service.call("GET /api/status/{job_id}", who, path=path)
    await service.call("GET /api/result/{job_id}", who, path=path)
    await service.call("GET /api/result/{job_id}", who, path=path, params={"include": "frames"})
    for method in ("GET", "HEAD"):
        asset = {**path, "path": "poster.jpg"}
        await service.call(f"{method} /api/assets/{{job_id}}/{{path:path}}", who, path=asset)
        if who is not None:
            await service.call(f"{method} /api/jobs/{{job_id}}/video", who, path=path)
    await service.call("GET /api/jobs/{job_id}/attempts", who, path=path)
    for after in (0, 10):
        await service.call("GET /api/jobs/{job_id}/events", who, path=path, params={"after": after, "limit": 1000})
    await service.call("GET /api/jobs/{job_id}/webhooks", who, path=path)
    told = await service.follow(finished, who)
    assert told[-1]["type"] == "websocket.close", told
    # The same as a stream, which ends with the scan.
    await service.call("GET /api/events", who, params={"job_id": finished})
    if who is not None:
        assert len(await service.follow_all(who)) > 2
        await service.call("POST /api/live/ticket", who)


async def _change(service: Service, who: Person | None) -> None:
    path = {"job_id": await service.finished(who)}
    await service.call("PUT /api/scans/{job_id}/scale", who, path=path, json={"metres_per_unit": 2.0})
    await service.call("DELETE /api/job/{job_id}", who, path=path)
    running = await service.running(who)
    await service.call("DELETE /api/job/{job_id}", who, path={"job_id": running.job_id})

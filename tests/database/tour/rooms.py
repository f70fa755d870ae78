"""Every call of rooms and their links."""

from __future__ import annotations

from tests.database.service import Person, Service


async def tour(service: Service, people: list[Person]) -> None:
    for who in people:
        await _rooms(service, who)


async def _rooms(service: Service, who: Person) -> None:
    for owner in (None, who):
        # A guest's scan, which takes room on disk; and one's own, which has it already.
        wanted = {"job_id": await service.finished(owner), "name": "Kitchen"}
        room = (await service.call("POST /api/rooms", who, json=wanted)).json()
    path = {"room_id": room["id"]}
    await service.call("GET /api/rooms/{room_id}", who, path=path)
    await service.call("PUT /api/rooms/{room_id}", who, path=path, json={"name": "Hall"})
    await service.call("PUT /api/rooms/{room_id}", who, path=path, json={"name": "Loft"}, headers={"If-Match": "*"})
    await service.call("PUT /api/rooms/{room_id}", who, path=path, json={})
    for method in ("GET", "HEAD"):
        asset = {**path, "filename": "poster.jpg"}
        await service.call(f"{method} /api/rooms/{{room_id}}/assets/{{filename:path}}", who, path=asset)
        await service.call(f"{method} /api/rooms/{{room_id}}/thumbnail", who, path=path)
    link = (await service.call("POST /api/rooms/{room_id}/shares", who, path=path)).json()
    await service.call("GET /api/rooms/{room_id}/shares", who, path=path)
    await _shared(service, link["token"])
    share = {**path, "share_id": link["id"]}
    await service.call("DELETE /api/rooms/{room_id}/shares/{share_id}", who, path=share)
    await service.call("DELETE /api/rooms/{room_id}", who, path=path, headers={"If-Match": "*"})


async def _shared(service: Service, token: str) -> None:
    path = {"token": token}
    await service.call("GET /api/shared/{token}", path=path)
    for method in ("GET", "HEAD"):
        asset = {**path, "filename": "poster.jpg"}
        await service.call(f"{method} /api/shared/{{token}}/assets/{{filename:path}}", path=asset)
        await service.call(f"{method} /api/shared/{{token}}/thumbnail", path=path)

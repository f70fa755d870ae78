"""Rooms as clients are told of them, from their rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from garaza.kit.sizes import display_bytes
from garaza.kit.stored_files import version_of
from garaza.kit.times import iso_time
from garaza.reconstruction.result import MEDIA_TYPES, ModelLevel
from garaza.rooms.models import Room, RoomFile
from garaza.rooms.schemas import RoomAnswer, RoomAssets, SharedRoomAnswer
from garaza.scans.result import asset
from garaza.scans.schemas import LodAssets

THUMBNAILS = ("thumbnail.jpg", "poster.jpg")
"""The first that there is; both show the same."""
SHOWN_TYPES = (MEDIA_TYPES[".glb"], MEDIA_TYPES[".jpg"])
"""Of the files that an answer names."""


def own_room(room: Room, files: Mapping[str, RoomFile]) -> RoomAnswer:
    """For its owner."""
    shown = _seen_at(f"/api/rooms/{room.id}", room, files)
    return RoomAnswer(**dict(shown), user_id=room.user_id, job_id=room.job_id)


def shared_room(room: Room, files: Mapping[str, RoomFile], token: str) -> SharedRoomAnswer:
    """For whoever has a link to it: every address leads through the link."""
    return _seen_at(f"/api/shared/{token}", room, files)


def _seen_at(base: str, room: Room, files: Mapping[str, RoomFile]) -> SharedRoomAnswer:
    picture = next((files[path] for path in THUMBNAILS if path in files), None)
    return SharedRoomAnswer(
        id=room.id,
        name=room.name,
        description=room.description,
        frame_count=room.frame_count,
        point_count=room.point_count,
        model_used=room.model_used,
        original_width=room.original_width,
        original_height=room.original_height,
        file_size_bytes=room.file_size_bytes,
        file_size_display=display_bytes(room.file_size_bytes),
        thumbnail_url=f"{base}/thumbnail?v={version_of(picture.sha256)}" if picture is not None else None,
        assets=_assets(room, files, lambda file: f"{base}/assets/{file.path}?v={version_of(file.sha256)}"),
        created_at=iso_time(room.created_at),
        updated_at=iso_time(room.updated_at),
    )


def _assets(room: Room, files: Mapping[str, RoomFile], address: Callable[[RoomFile], str]) -> RoomAssets | None:
    if not files:
        return None
    models = {level["level"]: asset(ModelLevel(**level), files, address) for level in room.levels}
    return RoomAssets(model_asset=models["full"], lod_assets=LodAssets(**models))

"""RESULT, put together from the files of a finished reconstruction."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from garaza.jobs.models import JobFile
from garaza.kit.packed_files import is_copy
from garaza.kit.stored_files import version_of
from garaza.reconstruction.result import RESULT_FILE, ModelLevel, Result
from garaza.scans.schemas import (
    AssetBody,
    CameraParams,
    FileBody,
    FrameBody,
    LodAssets,
    ResultAnswer,
    ScaleBody,
    VariantBody,
)


class StoredFile(Protocol):
    """A row about a file, of a job or of whatever keeps its result."""

    @property
    def path(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...


File = TypeVar("File", bound=StoredFile)


def asset_url(job_id: str, file: JobFile) -> str:
    """Address of a file; changes with the content, so that it may be kept for ever."""
    return f"/api/assets/{job_id}/{file.path}?v={version_of(file.sha256)}"


PARTS = (RESULT_FILE, "cameras.json")
"""The files whose content `build_result` wants."""


def build_result(job_id: str, result_text: bytes, cameras_text: bytes, files: dict[str, JobFile]) -> ResultAnswer:
    """What clients are told of a result. Blocks: there may be hundreds of cameras."""
    result = Result.parse(result_text)
    cameras: dict[str, Any] = json.loads(cameras_text)
    address = partial(asset_url, job_id)
    models = {model.level: asset(model, files, address) for model in result.models}
    return ResultAnswer(
        job_id=job_id,
        frames=[
            FrameBody(frame_index=frame.source_index, width=frame.width, height=frame.height) for frame in result.frames
        ],
        camera_params=CameraParams(
            extrinsics=[frame["extrinsics"] for frame in cameras["frames"]],
            intrinsics=[frame["depth_intrinsics"] for frame in cameras["frames"]],
        ),
        model_asset=models["full"],
        lod_assets=LodAssets(**models),
        original_width=result.source.width,
        original_height=result.source.height,
        model_used=result.engine,
        scale=ScaleBody(**dataclasses.asdict(result.scale)),
        room=result.room,
        poster_url=address(files["poster.jpg"]),
        files=[
            FileBody(path=path, url=address(file), media_type=file.media_type, size_bytes=file.size_bytes)
            for path, file in sorted(files.items())
            if not is_copy(path, files)
        ],
        keyframes=result.keyframes,
        warnings=result.warnings,
        stages=[dataclasses.asdict(cost) for cost in result.stages],
    )


def asset(model: ModelLevel, files: Mapping[str, File], address: Callable[[File], str]) -> AssetBody:
    """One size of a model; `address` gives the URL of a file."""
    plain, meshopt = files[model.path], files[model.meshopt_path]
    variant = VariantBody(
        kind="meshopt",
        filename=meshopt.path,
        url=address(meshopt),
        format="glb",
        file_size_bytes=meshopt.size_bytes,
    )
    return AssetBody(
        filename=plain.path,
        url=address(plain),
        format="glb",
        lod_level=model.level,
        point_count=model.vertices,
        face_count=model.faces,
        file_size_bytes=plain.size_bytes,
        variants=[variant],
    )

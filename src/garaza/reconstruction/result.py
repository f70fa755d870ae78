"""What a finished reconstruction says of itself: the content of `result.json`, beside the files that it lists."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from garaza.reconstruction import partial
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.progress import Stage, StageCost
from garaza.reconstruction.source_info import SourceInfo

FORMAT_VERSION = 1
RESULT_FILE = partial.RESULT_FILE


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file of the result."""

    path: str
    """Relative to the result's folder, with forward slashes."""
    media_type: str
    size_bytes: int
    sha256: str
    """Hexadecimal digest of the content."""


MEDIA_TYPES = {
    ".glb": "model/gltf-binary",
    ".ply": "application/octet-stream",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".npz": "application/octet-stream",
}


def describe_file(folder: Path, path: Path) -> OutputFile:
    """What `result.json` says of a file below `folder`. Reads it once, for its digest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return OutputFile(
        path=path.relative_to(folder).as_posix(),
        media_type=MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
        size_bytes=path.stat().st_size,
        sha256=digest,
    )


@dataclass(frozen=True, slots=True)
class ModelLevel:
    """The model in one of its sizes."""

    level: str
    """"preview", "medium" or "full"."""
    path: str
    """The plain GLB, for any glTF 2.0 viewer."""
    meshopt_path: str
    """The same surface with EXT_meshopt_compression."""
    vertices: int
    faces: int


@dataclass(frozen=True, slots=True)
class ResultFrame:
    """One registered keyframe. Its camera is the same row of `cameras.json`, its depth the same row of `depth/`."""

    source_index: int
    """Number of the frame in the video, or of the photo in name order."""
    time_s: float
    width: int
    """Of its depth map, pixels."""
    height: int


@dataclass(frozen=True, slots=True)
class Result:
    """A finished reconstruction.

    Right-handed, y up, floor at y = 0. Coordinates of cameras and depth are in model units, of which one is
    `scale.metres_per_unit` metres; the GLBs carry that factor in their root node, so viewers show metres; `points.ply`
    and the report are in metres.
    """

    engine: str
    quality: str
    source: SourceInfo
    keyframes: int
    """Keyframes chosen; `len(frames)` of them were registered."""
    frames: list[ResultFrame]
    scale: Scale
    floor_found: bool
    """False: y = 0 is the lowest part of what was seen, not a floor that was recognised."""
    room: dict[str, Any] | None
    """Floor polygon, area, height and walls in model units; None where they aren't clear."""
    models: list[ModelLevel]
    """Preview, medium, full."""
    points: int
    """In points.ply."""
    files: list[OutputFile]
    stages: list[StageCost]
    warnings: list[str]
    """What a person should know before trusting the model, in plain words."""

    def with_files(self, files: list[OutputFile]) -> Result:
        """The same result with another list of files."""
        return dataclasses.replace(self, files=files)

    def to_json(self) -> str:
        """The content of `result.json`."""
        return json.dumps({"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}, indent=1)

    @classmethod
    def read(cls, folder: Path) -> Result:
        """Read the result that `pipeline.reconstruct` left in `folder`.

        Raises:
            FileNotFoundError: no result there.
            ValueError: written by a version of Garaza that this one doesn't understand.
        """
        return cls.parse((folder / RESULT_FILE).read_bytes())

    @classmethod
    def parse(cls, text: bytes) -> Result:
        """The result that the content of `result.json` says.

        Raises:
            ValueError: see `read`.
        """
        data = json.loads(text)
        version = data.pop("format_version", None)
        if version != FORMAT_VERSION:
            msg = f"result format {version!r} is not {FORMAT_VERSION}, the one this version reads"
            raise ValueError(msg)
        return cls(
            **{
                **data,
                "source": SourceInfo(**data["source"]),
                "frames": [ResultFrame(**frame) for frame in data["frames"]],
                "scale": Scale(**data["scale"]),
                "models": [ModelLevel(**model) for model in data["models"]],
                "files": [OutputFile(**file) for file in data["files"]],
                "stages": [StageCost(**{**cost, "stage": Stage(cost["stage"])}) for cost in data["stages"]],
            },
        )

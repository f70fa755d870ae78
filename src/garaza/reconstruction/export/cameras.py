"""Where the camera was and what lens it had, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from garaza.reconstruction.prediction import Prediction

_CONVENTIONS = {
    "world": "right-handed, y up, floor at y = 0, model units",
    "camera": "OpenCV: x right, y down, z forward",
    "extrinsics": "world-to-camera: x_camera = R x_world + t, as the 3x4 matrix [R | t]",
    "pixels": "the centre of the top-left pixel is (0, 0)",
    "images": "rectified: no lens distortion is left",
}


def write_cameras(path: Path, prediction: Prediction, source_indices: list[int], times: list[float]) -> None:
    """Write one entry for each registered keyframe, in order."""
    frames: list[dict[str, Any]] = []
    numbered = enumerate(zip(source_indices, times, prediction.extrinsics, strict=True))
    for row, (index, time, extrinsics) in numbered:
        position = -extrinsics[:, :3].T @ extrinsics[:, 3]
        frames.append(
            {
                "source_index": index,
                "time_s": round(time, 4),
                "position": _rounded(position),
                "extrinsics": _rounded(extrinsics),
                "intrinsics": _rounded(prediction.intrinsics[row]),
                "depth_intrinsics": _rounded(prediction.depth_intrinsics[row]),
            },
        )
    document = {
        "format": 1,
        "conventions": _CONVENTIONS,
        "image_size": list(prediction.images.shape[2:0:-1]),
        "depth_size": list(prediction.depth.shape[2:0:-1]),
        "frames": frames,
    }
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _rounded(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[Any]:
    result: list[Any] = np.round(values, 7).tolist()
    return result

"""The exact truth of a clip, as a small NPZ file of plain arrays (format 1).

World: right-handed, metres, y up, floor at y = 0, origin in the middle of the floor, x along the width, z along the
depth.

| key | shape, dtype | meaning |
| --- | --- | --- |
| format, seed | () int32 | |
| size | (2,) int32 | width and height of the clip's frames, pixels |
| times | (F,) float64 | middle of each exposure, seconds |
| extrinsics | (F, 3, 4) float64 | world-to-camera, OpenCV axes, at that time |
| intrinsics | (3, 3) float64 | pixels of `size`; the centre of the top-left pixel is (0, 0) |
| distortion | (2,) float64 | k1, k2: x_d = x (1 + k1 r² + k2 r⁴) |
| room_size | (3,) float64 | width (x), depth (z), height (y), metres |
| depth_frames | (D,) int32 | the frames that the depth maps belong to |
| depth_mm | (D, h, w) uint16 | z-depth in millimetres, 0 outdoors; distorted, and as wide a view, as the frames |
| points | (P, 3) uint16 | of the surfaces that the clip shows, evenly spread: points_origin + points * points_step |
| points_origin, points_step | (3,) float64, () float64 | metres |
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.sample_room.patches import Array
from tools.sample_room.render import Studio

DEPTH_SIZE = 320
"""Pixels along the longer side of a depth map."""
POINT_SPACING = 0.028
POINTS_STEP = 0.0002
_POINT_FRAMES = 48


def write_truth(path: Path, studio: Studio, depth_every: int) -> None:
    """Write the truth of the clip that `studio` films."""
    clip = studio.clip
    scale = min(1, DEPTH_SIZE / max(clip.width, clip.height))
    width, height = round(scale * clip.width), round(scale * clip.height)
    depth_frames = np.arange(depth_every // 2, clip.frames, depth_every, dtype=np.int32)
    depth = [studio.depth(int(frame), width, height)[0] for frame in depth_frames]
    points = _visible_points(studio, width, height)
    origin = points.min(axis=0) - 0.01
    np.savez_compressed(
        path,
        format=np.int32(1),
        seed=np.int32(clip.seed),
        size=np.array([clip.width, clip.height], np.int32),
        times=np.array([studio.time(frame) for frame in range(clip.frames)]),
        extrinsics=np.stack([studio.walk.extrinsics(studio.time(frame)) for frame in range(clip.frames)]),
        intrinsics=studio.lens.matrix,
        distortion=np.array([studio.lens.k1, studio.lens.k2]),
        room_size=np.array(studio.room.size),
        depth_frames=depth_frames,
        depth_mm=np.rint(np.stack(depth) * 1000).astype(np.uint16),
        points=np.rint((points - origin) / POINTS_STEP).astype(np.uint16),
        points_origin=origin,
        points_step=np.float64(POINTS_STEP),
    )


def _visible_points(studio: Studio, width: int, height: int) -> Array:
    """(P, 3) one point in each cube of edge `POINT_SPACING` that a pixel of some frame falls into."""
    lens = studio.lens.resized(width, height)
    ray_x, ray_y = lens.rays()
    clouds = []
    for frame in np.linspace(0, studio.clip.frames - 1, _POINT_FRAMES).astype(int):
        depth, _ = studio.depth(int(frame), width, height)
        known = depth > 0
        z = depth[known].astype(np.float64)
        camera = np.stack([ray_x[known] * z, ray_y[known] * z, z], axis=1)
        rotation, eye = studio.walk.pose(studio.time(int(frame)))
        clouds.append(_thin(camera @ rotation + eye))
    return _thin(np.concatenate(clouds))


def _thin(points: Array) -> Array:
    cells = np.floor(points / POINT_SPACING).astype(np.int64) + 4096
    keys = (cells[:, 0] << 40) | (cells[:, 1] << 20) | cells[:, 2]
    return points[np.sort(np.unique(keys, return_index=True)[1])]

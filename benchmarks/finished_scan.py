"""A scan that is done, in a data directory: written by the real exporter and placed by the real worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from garaza.accounts.principal import machine
from garaza.app import prepare
from garaza.kit.ids import new_id
from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.folder import Finished, write_folder
from garaza.reconstruction.frames import Keyframes, SourceInfo
from garaza.reconstruction.options import Options
from garaza.reconstruction.prediction import Float32, Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.result import Result
from garaza.reconstruction.surface.mesh import TexturedMesh
from garaza.scans.schemas import ProcessRequest
from garaza.settings import Settings
from garaza.wiring import make_parts

Write = Callable[[Path], Result]

_EVERYTHING = machine("benchmark", "admin")
"""Sees whatever scan there is."""

# What follows makes depth about as hard to compress as that of the sample clip, which at draft quality takes 1.7 bits a
# pixel in coarse sprites, 2.8 in fine ones, and after gzip 60 % of its base64 (confidence: 44 %).
_NOISE = 0.002
"""Of the depth, relative: standard deviation."""
_HOLES_ABOVE = 0.5
"""Of waves between -1 and 1: leaves a sixth of the pixels unknown."""


def add_finished_scan(data_dir: Path, write: Write, user_id: int | None = None) -> str:
    """Put a scan whose result `write` puts into an empty folder into `data_dir`, and make that if need be; returns the
    scan's id. It is a guest's where nobody is named.
    """
    return asyncio.run(_add(data_dir, write, user_id))


async def _add(data_dir: Path, write: Write, user_id: int | None) -> str:
    def reconstruct(_source: Path, out: Path, _options: Options, *_: Any, **_more: Any) -> Result:
        out.mkdir()
        return write(out)

    parts = replace(make_parts(Settings(data_dir=data_dir)), reconstruct=reconstruct)
    await asyncio.to_thread(prepare, parts)
    job_id = new_id()
    parts.data.upload(job_id).touch()
    try:
        async with parts.database.write() as session:
            await parts.jobs.create(session, job_id, "room.mp4", {}, user_id=user_id)
            await parts.jobs.ask(session, job_id, ProcessRequest().model_dump(mode="json"), viewer=_EVERYTHING)
            claim = await parts.jobs.claim(session, "benchmark")
        assert claim is not None
        await parts.runner().run(claim, asyncio.Event())
        async with parts.database.read() as session:
            job = await parts.jobs.get(session, job_id, _EVERYTHING)
            assert job.state == "completed", job.failure
    finally:
        await parts.database.close()
    return job_id


def write_room(folder: Path, *, frames: int, width: int, height: int, corners: int) -> Result:
    """A result about a room that isn't there.

    Args:
        frames: keyframes, each with a depth map of width × height.
        corners: vertices of the full model, near enough.
    """
    random = np.random.default_rng(7)
    depth = _depth(random, frames, width, height)
    extrinsics = np.zeros((frames, 3, 4))
    # Looking along -z, upright, from 1.5 m above the floor.
    extrinsics[:] = np.array([[1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, -1, 0]])
    extrinsics[:, 0, 3] = -0.03 * np.arange(frames)
    focal = 0.8 * width
    intrinsics = np.array([[focal, 0, width / 2 - 0.5], [0, focal, height / 2 - 0.5], [0, 0, 1]])
    prediction = Prediction(
        engine="geometric",
        frame_indices=np.arange(frames),
        images=random.integers(0, 255, (frames, height, width, 3), np.uint8),
        intrinsics=np.broadcast_to(intrinsics, (frames, 3, 3)).copy(),
        extrinsics=extrinsics,
        depth=depth,
        # Half the precision, so that a part of each number is zeros.
        confidence=np.where(depth > 0, random.uniform(0.2, 1, depth.shape), 0).astype(np.float16).astype(np.float32),
        points=np.zeros((0, 3), np.float32),
        point_colours=np.zeros((0, 3), np.uint8),
    )
    keyframes = Keyframes(
        source=SourceInfo("video", 1920, 1080, frames / 3, 30.0, 10 * frames, "h264"),
        images=prediction.images,
        source_indices=10 * np.arange(frames),
        times=np.arange(frames) / 3,
    )
    small = _hills(32)
    models = {"full": _hills(round(corners**0.5)), "medium": small, "preview": small}
    scale = Scale(metric=False, metres_per_unit=1.0, source="assumed_camera_height", uncertainty=0.15)
    finished = Finished("standard", keyframes, prediction, scale, floor_found=True, models=models, warnings=[])
    return write_folder(folder, finished, Monitor())


def _depth(random: np.random.Generator, frames: int, width: int, height: int) -> Float32:
    """(N, h, w): walls and things in front of them, each frame a little further on, with noise and holes."""
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width]
    maps = np.empty((frames, height, width), np.float32)
    for number in range(frames):
        moved = x + 0.05 * number
        wall = 3.5 + 1.2 * np.abs((moved % 2) - 1) - 0.8 * y
        things = 0.4 * np.sin(7 * moved) * np.cos(5 * y) + 0.9 * ((moved * 3 % 1 < 0.4) & (y > 0.55))
        smooth = wall - things
        holes = np.sin(23 * moved) * np.sin(19 * y) > _HOLES_ABOVE
        noisy = smooth * (1 + _NOISE * random.standard_normal((height, width)))
        maps[number] = np.where(holes, 0, noisy)
    return maps


def _hills(side: int) -> TexturedMesh:
    """A floor of side × side vertices that is not quite even."""
    steps = np.linspace(0, 1, side)
    u, v = (axis.ravel() for axis in np.meshgrid(steps, steps))
    heights = 0.05 * np.sin(40 * u) * np.cos(30 * v)
    vertices = np.stack([4 * u - 2, heights, 4 * v - 2], axis=1).astype(np.float32)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + side, corner + 1], axis=1),
            np.stack([corner + 1, corner + side, corner + side + 1], axis=1),
        ],
    )
    normals = np.broadcast_to(np.array([0, 1, 0], np.float32), vertices.shape).copy()
    uvs = np.stack([u, v], axis=1).astype(np.float32)
    return TexturedMesh(vertices, faces.astype(np.int32), normals, uvs, np.full((256, 256, 3), 180, np.uint8))

"""Runs COLMAP in a process of its own and brings home what it found."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import garaza
from garaza.reconstruction.failures import EngineCrashed
from garaza.reconstruction.prediction import UInt8
from garaza.reconstruction.progress import Monitor

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """What the process is asked to do."""

    ordered: bool
    """The images follow one another in time, so neighbours overlap."""
    features: int = 2048
    """SIFT features an image at most."""
    first_octave: int = 0
    """0: full resolution; -1: doubled, for four times the time."""
    peak_threshold: float = 0.004
    """Contrast below which SIFT drops a feature; lower finds more on walls and in the dark."""
    exhaustive_up_to: int = 0
    """Match every pair of images up to this many images."""
    min_inliers: int = 30
    """Matches with the model that an image must have to be registered."""
    min_angle: float = 0.5
    """Degrees between the rays to a point, below which it is not believed."""
    centre_from: int = 20
    """Cameras that a model must have for the lens's centre to be found; with fewer it is the picture's."""
    centre_within: float = 0.03
    """How far that may lie from the picture's, as a share of each side, to be believed."""
    focal_factor: float = 0.9
    """First guess of the focal length, in longer sides of the image."""
    still: float = 0.0
    """Motion, as a share of the diagonal, below which no model is tried."""
    threads: int = 2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Matches:
    """What the geometry of pairs says, before any model."""

    pairs: NDArray[np.int64]
    """(K, 2) verified pairs, positions in the images given."""
    inliers: NDArray[np.int64]
    """(K,) matches that fit the pair's geometry."""
    planar_or_panoramic: NDArray[np.bool_]
    """(K,) a homography explains the pair: a plane was seen, or the camera only turned."""
    motion: NDArray[np.float64]
    """(K,) median length of the matches as a share of the image's diagonal."""
    features: NDArray[np.int64]
    """(N,) features found in each image."""


@dataclass(frozen=True, slots=True)
class Model:
    """The largest model; no frames where there is none. Pixel centres are at .5 here, as COLMAP has them."""

    frames: NDArray[np.int64]
    """(N,) positions in the images given, increasing."""
    extrinsics: NDArray[np.float64]
    """(N, 3, 4) world-to-camera."""
    camera: NDArray[np.float64]
    """(4,) SIMPLE_RADIAL: focal length, centre x, centre y, radial distortion."""
    points: NDArray[np.float64]
    """(P, 3)."""
    errors: NDArray[np.float64]
    """(P,) mean reprojection error, pixels."""
    observation_frames: NDArray[np.int32]
    observation_points: NDArray[np.int32]
    """(M,) rows of `frames` and `points`."""
    observation_pixels: NDArray[np.float64]
    """(M, 2)."""


def run_colmap(
    images: UInt8, job: Job, monitor: Monitor, on_step: Callable[[str, int, int], None]
) -> tuple[Model, Matches]:
    """Find cameras for (N, H, W, 3) RGB images that one camera took.

    Args:
        on_step: called with the step ("features", "matches", "cameras"), how much of it is done, and of how much.

    Raises:
        EngineCrashed: the process died; the end of what it said is in the details.
        Cancelled: within a second of the monitor saying so; the process has ended by then.
    """
    with tempfile.TemporaryDirectory(prefix="garaza-cameras-") as name:
        folder = Path(name)
        names = [f"{row:05d}.pgm" for row in range(len(images))]
        for file, image in zip(names, images, strict=True):
            monitor.checkpoint()
            # Plain grey: nothing to compress here, nothing to decode there.
            cv2.imwrite(str(folder / file), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        (folder / "job.json").write_text(json.dumps({"images": names, **asdict(job)}), encoding="utf-8")
        _run(folder, monitor, on_step)
        return Model(**_load(folder / "model.npz")), Matches(**_load(folder / "matches.npz"))


def _run(folder: Path, monitor: Monitor, on_step: Callable[[str, int, int], None]) -> None:
    log = folder / "log.txt"
    command = [sys.executable, "-P", "-m", "garaza.reconstruction.cameras.colmap_process", str(folder)]
    root = str(Path(garaza.__file__).resolve().parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        # COLMAP brings its own threads; BLAS's on top of them only fight.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment
        ) as process,
    ):
        try:
            _follow(process, monitor, on_step)
            code = process.wait()
        finally:
            process.kill()
    if code != 0:
        raise EngineCrashed(exit_code=code, log=log.read_text(encoding="utf-8", errors="replace")[-2000:])


def _follow(process: subprocess.Popen[bytes], monitor: Monitor, on_step: Callable[[str, int, int], None]) -> None:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            monitor.checkpoint()
            if not selector.select(_POLL_SECONDS):
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                said = json.loads(line)
                on_step(said["step"], said["done"], said["total"])


def _load(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return dict(arrays)

"""How far a result is from the truth, read from the files that users get.

The truth is an NPZ with plain arrays, as `tools/sample_room` writes it: world in metres, y up; `times` (F,) and
`extrinsics` (F, 3, 4) of every frame of the clip; `depth_frames` (D,), `depth_mm` (D, h, w), `size` (2,), `intrinsics`
(3, 3), `distortion` (2,); `points` (P, 3) with `points_origin`, `points_step`; `room_size` (3,).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial import cKDTree

from garaza.reconstruction.export.glb import model_arrays
from garaza.reconstruction.prediction import Float32, Float64
from garaza.reconstruction.result import Result

NEAR = 0.05
"""Metres within which a point of the mesh counts as right, and a true one as found."""
_MESH_SAMPLES = 60_000
_DELTA = 1.25


@dataclass(frozen=True, slots=True)
class Similarity:
    """``true = scale * rotation @ ours + translation``."""

    scale: float
    rotation: Float64
    """(3, 3)."""
    translation: Float64
    """(3,)."""

    def __call__(self, points: Float64) -> Float64:
        """(P, 3) points of ours in the true world."""
        moved: Float64 = self.scale * points @ self.rotation.T + self.translation
        return moved


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Errors after the best similarity between the camera paths; what that leaves is shape, not place or size."""

    keyframes: int
    registered: int
    path_length_m: float
    ate_rmse_m: float
    """Absolute trajectory error: root mean square distance between true and found camera positions."""
    rotation_error_deg: float
    """Median over the frames."""
    scale_error: float
    """Relative error of the lengths that the model shows before any alignment; signed."""
    tilt_deg: float
    """Between the model's up and the true one."""
    floor_error_m: float
    """Height of the true floor in the model, below the middle of the camera's path; 0 is right."""
    abs_rel: float
    """Mean of |depth - truth| / truth where depth is known with a confidence of at least a half."""
    delta_1_25: float
    """Share of that depth within a factor of 1.25 of the truth."""
    completeness: float
    """Share of the true depth's pixels that have such a depth."""
    abs_rel_filled: float
    """As `abs_rel`, over all depth, also what was filled in with little confidence."""
    completeness_filled: float
    mesh_precision: float
    """Share of the model's surface within `NEAR` of the true one: what the clip shows, and walls, floor and ceiling
    behind it."""
    mesh_recall: float
    """Share of the true surface that the clip shows within `NEAR` of the model."""

    def rows(self) -> list[tuple[str, str]]:
        """For a table: what, how much."""
        return [
            ("frames registered", f"{self.registered} of {self.keyframes}"),
            ("camera path", f"{100 * self.ate_rmse_m:.1f} cm RMSE over {self.path_length_m:.1f} m"),
            ("camera direction", f"{self.rotation_error_deg:.2f}° median"),
            ("estimated size", f"{100 * self.scale_error:+.1f} %"),
            ("upright", f"to {self.tilt_deg:.2f}°, floor to {100 * abs(self.floor_error_m):.1f} cm"),
            (
                "depth, confirmed",
                f"AbsRel {self.abs_rel:.3f}, δ<1.25 {self.delta_1_25:.3f}, {self.completeness:.0%} of it",
            ),
            ("depth, with filling", f"AbsRel {self.abs_rel_filled:.3f}, {self.completeness_filled:.0%} of it"),
            ("model within 5 cm", f"precision {self.mesh_precision:.2f}, recall {self.mesh_recall:.2f}"),
        ]


def evaluate_directory(out: Path, truth_path: Path) -> Evaluation:
    """Compare the result in `out` with the truth at `truth_path`.

    Raises:
        FileNotFoundError: one of them isn't there.
        ValueError: too few frames to align.
    """
    result = Result.read(out)
    with np.load(truth_path) as file:
        truth = {name: file[name] for name in file.files}
    cameras: dict[str, Any] = json.loads((out / "cameras.json").read_text(encoding="utf-8"))
    metres = result.scale.metres_per_unit
    indices = np.array([frame["source_index"] for frame in cameras["frames"]])
    ours = np.array([frame["extrinsics"] for frame in cameras["frames"]])
    ours[:, :, 3] *= metres
    true = truth["extrinsics"][indices]
    alignment = align(_centres(ours), _centres(true))
    with np.load(out / "depth" / "depth.npz") as arrays:
        depth, confidence = arrays["depth"] * np.float32(metres), arrays["confidence"]
    pinholes = np.array([frame["depth_intrinsics"] for frame in cameras["frames"]])
    confirmed = np.where(confidence >= 0.5, depth, 0)
    errors, filled = _Errors(), _Errors()
    rows = {int(index): row for row, index in enumerate(indices)}
    for index, millimetres in zip(truth["depth_frames"], truth["depth_mm"], strict=True):
        row = _nearest_row(rows, int(index), truth["extrinsics"])
        if row is None:
            continue
        true_depth = rectified_truth(truth, int(index), millimetres, true[row], pinholes[row], depth.shape[1:])
        errors.add(confirmed[row] * alignment.scale, true_depth)
        filled.add(depth[row] * alignment.scale, true_depth)
    precision, recall = _mesh_scores(out / "model.glb", truth, alignment)
    return Evaluation(
        keyframes=result.keyframes,
        registered=len(indices),
        path_length_m=float(np.linalg.norm(np.diff(_centres(truth["extrinsics"]), axis=0), axis=1).sum()),
        ate_rmse_m=float(np.sqrt(np.mean(np.sum((alignment(_centres(ours)) - _centres(true)) ** 2, axis=1)))),
        rotation_error_deg=float(np.median(_rotation_errors(ours, true, alignment))),
        scale_error=1 / alignment.scale - 1,
        tilt_deg=float(np.degrees(np.arccos(np.clip(alignment.rotation[1, 1], -1, 1)))),
        floor_error_m=_floor_error(alignment, _centres(true)),
        abs_rel=errors.abs_rel,
        delta_1_25=errors.delta,
        completeness=errors.completeness,
        abs_rel_filled=filled.abs_rel,
        completeness_filled=filled.completeness,
        mesh_precision=precision,
        mesh_recall=recall,
    )


def align(ours: Float64, true: Float64) -> Similarity:
    """The similarity that brings (N, 3) `ours` nearest to (N, 3) `true` (Umeyama 1991).

    Raises:
        ValueError: fewer than three points.
    """
    if len(ours) < 3:
        msg = "three camera positions are needed to align"
        raise ValueError(msg)
    our_mean, true_mean = ours.mean(axis=0), true.mean(axis=0)
    centred, target = ours - our_mean, true - true_mean
    left, values, right = np.linalg.svd(target.T @ centred / len(ours))
    signs = np.array([1, 1, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = left @ np.diag(signs) @ right
    scale = float((values * signs).sum() / np.mean(np.sum(centred**2, axis=1)))
    return Similarity(scale, rotation, true_mean - scale * rotation @ our_mean)


def _centres(extrinsics: Float64) -> Float64:
    centres: Float64 = -np.einsum("nji,nj->ni", extrinsics[:, :, :3], extrinsics[:, :, 3])
    return centres


def _rotation_errors(ours: Float64, true: Float64, alignment: Similarity) -> Float64:
    """(N,) degrees between found and true directions."""
    turned = ours[:, :, :3] @ alignment.rotation.T
    relative = np.einsum("nij,nkj->nik", turned, true[:, :, :3])
    cosine = (np.trace(relative, axis1=1, axis2=2) - 1) / 2
    errors: Float64 = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return errors


def _floor_error(alignment: Similarity, cameras: Float64) -> float:
    below = cameras.mean(axis=0) * [1, 0, 1]
    return float(((below - alignment.translation) @ alignment.rotation)[1] / alignment.scale)


def _nearest_row(rows: dict[int, int], index: int, extrinsics: Float64) -> int | None:
    """The registered frame that looks most like frame `index` of the clip, among those within half a second or so."""
    if index in rows:
        return rows[index]
    candidates = [found for found in rows if abs(found - index) <= 15]
    if not candidates:
        return None
    centres = _centres(extrinsics)
    return rows[min(candidates, key=lambda found: float(np.linalg.norm(centres[found] - centres[index])))]


def rectified_truth(
    truth: dict[str, Any],
    index: int,
    millimetres: np.ndarray[Any, Any],
    extrinsics: Float64,
    pinhole: Float64,
    shape: tuple[int, ...],
) -> Float32:
    """(h, w) true depth of clip frame `index` as a pinhole camera at `extrinsics` sees it; 0 where it has none.

    The true depth map has the lens's distortion: each of its pixels becomes a point of the world, and that is
    projected anew. Nearer points win.
    """
    height, width = millimetres.shape
    frame_width, frame_height = truth["size"]
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    intrinsics, (k1, k2) = truth["intrinsics"], truth["distortion"]
    x = ((u + 0.5) * frame_width / width - 0.5 - intrinsics[0, 2]) / intrinsics[0, 0]
    y = ((v + 0.5) * frame_height / height - 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    straight_x, straight_y = x.copy(), y.copy()
    for _ in range(20):
        r2 = straight_x**2 + straight_y**2
        factor = 1 + k1 * r2 + k2 * r2**2
        straight_x, straight_y = x / factor, y / factor
    z = millimetres / 1000.0
    camera = np.stack([straight_x * z, straight_y * z, z], axis=-1)[z > 0]
    pose = truth["extrinsics"][index]
    world = (camera - pose[:, 3]) @ pose[:, :3]
    seen = world @ extrinsics[:, :3].T + extrinsics[:, 3]
    seen = seen[seen[:, 2] > 0.05]
    column = np.rint(pinhole[0, 0] * seen[:, 0] / seen[:, 2] + pinhole[0, 2]).astype(int)
    row = np.rint(pinhole[1, 1] * seen[:, 1] / seen[:, 2] + pinhole[1, 2]).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < shape[1]) & (row < shape[0])
    depth = np.full(shape, np.inf, np.float32)
    np.minimum.at(depth, (row[inside], column[inside]), seen[inside, 2].astype(np.float32))
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)


class _Errors:
    """Gathers depth errors over frames."""

    def __init__(self) -> None:
        self._relative: list[Float64] = []
        self._true = 0

    def add(self, depth: Float32, true: Float32) -> None:
        known = true > 0
        self._true += int(known.sum())
        both = known & (depth > 0)
        self._relative.append(depth[both].astype(np.float64) / true[both])

    @property
    def _ratios(self) -> Float64:
        return np.concatenate(self._relative) if self._relative else np.zeros(0)

    @property
    def abs_rel(self) -> float:
        return float(np.mean(np.abs(self._ratios - 1))) if len(self._ratios) else float("nan")

    @property
    def delta(self) -> float:
        ratios = self._ratios
        return float(np.mean(np.maximum(ratios, 1 / ratios) < _DELTA)) if len(ratios) else float("nan")

    @property
    def completeness(self) -> float:
        return len(self._ratios) / self._true if self._true else float("nan")


def _mesh_scores(model: Path, truth: dict[str, Any], alignment: Similarity) -> tuple[float, float]:
    vertices, faces = model_arrays(model)
    mesh = trimesh.Trimesh(alignment(vertices.astype(np.float64)), faces, process=False)
    samples, _ = trimesh.sample.sample_surface(mesh, _MESH_SAMPLES, seed=1)
    true = truth["points_origin"] + truth["points"].astype(np.float64) * truth["points_step"]
    to_true, _ = cKDTree(true).query(samples, distance_upper_bound=NEAR)
    right = np.isfinite(to_true) | _on_room(np.asarray(samples), truth["room_size"])
    to_ours, _ = cKDTree(samples).query(true, distance_upper_bound=NEAR)
    return float(right.mean()), float(np.isfinite(to_ours).mean())


def _on_room(points: Float64, size: Float64) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(P,) whether points lie on the bare room: a box of (width, depth, height) on the middle of its floor."""
    width, depth, height = size
    outwards = [np.abs(points[:, 0]) - width / 2, np.abs(points[:, 2]) - depth / 2]
    upwards = [-points[:, 1], points[:, 1] - height]
    nearest: np.ndarray[Any, np.dtype[np.bool_]] = np.abs(np.max([*outwards, *upwards], axis=0)) < NEAR
    return nearest

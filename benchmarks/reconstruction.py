"""The main job: the sample clip, what each stage costs, and how far the model is from the truth.

There is no plain way of doing this to compare with, except for the files: before, the model as a plain GLB; after, the
same surface with meshopt compression, which the page loads. And depth: before, base64 of float32; after, sprites.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.processes import ROOT
from benchmarks.report import Facts, Promise, Report, Row
from garaza.reconstruction.evaluate import Evaluation, evaluate_directory
from garaza.reconstruction.isolated import reconstruct_isolated
from garaza.reconstruction.options import Options
from garaza.reconstruction.quality import Quality
from garaza.reconstruction.result import Result

_CLIP = ROOT / "samples" / "living-room.mp4"
_TRUTH = ROOT / "samples" / "living-room.truth.npz"
_REGISTERED = 0.9
_PATH_ERROR_M = 0.05
_FRAME_PIXELS = 480 * 360
_FRAME_KIB = 15
"""Of coarse depth, for each `_FRAME_PIXELS` at standard quality: smaller pictures show more of a room in a pixel."""


def run(*, quick: bool, place: Path) -> Report:
    """See the module. There is nothing smaller to measure: `quick` is the caller's business."""
    del quick
    out = place / "result"
    result = reconstruct_isolated(_CLIP, out, Options(quality=Quality.STANDARD))
    evaluation = evaluate_directory(out, _TRUTH)
    sizes = {file.path: file.size_bytes for file in result.files}
    rows = [
        Row(
            f"{model.level} model, {model.faces:,} faces",
            sizes[model.path] / 1e6,
            sizes[model.meshopt_path] / 1e6,
            "MB",
        )
        for model in result.models
    ]
    plain, coarse, fine = _depth(out)
    rows.append(Row("coarse depth (to 1 cm), for each 480×360 pixels", plain, coarse, "KiB"))
    rows.append(Row("fine depth (to 2.5 mm), for each 480×360 pixels", plain, fine, "KiB"))
    full = next(row for row in rows if row.what.startswith("full"))
    return Report(
        measured=f"{_CLIP.name}, standard quality: files plain and compact, costs by stage, errors against the truth",
        rows=rows,
        promises=[
            Promise(
                f"{_REGISTERED:.0%} of the keyframes are registered, the path to {100 * _PATH_ERROR_M:.0f} cm",
                _is_true(evaluation),
            ),
            Promise("meshopt halves the full model", full.after <= full.before / 2),
            Promise(f"coarse depth at standard quality has at most {_FRAME_KIB} KiB", coarse <= _FRAME_KIB),
        ],
        facts=[_stages(result), Facts("Errors", ["", "against the truth"], [list(row) for row in evaluation.rows()])],
    )


def _is_true(evaluation: Evaluation) -> bool:
    share = evaluation.registered / evaluation.keyframes
    return share >= _REGISTERED and evaluation.ate_rmse_m <= _PATH_ERROR_M


def _depth(out: Path) -> tuple[float, float, float]:
    """KiB for each `_FRAME_PIXELS`: base64 of float32, coarse and fine sprites."""
    manifest = json.loads((out / "depth" / "manifest.json").read_text(encoding="utf-8"))
    frames = sum(sprite["frames"] for sprite in manifest["sprites"])
    pixels = frames * manifest["frame_width"] * manifest["frame_height"]

    def kib(kind: str) -> float:
        size = sum((out / "depth" / sprite[kind]).stat().st_size for sprite in manifest["sprites"])
        return size / pixels * _FRAME_PIXELS / 1024

    return _FRAME_PIXELS * 4 * 4 / 3 / 1024, kib("coarse"), kib("fine")


def _stages(result: Result) -> Facts:
    costs = result.stages
    table = [[c.stage.value, f"{c.seconds:.1f}", f"{c.cpu_seconds:.1f}", _mb(c.peak_rss_bytes)] for c in costs]
    seconds, cpu_seconds = sum(cost.seconds for cost in costs), sum(cost.cpu_seconds for cost in costs)
    peak = max(cost.peak_rss_bytes for cost in costs)
    table.append(["all", f"{seconds:.1f}", f"{cpu_seconds:.1f}", _mb(peak)])
    return Facts("Costs", ["stage", "seconds", "CPU seconds", "peak RSS, MB"], table)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f}"

"""`report.html`: what came out and what it cost, in one file that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
import re
from pathlib import Path
from string import Template

import cv2
import numpy as np
from PIL import Image

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.plan import plan_svg
from garaza.reconstruction.prediction import Prediction, UInt8
from garaza.reconstruction.result import Result

_STRIP_FRAMES = 6
_STRIP_WIDTH = 320
_SCALE_LINE = re.compile(r'(<p id="scale">).*?(</p>)', re.DOTALL)


def write_report(path: Path, result: Result, folder: Path, prediction: Prediction) -> None:
    """Write the report of a result whose other files are in `folder`."""
    template = Template(Path(__file__).with_name("report.html.template").read_text(encoding="utf-8"))
    registered = len(result.frames)
    full = next(model for model in result.models if model.level == "full")
    text = template.substitute(
        poster=data_uri((folder / "poster.jpg").read_bytes()),
        scale=scale_sentence(result.scale),
        headline=_figures(
            {
                "pictures used": f"{registered} of {result.keyframes}",
                "points": f"{result.points:,}",
                "faces": f"{full.faces:,}",
                "seconds": f"{sum(cost.seconds for cost in result.stages):.0f}",
            },
        ),
        warnings="".join(f"<li>{html.escape(warning)}</li>" for warning in result.warnings),
        plan=plan_svg(prediction),
        strip=_strip(prediction),
        stages="".join(
            f"<tr><td>{cost.stage.value}</td><td>{cost.seconds:.1f}</td><td>{cost.cpu_seconds:.1f}</td>"
            f"<td>{cost.peak_rss_bytes / 1e6:,.0f}</td></tr>"
            for cost in result.stages
        ),
        files="".join(_file_row(folder, file) for file in sorted(folder.rglob("*")) if file.is_file()),
        source=html.escape(
            f"{result.source.width} × {result.source.height}, {result.source.codec}"
            + (f", {result.source.duration_s:.1f} s" if result.source.duration_s else ""),
        ),
        engine=html.escape(f"{result.engine}, {result.quality}"),
    )
    path.write_text(text, encoding="utf-8")


def rescale_report(source: Path, target: Path, scale: Scale) -> None:
    """Copy a report with what it says of the scale made new."""
    text = source.read_text(encoding="utf-8")
    text = _SCALE_LINE.sub(lambda found: found[1] + scale_sentence(scale) + found[2], text)
    target.write_text(text, encoding="utf-8")


def scale_sentence(scale: Scale) -> str:
    """What the scale is and how far it is to be trusted, as HTML."""
    percent = f"± {100 * scale.uncertainty:.0f} %"
    if scale.metric:
        return f"<strong>Metric.</strong> Lengths in the model are true, {percent}: a length in it was measured."
    source = scale.source.replace("_", " ").replace("assumed", "an assumed")
    return (
        f"<strong>Estimated.</strong> Lengths in the model come from {html.escape(source)}, {percent}. "
        "Tell Garaza one length that you know, and they become exact."
    )


def data_uri(jpeg: bytes) -> str:
    """A JPEG inside an address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _figures(figures: dict[str, str]) -> str:
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())


def _file_row(folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return f"<tr><td>{html.escape(name)}</td><td>{path.stat().st_size / 1e6:,.2f}</td></tr>"


def _strip(prediction: Prediction) -> str:
    """Some frames, each above its depth: near is warm, far is cold, unknown is dark."""
    count = len(prediction.images)
    rows = []
    for row in np.unique(np.linspace(0, count - 1, min(_STRIP_FRAMES, count)).astype(int)):
        image = prediction.images[row]
        height = round(_STRIP_WIDTH * image.shape[0] / image.shape[1])
        small = cv2.resize(image, (_STRIP_WIDTH, height), interpolation=cv2.INTER_AREA)
        depth = cv2.resize(prediction.depth[row], (_STRIP_WIDTH, height), interpolation=cv2.INTER_NEAREST)
        pair = np.concatenate([small, coloured_depth(depth.astype(np.float32))])
        rows.append(f'<img alt="A frame and its depth" src="{data_uri(_jpeg(pair.astype(np.uint8)))}">')
    return "".join(rows)


def coloured_depth(depth: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> UInt8:
    """(h, w, 3) depth for the eye, on a scale of inverse depth; black where unknown."""
    known = depth > 0
    if not known.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    inverse = np.where(known, 1 / np.maximum(depth, 1e-6), 0)
    low, high = np.percentile(inverse[known], [1, 99])
    grey = np.clip((inverse - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    colours[~known] = 24
    result: UInt8 = colours.astype(np.uint8)
    return result


def _jpeg(picture: UInt8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=78, optimize=True)
    return buffer.getvalue()

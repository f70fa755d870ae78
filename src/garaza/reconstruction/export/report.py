"""`report.html`: what came out and what it cost, in one file that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
import re
from pathlib import Path
from string import Template

from PIL import Image

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.pictures import Pictures
from garaza.reconstruction.export.plan import bar_svg, plan_svg
from garaza.reconstruction.frames import SourceInfo
from garaza.reconstruction.prediction import Prediction, UInt8
from garaza.reconstruction.result import Result

SCALE_WARNINGS = ("The size is", "The known length")
"""What warnings of the scale begin with: another scale makes them untrue."""
# What depends on the scale stands between comments, so that a length which becomes known later needs no new pictures.
_SIZE = re.compile(r"(<!--size ([\d.]+) ([\d.]+) ([\d.]+)-->).*?(<!--/size-->)", re.DOTALL)
_SCALE = re.compile(r"(<!--scale-->).*?(<!--/scale-->)", re.DOTALL)
_BAR = re.compile(r"(<!--bar (\d+) (\d+) ([\d.]+)-->).*?(<!--/bar-->)", re.DOTALL)
_ERRORS = re.compile(r"(<!--errors-->).*?(<!--/errors-->)", re.DOTALL)
_SOURCES = {
    "assumed_camera_height": "the phone is held about 1.45 m above the floor, as most people do",
    "assumed_room_height": "the phone is held about 1.45 m above the floor, and the ceiling is at about 2.55 m",
    "assumed_distance": "things are filmed from little more than a metre away; no floor was recognised to go by",
}


def write_report(path: Path, result: Result, folder: Path, prediction: Prediction, pictures: Pictures) -> None:
    """Write the report of a result whose other files are in `folder`."""
    template = Template(Path(__file__).with_name("report.html.template").read_text(encoding="utf-8"))
    full = next(model for model in result.models if model.level == "full")
    text = template.substitute(
        poster=data_uri((folder / "poster.jpg").read_bytes()),
        source=html.escape(_source_sentence(result.source)),
        engine=html.escape(f"{result.engine} engine, {result.quality} quality"),
        headline=_figures(
            {
                "pictures joined": f"{len(result.frames)} of {result.keyframes}",
                "faces": f"{full.faces:,}",
                "points": f"{result.points:,}",
                "time": _duration(sum(cost.seconds for cost in result.stages)),
            },
        ),
        size="<!--size {:.4f} {:.4f} {:.4f}--><!--/size-->".format(*pictures.extent),
        sides="".join(_image(picture, "The model from another side") for picture in pictures.sides),
        compared="".join(_comparison(*pair) for pair in pictures.compared),
        plan=_plan(pictures, prediction),
        stages=_stages(result),
        files="".join(_file_row(folder, file) for file in sorted(folder.rglob("*")) if file.is_file()),
    )
    path.write_text(_with_scale(text, result), encoding="utf-8")


def rescale_report(source: Path, target: Path, result: Result) -> None:
    """Copy a report with all that depends on the scale as it is in `result`."""
    target.write_text(_with_scale(source.read_text(encoding="utf-8"), result), encoding="utf-8")


def add_errors(path: Path, rows: list[tuple[str, str]]) -> None:
    """Put a table of errors against a known truth into a report that is there already."""
    cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows)
    section = f'<section><h2>Errors against the truth</h2><div class="card"><table>{cells}</table></div></section>'
    text = _ERRORS.sub(lambda found: found[1] + section + found[2], path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


def _with_scale(text: str, result: Result) -> str:
    metres = result.scale.metres_per_unit
    about = "" if result.scale.metric else "about "

    def size(found: re.Match[str]) -> str:
        x, y, z = (float(found[axis]) * metres for axis in (2, 3, 4))
        figure = f"<div><dt>size</dt><dd>{about}{max(x, z):.1f} × {min(x, z):.1f} m, {y:.1f} m high</dd></div>"
        return found[1] + figure + found[5]

    def bar(found: re.Match[str]) -> str:
        return found[1] + bar_svg(int(found[2]), int(found[3]), float(found[4]) / metres) + found[5]

    warnings = [text for text in result.warnings if result.scale.metric or not text.startswith(SCALE_WARNINGS[0])]
    notes = "".join(f"<li>{html.escape(warning)}</li>" for warning in warnings)
    block = f"<p>{scale_sentence(result.scale)}</p>" + (f"<ul>{notes}</ul>" if notes else "")
    text = _SIZE.sub(size, text)
    text = _BAR.sub(bar, text)
    return _SCALE.sub(lambda found: found[1] + block + found[2], text)


def scale_sentence(scale: Scale) -> str:
    """What the scale is and how far it is to be trusted, as HTML."""
    percent = f"± {100 * scale.uncertainty:.0f} %"
    if scale.metric:
        why = "the engine measures in metres" if scale.source == "engine" else "one length in it was measured"
        return f'<strong class="good">Metric.</strong> Lengths in this model are true, {percent}: {why}.'
    why = _SOURCES.get(scale.source, scale.source.replace("_", " "))
    return (
        f'<strong class="guess">Estimated, {percent}.</strong> Nothing in the pictures says how large things are. '
        f"Garaza supposes that {html.escape(why)}. Tell it one length that you know, and the model becomes metric."
    )


def data_uri(jpeg: bytes) -> str:
    """A JPEG inside an address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _source_sentence(source: SourceInfo) -> str:
    size = f"{source.width} × {source.height}"
    if source.kind == "photos":
        return f"{source.frame_count} photos of {size}"
    return f"{source.duration_s:.1f} seconds of video, {size}, {source.codec.upper()}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _figures(figures: dict[str, str]) -> str:
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())


def _image(picture: UInt8, name: str) -> str:
    height, width = picture.shape[:2]
    return f'<img alt="{name}" width="{width}" height="{height}" src="{data_uri(_jpeg(picture))}">'


def _comparison(frame: UInt8, model: UInt8, depth: UInt8) -> str:
    return (
        f"<figure>{_image(frame, 'A frame of the source')}{_image(model, 'The model from the same place')}"
        f"{_image(depth, 'Its depth')}</figure>"
    )


def _plan(pictures: Pictures, prediction: Prediction) -> str:
    height, width = pictures.plan.picture.shape[:2]
    bar = f"<!--bar {width} {height} {pictures.plan.pixels_per_unit:.4f}--><!--/bar-->"
    return plan_svg(pictures.plan, data_uri(_jpeg(pictures.plan.picture)), prediction, bar)


def _stages(result: Result) -> str:
    whole = max(sum(cost.seconds for cost in result.stages), 1e-9)
    rows = [
        f"<tr><td>{cost.stage.value}</td>"
        f'<td class="share"><i style="width:{100 * cost.seconds / whole:.1f}%"></i></td>'
        f"<td>{cost.seconds:.1f}</td><td>{cost.cpu_seconds:.1f}</td><td>{cost.peak_rss_bytes / 1e6:,.0f}</td></tr>"
        for cost in result.stages
    ]
    cpu = sum(cost.cpu_seconds for cost in result.stages)
    most = max((cost.peak_rss_bytes for cost in result.stages), default=0) / 1e6
    total = f"<tr><th>together</th><td></td><td>{whole:.1f}</td><td>{cpu:.1f}</td><td>{most:,.0f}</td></tr>"
    return "".join(rows) + total


def _file_row(folder: Path, path: Path) -> str:
    name, size = path.relative_to(folder).as_posix(), path.stat().st_size
    shown = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
    return f"<tr><td>{html.escape(name)}</td><td>{shown}</td></tr>"


def _jpeg(picture: UInt8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=80, optimize=True)
    return buffer.getvalue()

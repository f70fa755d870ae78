"""A whole result as it is handed out, and the same with another scale."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.folder import Finished, write_folder
from garaza.reconstruction.export.ply import read_ply
from garaza.reconstruction.export.report import add_errors
from garaza.reconstruction.frames import Keyframes, SourceInfo
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Cancelled, Monitor, Stage
from garaza.reconstruction.rescale import rescale
from garaza.reconstruction.result import Result
from garaza.reconstruction.surface.mesh import TexturedMesh

ESTIMATED = Scale(False, 1.0, "assumed_camera_height", 0.16)
METRIC = Scale(True, 2.0, "known_length", 0.02)
WARNINGS = ["The size is an estimate, good to about 16 %.", "No floor <b>was</b> recognised."]


@pytest.fixture(scope="module")
def finished(room: TexturedMesh, prediction: Prediction) -> Finished:
    keyframes = Keyframes(
        images=prediction.images,
        source_indices=np.arange(5) * 7,
        times=np.arange(5) * 0.25,
        source=SourceInfo("video", 96, 72, 12.5, 28.0, 350, "hevc"),
    )
    return Finished(
        "standard", keyframes, prediction, ESTIMATED, True, dict.fromkeys(("full", "medium", "preview"), room), WARNINGS
    )


@pytest.fixture(scope="module")
def folder(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("result")
    monitor = Monitor()
    with monitor.stage(Stage.DEPTH, "as if"):
        pass
    write_folder(folder, finished, monitor)
    return folder


def test_everything_promised_is_there(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    models = {
        f"{name}{kind}" for name in ("model", "model_medium", "model_preview") for kind in (".glb", ".meshopt.glb")
    }
    depth = {f"depth/{name}" for name in ("manifest.json", "depth.npz", "coarse-0.webp", "fine-0.webp")}
    others = {"points.ply", "cameras.json", "poster.jpg", "thumbnail.jpg", "report.html", "result.json"}
    assert names == models | depth | others


def test_the_result_lists_each_file_as_it_is(folder: Path) -> None:
    result = Result.read(folder)
    listed = {file.path: file for file in result.files}
    assert set(listed) == {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "result.json"
    }
    for name, file in listed.items():
        content = (folder / name).read_bytes()
        assert file.size_bytes == len(content)
        assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert listed["model.glb"].media_type == "model/gltf-binary"
    assert [frame.source_index for frame in result.frames] == [0, 7, 14, 21, 28]
    assert [cost.stage for cost in result.stages] == [Stage.DEPTH, Stage.EXPORT]


def test_pictures_have_their_sizes(folder: Path) -> None:
    for name, size in (("poster.jpg", (1280, 800)), ("thumbnail.jpg", (480, 300))):
        with Image.open(folder / name) as picture:
            assert picture.size == size


def test_stopping_stops(finished: Finished, tmp_path: Path) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 20

    with pytest.raises(Cancelled):
        write_folder(tmp_path, finished, Monitor(cancelled=cancelled))
    assert not (tmp_path / "result.json").exists()


class Page(HTMLParser):
    """What a page would load, and what it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "data", "srcset"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data + " "


def read_page(folder: Path) -> Page:
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.open == []
    page.text = " ".join(page.text.split())
    return page


def test_the_report_needs_nothing_else(folder: Path) -> None:
    page = read_page(folder)
    assert len(page.addresses) > 10
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert "script" not in page.tags
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text
    assert (folder / "report.html").stat().st_size < 1_500_000
    assert not re.search(r"\$\w", page.text)


def test_the_report_says_what_was_made(folder: Path) -> None:
    text = read_page(folder).text
    assert "12.5 seconds of video, 96 × 72, HEVC" in text
    assert "pictures joined 5 of 5" in text
    assert "faces 768" in text
    assert re.search(r"size about (3.9|4.0) × (2.9|3.0) m, 2.4 m high", text)
    assert "model.meshopt.glb" in text
    # Warnings are text, whatever is in them.
    assert "No floor <b>was</b> recognised." in text


def test_an_estimated_scale_is_called_so_once(folder: Path) -> None:
    text = read_page(folder).text
    assert "Estimated, ± 16 %." in text
    assert "Metric." not in text
    assert "The size is an estimate" not in text


@pytest.fixture(scope="module")
def rescaled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rescaled") / "out"
    rescale(folder, out, METRIC)
    return out


def test_a_known_length_makes_models_and_points_metric(folder: Path, rescaled: Path, read_model: Any) -> None:
    for name in ("model.glb", "model.meshopt.glb", "model_preview.glb"):
        before, after = read_model(folder / name), read_model(rescaled / name)
        np.testing.assert_allclose(after.vertices, before.vertices * 2, rtol=1e-6)
    np.testing.assert_allclose(read_ply(rescaled / "points.ply")[0], read_ply(folder / "points.ply")[0] * 2, rtol=1e-6)
    for name in ("cameras.json", "depth/depth.npz", "depth/fine-0.webp", "poster.jpg"):
        assert (rescaled / name).read_bytes() == (folder / name).read_bytes()


def test_a_rescaled_result_says_so_everywhere(folder: Path, rescaled: Path) -> None:
    result = Result.read(rescaled)
    assert result.scale == METRIC
    assert result.warnings == WARNINGS[1:]
    for file in result.files:
        assert hashlib.sha256((rescaled / file.path).read_bytes()).hexdigest() == file.sha256
    text = read_page(rescaled).text
    assert "Metric. Lengths in this model are true, ± 2 %" in text
    assert "stimate" not in text
    assert re.search(r"size (7.8|7.9|8.0) × (5.8|5.9|6.0) m, 4.[78] m high", text)
    assert "No floor <b>was</b> recognised." in text
    assert Result.read(folder).scale == ESTIMATED


def test_the_plan_s_bar_follows_the_scale(folder: Path, rescaled: Path) -> None:
    def pixels_per_metre(path: Path) -> float:
        text = (path / "report.html").read_text(encoding="utf-8")
        found = re.search(r'class="bar"><path d="M8 \d+v8h([\d.]+)v-8"/><text [^>]*>([\d.]+) (m|cm)<', text)
        assert found
        return float(found[1]) / float(found[2]) * (100 if found[3] == "cm" else 1)

    assert pixels_per_metre(rescaled) == pytest.approx(pixels_per_metre(folder) / 2, rel=0.01)


def test_scales_do_not_pile_up(folder: Path, rescaled: Path, tmp_path: Path, read_model: Any) -> None:
    """A second length replaces the first, also in place."""
    rescale(rescaled, tmp_path / "out", dataclasses.replace(METRIC, metres_per_unit=4.0))
    rescale(tmp_path / "out", tmp_path / "out", dataclasses.replace(METRIC, metres_per_unit=0.5))
    before, after = read_model(folder / "model.meshopt.glb"), read_model(tmp_path / "out" / "model.meshopt.glb")
    np.testing.assert_allclose(after.vertices, before.vertices / 2, rtol=1e-6)
    assert after.document["asset"]["extras"] == {"metres_per_unit": 0.5}
    assert Result.read(tmp_path / "out").scale.metres_per_unit == 0.5
    assert read_page(tmp_path / "out").text.count("Metric.") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_errors_can_be_added_to_a_report(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes((folder / "report.html").read_bytes())
    add_errors(tmp_path / "report.html", [("camera path", "0.9 cm <RMSE>")])
    add_errors(tmp_path / "report.html", [("camera path", "0.8 cm <RMSE>")])
    text = read_page(tmp_path).text
    assert "camera path 0.8 cm <RMSE>" in text
    assert "0.9 cm" not in text

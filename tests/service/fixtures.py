"""Servers for tests: one shared by those that only talk to it, own ones for those that kill it.

Each folder whose tests need them names them in its conftest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from garaza.reconstruction.cameras.scale import Scale
from garaza.reconstruction.export.folder import Finished, write_folder
from garaza.reconstruction.frames import Keyframes, SourceInfo
from garaza.reconstruction.prediction import Prediction
from garaza.reconstruction.progress import Monitor
from garaza.reconstruction.surface.mesh import TexturedMesh
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres
from tests.service import clips
from tests.service.harness import Server

__all__ = ["clip", "new_database", "postgres", "server", "start_server", "template"]

StartServer = Callable[..., Server]
NewDatabase = Callable[[], dict[str, str]]


@pytest.fixture(scope="session")
def clip() -> bytes:
    return clips.video()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder as the real exporter writes it, of a bare box of a room."""
    folder = tmp_path_factory.mktemp("template")
    random = np.random.default_rng(7)
    count = 3
    extrinsics = np.zeros((count, 3, 4))
    # Looking along -z, upright, from 1.5 m above the floor.
    extrinsics[:] = np.array([[1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, -1, 0]])
    extrinsics[:, 0, 3] = -0.1 * np.arange(count)
    prediction = Prediction(
        engine="geometric",
        frame_indices=np.arange(count),
        images=random.integers(0, 255, (count, 48, 64, 3), np.uint8),
        intrinsics=np.broadcast_to(np.array([[50.0, 0, 31.5], [0, 50, 23.5], [0, 0, 1]]), (count, 3, 3)).copy(),
        extrinsics=extrinsics,
        depth=random.uniform(1, 2, (count, 24, 32)).astype(np.float32),
        confidence=random.uniform(0, 1, (count, 24, 32)).astype(np.float32),
        points=np.zeros((0, 3), np.float32),
        point_colours=np.zeros((0, 3), np.uint8),
    )
    keyframes = Keyframes(
        source=SourceInfo("video", 320, 240, 2.0, 15.0, 30, "h264"),
        images=prediction.images,
        source_indices=np.array([0, 10, 20]),
        times=np.array([0.0, 0.7, 1.4]),
    )
    scale = Scale(metric=False, metres_per_unit=1.0, source="assumed_camera_height", uncertainty=0.15)
    box = _box()
    models = {"full": box, "medium": box, "preview": box}
    finished = Finished("draft", keyframes, prediction, scale, floor_found=True, models=models, warnings=[])
    write_folder(folder, finished, Monitor())
    return folder


def _box() -> TexturedMesh:
    corners = np.array([[x, y, z] for x in (-2, 2) for y in (0, 2.5) for z in (-2, 2)], np.float32)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    vertices = corners[np.array(quads).reshape(-1)]
    faces = np.concatenate([[[4 * q, 4 * q + 1, 4 * q + 2], [4 * q, 4 * q + 2, 4 * q + 3]] for q in range(6)])
    normals = np.repeat(
        np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32), 4, axis=0
    )
    uvs = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (6, 1))
    texture = np.full((64, 64, 3), 180, np.uint8)
    return TexturedMesh(vertices, faces.astype(np.int32), normals, uvs, texture)


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Settings of an empty database: a file, or with GARAZA_TEST_DATABASE=postgresql one of a real server."""
    if os.environ.get("GARAZA_TEST_DATABASE") != "postgresql":
        return dict
    postgres: Postgres = request.getfixturevalue("postgres")
    return lambda: {"GARAZA_DATABASE__URL": postgres.new_database()}


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, template: Path, clip: bytes, new_database: NewDatabase
) -> Iterator[Server]:
    """Shared: leave it as you found it."""
    place = tmp_path_factory.mktemp("shared")
    shared = Server(
        place / "data",
        place / "control",
        template,
        clip,
        GARAZA_UPLOADS__MAX_BYTES="400000",
        GARAZA_JOBS__MAX_ATTEMPTS="3",
        **new_database(),
    )
    yield shared
    assert shared.stop() == 0


@pytest.fixture
def start_server(tmp_path: Path, template: Path, clip: bytes, new_database: NewDatabase) -> Iterator[StartServer]:
    """Starts one of your own; give settings as environment variables."""
    started: list[Server] = []
    database = new_database()

    def start(**settings: str) -> Server:
        started.append(Server(tmp_path / "data", tmp_path / "control", template, clip, **{**database, **settings}))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.stop()

"""The models that are handed out, read back by a reader that shares nothing with the writer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from garaza.reconstruction.export.glb import model_arrays, read_chunks, rescale_glb, write_glb
from garaza.reconstruction.export.meshopt_glb import POSITION_BITS, write_meshopt_glb
from garaza.reconstruction.surface.mesh import TexturedMesh

WRITERS = pytest.mark.parametrize("write", [write_glb, write_meshopt_glb])


def test_a_plain_model_comes_back_as_it_was(tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    write_glb(tmp_path / "m.glb", room)
    model = read_model(tmp_path / "m.glb")
    np.testing.assert_array_equal(model.vertices.astype(np.float32), room.vertices)
    np.testing.assert_array_equal(model.uvs.astype(np.float32), room.uvs)
    np.testing.assert_array_equal(model.faces, room.faces)
    np.testing.assert_array_equal(model.normals, room.normals)
    assert np.abs(model.texture.astype(int) - room.texture).mean() < 3


def test_a_plain_model_asks_nothing_of_its_viewer(tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    write_glb(tmp_path / "m.glb", room)
    document = read_model(tmp_path / "m.glb").document
    assert "extensionsRequired" not in document
    assert {image["mimeType"] for image in document["images"]} <= {"image/jpeg", "image/png"}
    assert not document["materials"][0].get("doubleSided", False)


def test_a_compressed_model_is_the_same_surface(tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    write_glb(tmp_path / "plain.glb", room, metres_per_unit=1.7)
    write_meshopt_glb(tmp_path / "small.glb", room, metres_per_unit=1.7)
    plain, small = read_model(tmp_path / "plain.glb"), read_model(tmp_path / "small.glb")
    assert len(small.faces) == len(plain.faces)
    difference = np.abs(small.corners() - plain.corners())
    half_a_step = 4.0 * 1.7 / (2**POSITION_BITS - 1) / 2
    assert difference[..., :3].max() < half_a_step * 1.01
    assert difference[..., 3:].max() < 1e-4
    assert np.abs(small.texture.astype(int) - room.texture).mean() < 6
    assert set(small.document["extensionsRequired"]) <= set(small.document["extensionsUsed"])


def test_compression_leaves_out_vertices_that_no_face_has(tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    half = dataclasses.replace(room, faces=room.faces[len(room.faces) // 2 :])
    write_meshopt_glb(tmp_path / "m.glb", half)
    write_glb(tmp_path / "plain.glb", half)
    model = read_model(tmp_path / "m.glb")
    assert len(model.vertices) == len(np.unique(half.faces))
    np.testing.assert_allclose(model.corners(), read_model(tmp_path / "plain.glb").corners(), atol=2e-4)


@WRITERS
def test_faces_stay_turned_towards_the_room(write: Any, tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    write(tmp_path / "m.glb", room)
    model = read_model(tmp_path / "m.glb")
    a, b, c = (model.vertices[model.faces[:, corner]] for corner in range(3))
    inside = np.array([0, 1.2, 0])
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), inside - a) > 0).all()


@WRITERS
def test_the_root_node_carries_the_scale(write: Any, tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    write(tmp_path / "m.glb", room, metres_per_unit=0.5)
    model = read_model(tmp_path / "m.glb")
    np.testing.assert_allclose(np.ptp(model.vertices, axis=0), [2.0, 1.2, 1.5], atol=1e-3)
    assert model.document["asset"]["extras"] == {"metres_per_unit": 0.5}


@WRITERS
def test_rescaling_changes_nothing_but_the_root_node(
    write: Any, tmp_path: Path, room: TexturedMesh, read_model: Any
) -> None:
    old, new = tmp_path / "old.glb", tmp_path / "new.glb"
    write(old, room, metres_per_unit=0.5)
    rescale_glb(old, new, 3.0, 1.5)
    before, after = read_chunks(old), read_chunks(new)
    assert before[1] == after[1]
    assert {key for key in before[0] if before[0][key] != after[0][key]} == {"nodes", "asset"}
    np.testing.assert_allclose(read_model(new).vertices, read_model(old).vertices * 3, rtol=1e-6)
    assert after[0]["asset"]["extras"] == {"metres_per_unit": 1.5}


@pytest.mark.parametrize(("count", "component"), [(65_535, 5123), (65_536, 5125)])
def test_indices_are_as_short_as_they_can_be(
    count: int, component: int, tmp_path: Path, room: TexturedMesh, read_model: Any
) -> None:
    # 65,535 is not to be used as an index: it restarts primitives.
    repeated = np.arange(count) % len(room.vertices)
    faces = np.concatenate([room.faces, [[count - 3, count - 2, count - 1]]]).astype(np.int32)
    large = TexturedMesh(room.vertices[repeated], faces, room.normals[repeated], room.uvs[repeated], room.texture)
    write_glb(tmp_path / "m.glb", large)
    model = read_model(tmp_path / "m.glb")
    np.testing.assert_array_equal(model.faces, faces)
    assert model.document["accessors"][3]["componentType"] == component


def test_vertices_without_a_normal_get_one(tmp_path: Path, room: TexturedMesh, read_model: Any) -> None:
    normals = room.normals.copy()
    normals[:100] = 0
    normals[100] *= 3
    alone = len(room.vertices)
    bare = dataclasses.replace(
        room,
        vertices=np.concatenate([room.vertices, room.vertices[:1]]),
        uvs=np.concatenate([room.uvs, room.uvs[:1]]),
        normals=np.concatenate([normals, [[0, 0, 0]]]).astype(np.float32),
        faces=np.concatenate([room.faces, [[alone, alone, alone]]]).astype(np.int32),
    )
    write_glb(tmp_path / "m.glb", bare)
    found = read_model(tmp_path / "m.glb").normals
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:alone], room.normals, atol=1e-6)


def test_numbers_that_are_none_are_never_written(tmp_path: Path, room: TexturedMesh) -> None:
    vertices = room.vertices.copy()
    vertices[7, 1] = np.nan
    with pytest.raises(ValueError, match="JSON"):
        write_glb(tmp_path / "m.glb", dataclasses.replace(room, vertices=vertices))
    assert list(tmp_path.iterdir()) == []


def test_the_arrays_for_measuring_are_in_metres(tmp_path: Path, room: TexturedMesh) -> None:
    write_glb(tmp_path / "m.glb", room, metres_per_unit=2.0)
    vertices, faces = model_arrays(tmp_path / "m.glb")
    np.testing.assert_allclose(vertices, room.vertices * 2)
    np.testing.assert_array_equal(faces, room.faces)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "longer", "version"])
def test_what_is_no_model_is_refused(damage: str, tmp_path: Path, room: TexturedMesh) -> None:
    path = tmp_path / "m.glb"
    write_glb(path, room)
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "text": b"not a model, but long enough to be taken for one",
            "cut": content[:-200],
            "longer": content + b"more",
            "version": content[:4] + b"\1\0\0\0" + content[8:],
        }[damage],
    )
    with pytest.raises(ValueError, match=r"GLB|chunk"):
        read_chunks(path)

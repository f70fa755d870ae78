"""Walls and floors that were measured around a hole are whole; what somebody saw through stays open."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from garaza.reconstruction.surface.completion import complete_planes, taken_for_granted
from garaza.reconstruction.surface.mesh import Mesh
from garaza.reconstruction.surface.nets import extract
from garaza.reconstruction.surface.normals import face_normals_and_areas
from garaza.reconstruction.surface.planes import find_planes
from garaza.reconstruction.surface.volume import Volume

VOXEL = 0.04
TRUNCATION = 4 * VOXEL
WIDTH, HEIGHT, DEPTH = 3.0, 2.0, 2.6
WEIGHT = 1.0

Bool = NDArray[np.bool_]


def room() -> tuple[Volume, NDArray[np.float64]]:
    """Floor and two walls (x = 0 and z = 0) seen from inside, no ceiling; and the (X, Y, Z, 3) places of the voxels."""
    origin = np.full(3, -0.4)
    shape = np.ceil((np.array([WIDTH, HEIGHT, DEPTH]) + 0.8) / VOXEL).astype(int)
    places = origin + VOXEL * np.indices(shape).transpose(1, 2, 3, 0)
    distance = places.min(axis=-1)
    inside = (places <= [WIDTH, HEIGHT, DEPTH]).all(axis=-1)
    seen = inside & (distance > -TRUNCATION)
    volume = Volume(
        distance=np.clip(distance, -TRUNCATION, TRUNCATION).astype(np.float32),
        weight=np.where(seen, WEIGHT, 0).astype(np.float32),
        origin=origin,
        voxel_size=VOXEL,
        truncation=TRUNCATION,
    )
    return volume, places


def forget(volume: Volume, where: Bool) -> None:
    volume.weight[where] = 0


def within(places: NDArray[np.float64], low: tuple[float, ...], high: tuple[float, ...]) -> Bool:
    inside: Bool = ((places >= low) & (places <= high)).all(axis=-1)
    return inside


def completed(volume: Volume) -> tuple[Mesh, Bool]:
    """The surface afterwards, and which of its vertices are there by completion."""
    before = extract(volume, WEIGHT)
    planes = find_planes(before, tolerance=1.5 * VOXEL, min_area=0.4)
    written = complete_planes(volume, before, planes, WEIGHT)
    mesh = extract(volume, WEIGHT)
    return mesh, taken_for_granted(mesh, volume, planes, written)


def area(mesh: Mesh, low: tuple[float, ...], high: tuple[float, ...]) -> float:
    """Square metres of the faces whose middle lies within a box."""
    _, areas = face_normals_and_areas(mesh)
    return float(areas[within(mesh.vertices[mesh.faces].mean(axis=1), low, high)].sum())


FLOOR_HOLE = ((1.0, -0.1, 0.8), (2.0, 0.1, 1.8))


def test_a_hole_in_the_floor_is_closed_flat_and_granted() -> None:
    volume, places = room()
    forget(volume, within(places, (1.0, -1, 0.8), (2.0, 0.5, 1.8)))
    assert area(extract(volume, WEIGHT), *FLOOR_HOLE) == pytest.approx(0, abs=0.1)
    mesh, granted = completed(volume)
    assert area(mesh, *FLOOR_HOLE) == pytest.approx(1.0, abs=0.05)
    there = within(mesh.vertices.astype(np.float64), (1.1, -0.1, 0.9), (1.9, 0.1, 1.7))
    assert there.any()
    assert granted[there].all()
    np.testing.assert_allclose(mesh.vertices[there, 1], 0, atol=VOXEL / 4)


def test_what_was_measured_is_neither_moved_nor_granted() -> None:
    volume, places = room()
    forget(volume, within(places, (1.0, -1, 0.8), (2.0, 0.5, 1.8)))
    distance, weight = volume.distance.copy(), volume.weight.copy()
    mesh, granted = completed(volume)
    far = ~within(places, (0.8, -1, 0.6), (2.2, 0.7, 2.0)) & (weight > 0)
    np.testing.assert_array_equal(volume.distance[far], distance[far])
    there = within(mesh.vertices.astype(np.float64), (0.2, 0.2, -0.1), (2.8, 1.8, 0.1))
    assert there.sum() > 1000
    assert not granted[there].any()


def test_an_opening_that_somebody_saw_through_stays_open() -> None:
    """A door in the wall at z = 0: free space was measured in it and behind it."""
    volume, places = room()
    opening = within(places, (1.0, 0.2, -1), (1.8, 1.6, 0.1))
    volume.distance[opening] = TRUNCATION
    volume.weight[opening] = WEIGHT
    mesh, _ = completed(volume)
    assert area(mesh, (1.1, 0.3, -0.05), (1.7, 1.5, 0.05)) == 0


def test_a_corner_that_nobody_saw_is_closed_where_the_next_wall_begins() -> None:
    volume, places = room()
    forget(volume, within(places, (-1, -1, -1), (0.6, 0.6, 0.6)))
    mesh, _ = completed(volume)
    for low, high in (
        ((0.0, -0.1, 0.0), (0.6, 0.1, 0.6)),
        ((-0.1, 0.0, 0.0), (0.1, 0.6, 0.6)),
        ((0.0, 0.0, -0.1), (0.6, 0.6, 0.1)),
    ):
        assert area(mesh, low, high) > 0.3, "of 0.36 square metres"


def test_the_room_is_not_grown_past_what_was_seen() -> None:
    """Ragged borders are evened out; a metre of wall that nothing encloses is not made up."""
    volume, places = room()
    forget(volume, within(places, (1.2, 0.8, -1), (3.5, 3, 0.5)))
    mesh, _ = completed(volume)
    assert area(mesh, (1.8, 1.4, -0.2), (3.5, 3, 0.2)) == 0


def test_a_large_hole_in_a_thing_is_no_business_of_ours() -> None:
    """A platform in the room: its top is a plane, but the room goes on below it."""
    volume, places = room()
    top = 0.8
    platform = within(places, (1.2, -1, 1.0), (2.8, top + TRUNCATION, 2.4))
    height = (places[..., 1] - top).astype(np.float32)
    volume.distance[platform] = np.clip(height, -TRUNCATION, TRUNCATION)[platform]
    volume.weight[platform & (height < -TRUNCATION)] = 0
    hole = within(places, (1.5, top - 0.3, 1.2), (2.6, top + 0.3, 2.2))
    forget(volume, hole)
    mesh, _ = completed(volume)
    assert area(mesh, (1.6, top - 0.1, 1.3), (2.5, top + 0.1, 2.1)) == 0


def test_two_parallel_surfaces_are_two_planes() -> None:
    """A panel 10 cm before a wall: one plane between them would lie on neither."""
    volume, places = room()
    panel = within(places, (0.8, 0.4, -1), (2.2, 1.6, 0.1 + TRUNCATION))
    height = (places[..., 2] - 0.1).astype(np.float32)
    volume.distance[panel] = np.clip(height, -TRUNCATION, TRUNCATION)[panel]
    mesh, _ = completed(volume)
    # The wall behind the panel is made whole too. Where it ends below the panel faces away, which no view supports.
    normals, _ = face_normals_and_areas(mesh)
    mesh = Mesh(mesh.vertices, mesh.faces[normals[:, 2] > 0.5])
    assert area(mesh, (0.9, 0.5, 0.05), (2.1, 1.5, 0.15)) == pytest.approx(1.2, rel=0.1)
    assert area(mesh, (2.3, 0.1, -0.05), (2.9, 1.9, 0.05)) == pytest.approx(0.6 * 1.8, rel=0.1)

"""Pieces of furniture, each standing on the floor at the origin with its back to -z, so that it faces +z."""

from __future__ import annotations

import numpy as np

from tools.sample_room.patches import (
    Material,
    Patch,
    box,
    lathe,
    place,
    quad,
    rod,
    rotation_x,
    rotation_z,
    surface,
)


def cushion(size: float, material: Material, thickness: float = 0.16) -> list[Patch]:
    """A square pillow lying flat at the origin: thick in the middle, thin and a little drawn in at its seams."""
    n = 13
    s, t = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    full = ((1 - s**2) * (1 - t**2)) ** 0.42
    draw = 1 - 0.07 * (s**2 * t**2 * -1 + np.maximum(s**2, t**2) * (1 - np.minimum(s**2, t**2)))
    patches = []
    for side in (1, -1):
        points = np.stack([s * draw * size / 2, side * full * thickness / 2, t * draw * size / 2], axis=-1)
        uv = np.stack([s, t], axis=-1) * size / 2 / material.tile
        patches.append(surface(points, uv, material, outward=(0, side, 0), detail=1.2))
    return patches


def sofa(width: float, cloth: Material, legs: Material, cushions: list[Material]) -> list[Patch]:
    """With two or three seats, round arms and loose pillows."""
    depth, arm = 0.92, 0.2
    inner = width - 2 * arm
    parts = box((0, 0.24, 0), (width, 0.22, depth), cloth, radius=0.03, segments=2)
    parts += box((0, 0.58, -depth / 2 + 0.13), (width, 0.56, 0.24), cloth, radius=0.09, segments=3, steps=3)
    for side in (-1, 1):
        x = side * (width / 2 - arm / 2)
        parts += box((x, 0.42, 0.02), (arm, 0.42, depth - 0.04), cloth, radius=0.08, segments=3, steps=2)
        for z in (-0.36, 0.36):
            parts += rod((x, 0.13, z), (x * 1.0, 0.0, z), 0.025, legs, end_radius=0.015)
    seats = 3 if width > 2.05 else 2
    for number in range(seats):
        x = -inner / 2 + (number + 0.5) * inner / seats
        wide = inner / seats - 0.012
        parts += box((x, 0.42, 0.09), (wide, 0.16, 0.7), cloth, radius=0.055, segments=3, puff=0.02, steps=4)
        back = box((0, 0, 0), (wide, 0.42, 0.17), cloth, radius=0.07, segments=3, steps=3)
        parts += place(back, at=(x, 0.68, -0.17), rotation=rotation_x(-12))
    places = [(-inner / 2 + 0.22, 14), (inner / 2 - 0.22, -10), (inner / 2 - 0.55, 8), (-inner / 2 + 0.55, -6)]
    for (x, turn), material in zip(places, cushions, strict=False):
        lean = rotation_z(turn) @ rotation_x(66)
        parts += place(cushion(0.44, material), at=(x, 0.68, 0.02), rotation=lean)
    return parts


def armchair(cloth: Material, legs: Material, pillow: Material) -> list[Patch]:
    """On slender legs, with a leaning back."""
    parts = box((0, 0.36, 0.03), (0.66, 0.17, 0.62), cloth, radius=0.06, segments=3, puff=0.02, steps=3)
    back = box((0, 0, 0), (0.68, 0.62, 0.15), cloth, radius=0.07, segments=3, steps=3)
    parts += place(back, at=(0, 0.68, -0.31), rotation=rotation_x(-14))
    for side in (-1, 1):
        parts += box((side * 0.37, 0.47, 0.0), (0.1, 0.26, 0.64), cloth, radius=0.045, segments=2, steps=2)
        for z, out in ((-0.26, -0.05), (0.28, 0.04)):
            parts += rod((side * 0.3, 0.29, z), (side * 0.34, 0.0, z + out), 0.02, legs, end_radius=0.012)
    parts += place(cushion(0.38, pillow, 0.14), at=(0.04, 0.63, -0.13), rotation=rotation_z(-6) @ rotation_x(68))
    return parts


def table(size: tuple[float, float, float], top: Material, legs: Material, *, leg: float = 0.05) -> list[Patch]:
    """Four square legs under a board; size is width, depth, height."""
    width, depth, height = size
    parts = box((0, height - 0.02, 0), (width, 0.04, depth), top, radius=0.008, steps=2, detail=1.3)
    for x in (-1, 1):
        for z in (-1, 1):
            at = (x * (width / 2 - leg), (height - 0.04) / 2, z * (depth / 2 - leg))
            parts += box(at, (leg, height - 0.04, leg), legs, radius=0.004)
    return parts


def round_table(radius: float, height: float, top: Material, legs: Material) -> list[Patch]:
    """A disc on three splayed legs."""
    profile = [
        (0.001, height - 0.03),
        (radius - 0.01, height - 0.03),
        (radius, height - 0.015),
        (radius - 0.01, height),
    ]
    parts = lathe(profile, top, segments=32)
    n = 9
    r, a = np.meshgrid(np.linspace(0.002, radius - 0.01, n), np.linspace(0, 2 * np.pi, 33), indexing="ij")
    points = np.stack([r * np.sin(a), np.full_like(r, height), r * np.cos(a)], axis=-1)
    uv = points[..., [0, 2]] / top.tile
    parts.append(surface(points, uv, top, outward=(0, 1, 0), detail=1.3))
    for k in range(3):
        angle = 2 * np.pi * k / 3 + 0.4
        way = np.array([np.sin(angle), 0, np.cos(angle)])
        parts += rod(way * radius * 0.45 + [0, height - 0.03, 0], way * radius * 0.85, 0.018, legs, end_radius=0.012)
    return parts


def chair(wood: Material, seat: Material) -> list[Patch]:
    """A dining chair."""
    parts = box((0, 0.455, 0), (0.43, 0.05, 0.42), seat, radius=0.02, segments=2, steps=2)
    for x in (-0.19, 0.19):
        parts += rod((x, 0.43, 0.17), (x * 1.08, 0.0, 0.19), 0.017, wood)
        parts += rod((x * 0.95, 0.86, -0.24), (x * 1.05, 0.0, -0.19), 0.017, wood)
    curve = np.linspace(-1, 1, 9)
    for y, tall in ((0.78, 0.16),):
        s, t = np.meshgrid(curve, np.linspace(1, -1, 3))
        for side in (1, -1):
            z = -0.245 + 0.035 * s**2 - 0.02 * t + side * 0.009
            points = np.stack([s * 0.2, y + t * tall / 2, z], axis=-1)
            parts.append(surface(points, points[..., :2] / wood.tile, wood, outward=(0, 0, side)))
    return parts


def bookshelf(
    size: tuple[float, float, float],
    wood: Material,
    spines: list[Material],
    paper: Material,
    things: list[Material],
    rng: np.random.Generator,
) -> list[Patch]:
    """Back, boards, rows of books of differing height, some leaning, gaps with vases; size: width, depth, height."""
    width, depth, height = size
    board, boards = 0.025, max(3, round(height / 0.36))
    parts: list[Patch] = []
    for side in (-1, 1):
        parts += box((side * (width - board) / 2, height / 2, 0), (board, height, depth), wood, radius=0.003, steps=2)
    parts += box((0, height / 2, -depth / 2 + 0.006), (width - 2 * board, height, 0.012), wood, without=("back",))
    pitch = (height - board) / boards
    for level in range(boards + 1):
        y = board / 2 + level * pitch
        parts += box((0, y, 0.006), (width - 2 * board, board, depth - 0.012), wood, radius=0.002, steps=2)
        if level < boards:
            room = (-width / 2 + board + 0.01, width / 2 - board - 0.01, y + board / 2, pitch - board)
            parts += _shelf(room, depth, spines, paper, things, rng)
    return parts


def _shelf(
    room: tuple[float, float, float, float],
    depth: float,
    spines: list[Material],
    paper: Material,
    things: list[Material],
    rng: np.random.Generator,
) -> list[Patch]:
    x, end, floor, clear = room
    parts: list[Patch] = []
    while x < end - 0.06:
        if rng.uniform() < 0.16 and end - x > 0.2:
            thing = things[int(rng.integers(len(things)))]
            radius = float(rng.uniform(0.045, 0.07))
            parts += vase(
                radius, min(clear * 0.75, float(rng.uniform(0.14, 0.26))), thing, (x + radius + 0.02, floor, 0.02)
            )
            x += 2 * radius + 0.05
            continue
        for _ in range(int(rng.integers(3, 9))):
            thick, tall = float(rng.uniform(0.016, 0.045)), min(clear - 0.02, float(rng.uniform(0.19, 0.285)))
            deep = min(depth - 0.04, float(rng.uniform(0.15, 0.21)))
            if x + thick > end:
                break
            cover = spines[int(rng.integers(len(spines)))]
            centre = (x + thick / 2, floor + tall / 2, depth / 2 - 0.03 - deep / 2 - float(rng.uniform(0, 0.015)))
            parts += box(
                centre, (thick, tall, deep), cover, without=("back", "top", "bottom"), fit=("front",), detail=0.6
            )
            parts += box(
                centre,
                (thick - 0.004, tall - 0.006, deep - 0.004),
                paper,
                without=("back", "front", "left", "right", "bottom"),
                detail=0.5,
            )
            x += thick + 0.001
        x += float(rng.uniform(0.0, 0.05))
    return parts


def vase(radius: float, height: float, material: Material, at: tuple[float, float, float]) -> list[Patch]:
    """Turned, with a belly and a neck."""
    t = np.linspace(0, 1, 12)
    profile = np.stack(
        [radius * (0.55 + 0.45 * np.sin(np.pi * (0.12 + 0.8 * t)) ** 1.3) * (1 - 0.35 * t**3), height * t], axis=1
    )
    parts = lathe(profile, material, at=at, segments=20)
    return parts + lathe(profile * [0.92, 1.0], material, at=at, segments=20, inside=True)


def tv_board(width: float, wood: Material, front: Material, screen: Material, frame: Material) -> list[Patch]:
    """A low sideboard with three doors, and a television on it."""
    parts = box((0, 0.28, 0), (width, 0.4, 0.42), wood, radius=0.006, steps=2)
    for x in (-1, 0, 1):
        parts += box(
            (x * width / 3, 0.28, 0.216), (width / 3 - 0.012, 0.37, 0.014), front, radius=0.004, without=("back",)
        )
        parts += rod((x * width / 3 + width / 7, 0.40, 0.235), (x * width / 3 + width / 7, 0.30, 0.235), 0.006, frame)
    for x in (-1, 1):
        for z in (-0.15, 0.15):
            parts += rod((x * (width / 2 - 0.1), 0.09, z), (x * (width / 2 - 0.08), 0.0, z), 0.018, frame)
    parts += box((0, 0.90, -0.06), (1.12, 0.65, 0.035), frame, radius=0.008, without=("front",))
    parts.append(quad((-0.545, 1.21, -0.041), (1.09, 0, 0), (0, -0.62, 0), screen, detail=0.6))
    parts += box((0, 0.905, -0.045), (1.12, 0.66, 0.006), frame, radius=0.002)[:0]
    parts += box((0, 0.53, -0.06), (0.3, 0.1, 0.03), frame)
    return parts + box((0, 0.487, -0.04), (0.5, 0.014, 0.2), frame, radius=0.004)


def floor_lamp(height: float, metal: Material, shade: Material) -> list[Patch]:
    """A foot, a pole, and a drum shade that shines."""
    parts = lathe(
        [(0.001, 0.0), (0.15, 0.0), (0.15, 0.0), (0.15, 0.02), (0.15, 0.02), (0.001, 0.025)], metal, segments=24
    )
    parts += rod((0, 0.02, 0), (0, height - 0.1, 0), 0.011, metal)
    return parts + lathe([(0.21, height - 0.32), (0.16, height)], shade, segments=28)


def plant(
    rng: np.random.Generator, pot: Material, soil: Material, leaf: Material, stem: Material, height: float
) -> list[Patch]:
    """Large leaves on bent stalks, in a pot."""
    parts = lathe([(0.11, 0.0), (0.17, 0.3), (0.17, 0.3), (0.15, 0.3), (0.15, 0.3), (0.14, 0.24)], pot, segments=24)
    n = 5
    r, a = np.meshgrid(np.linspace(0.002, 0.15, n), np.linspace(0, 2 * np.pi, 21), indexing="ij")
    ground = np.stack([r * np.sin(a), np.full_like(r, 0.25), r * np.cos(a)], axis=-1)
    parts.append(surface(ground, ground[..., [0, 2]] / soil.tile, soil, outward=(0, 1, 0)))
    for number in range(15):
        turn = 2.4 * number + rng.uniform(-0.3, 0.3)
        lift = rng.uniform(0.35, 1.0)
        top = np.array(
            [np.sin(turn) * 0.3 * (1.3 - lift), 0.25 + (height - 0.25) * lift, np.cos(turn) * 0.3 * (1.3 - lift)]
        )
        parts += rod((0.03 * np.sin(turn), 0.25, 0.03 * np.cos(turn)), top, 0.006, stem, segments=5)
        parts += place(_leaf(rng, leaf), at=top, turn=np.degrees(turn), rotation=rotation_x(float(rng.uniform(-5, 40))))
    return parts


def _leaf(rng: np.random.Generator, material: Material) -> list[Patch]:
    """A bent blade from the origin along +z."""
    length, width = rng.uniform(0.26, 0.4), rng.uniform(0.07, 0.11)
    t, s = np.meshgrid(np.linspace(0.02, 0.99, 9), np.linspace(-1, 1, 5))
    half = width * np.sin(np.pi * t**0.8)
    points = np.stack([s * half, -0.35 * length * t**2 + 0.25 * half * s**2, t * length], axis=-1)
    uv = np.stack([t, s / 2 + 0.5], axis=-1)
    return [surface(points, uv, material, outward=(0, 1, 0), detail=1.0)]


def picture(width: float, height: float, canvas: Material, frame: Material) -> list[Patch]:
    """A framed picture whose back is at z = 0 and whose middle is the origin."""
    edge, deep = 0.025, 0.03
    parts = [quad((-width / 2, height / 2, deep * 0.6), (width, 0, 0), (0, -height, 0), canvas, fit=True, detail=0.8)]
    for side in (-1, 1):
        parts += box(
            (side * (width + edge) / 2, 0, deep / 2), (edge, height + 2 * edge, deep), frame, without=("back",)
        )
        parts += box((0, side * (height + edge) / 2, deep / 2), (width, edge, deep), frame, without=("back",))
    return parts


def curtain(width: float, height: float, material: Material, folds: int) -> list[Patch]:
    """Hanging from y = height down to just above the floor, in folds; its middle is at the origin."""
    s, t = np.meshgrid(np.linspace(-0.5, 0.5, 10 * folds + 1), np.linspace(1, 0.01, 12))
    phase = 2 * np.pi * folds * (s + 0.012 * np.sin(5 * t))
    points = np.stack([s * width, t * height, (0.035 + 0.02 * (1 - t)) * np.sin(phase)], axis=-1)
    uv = np.stack([s * width * 1.8, t * height], axis=-1) / material.tile
    return [surface(points, uv, material, outward=(0, 0, 1), detail=0.8)]


def bowl_of_fruit(bowl: Material, fruits: list[Material], rng: np.random.Generator) -> list[Patch]:
    """For a table, its foot at the origin."""
    t = np.linspace(0, 1, 9)
    profile = np.stack([0.05 + 0.11 * t**0.6, 0.08 * t**1.4], axis=1)
    parts = lathe(profile, bowl, segments=24) + lathe(profile * [0.96, 1], bowl, segments=24, inside=True)
    angle = np.linspace(0.02, np.pi - 0.02, 9)
    for number, material in enumerate(fruits):
        turn = 2 * np.pi * number / len(fruits)
        ball = np.stack([0.038 * np.sin(angle), 0.038 * (1 - np.cos(angle))], axis=1)
        at = (0.075 * np.sin(turn), 0.045 + float(rng.uniform(0, 0.01)), 0.075 * np.cos(turn))
        parts += lathe(ball, material, at=at, segments=14)
    return parts


def book_stack(spines: list[Material], paper: Material, rng: np.random.Generator) -> list[Patch]:
    """Three or four books lying on each other, each turned a little."""
    parts: list[Patch] = []
    y = 0.0
    for material in spines:
        thick = float(rng.uniform(0.02, 0.035))
        size = np.array([rng.uniform(0.2, 0.25), thick, rng.uniform(0.15, 0.18)])
        cover = box((0, y + thick / 2, 0), size, material, radius=0.002, without=("left", "right", "back"))
        inner = box((0, y + thick / 2, -0.002), size - [0.006, 0.006, 0.006], paper)
        parts += place(cover + inner, turn=float(rng.uniform(-25, 25)))
        y += thick
    return parts


def basket(material: Material) -> list[Patch]:
    """Woven, open, round."""
    t = np.linspace(0, 1, 10)
    profile = np.stack([0.17 + 0.05 * np.sin(np.pi * t * 0.8), 0.36 * t], axis=1)
    return lathe(profile, material, segments=28) + lathe(profile * [0.95, 1], material, segments=28, inside=True)


def radiator(width: float, material: Material) -> list[Patch]:
    """Panels with grooves, below a window; its back is at z = 0."""
    n = round(width / 0.05)
    parts: list[Patch] = []
    for number in range(n):
        x = -width / 2 + (number + 0.5) * width / n
        parts += box(
            (x, 0.42, 0.055), (width / n - 0.008, 0.5, 0.05), material, radius=0.015, segments=2, without=("back",)
        )
    parts += box((0, 0.42, 0.035), (width, 0.46, 0.02), material, without=("back",))
    return parts


def door(wood: Material, frame: Material, metal: Material) -> list[Patch]:
    """A closed panelled door with its frame; its back is at z = 0."""
    parts = box((0, 1.0, 0.012), (0.86, 2.0, 0.024), wood, radius=0.003, without=("back",), steps=2)
    for y, tall in ((0.55, 0.8), (1.48, 0.75)):
        for x in (-0.2, 0.2):
            parts += box((x, y, 0.026), (0.28, tall, 0.01), wood, radius=0.004, without=("back",))
    for side in (-1, 1):
        parts += box((side * 0.47, 1.03, 0.02), (0.08, 2.06, 0.04), frame, radius=0.005, without=("back",))
    parts += box((0, 2.045, 0.02), (1.02, 0.09, 0.04), frame, radius=0.005, without=("back",))
    return parts + rod((0.36, 1.02, 0.06), (0.25, 1.02, 0.06), 0.009, metal)

"""A furnished living room from a seed: its size, colours, furniture and where each piece stands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tools.sample_room import furniture, textures
from tools.sample_room.patches import Colour, Material, Patch, box, place, quad
from tools.sample_room.scene import Lamp, Room, Window

_WALLS: tuple[Colour, ...] = ((0.86, 0.84, 0.79), (0.80, 0.83, 0.84), (0.86, 0.81, 0.74), (0.82, 0.84, 0.78))
_ACCENTS: tuple[Colour, ...] = ((0.36, 0.47, 0.46), (0.58, 0.40, 0.30), (0.34, 0.42, 0.55), (0.62, 0.55, 0.40))
_SOFAS: tuple[Colour, ...] = ((0.34, 0.38, 0.42), (0.50, 0.44, 0.36), (0.20, 0.30, 0.33), (0.55, 0.52, 0.48))
_CHAIRS: tuple[Colour, ...] = ((0.62, 0.36, 0.12), (0.18, 0.32, 0.24), (0.50, 0.18, 0.14), (0.30, 0.36, 0.50))
_PILLOWS: tuple[Colour, ...] = (
    (0.75, 0.45, 0.15),
    (0.72, 0.68, 0.60),
    (0.15, 0.32, 0.34),
    (0.60, 0.22, 0.18),
    (0.25, 0.28, 0.40),
)
_FLOORS = (
    ((0.74, 0.58, 0.42), (0.55, 0.40, 0.27)),
    ((0.60, 0.44, 0.30), (0.40, 0.27, 0.17)),
    ((0.80, 0.70, 0.56), (0.64, 0.52, 0.38)),
)
_RUGS = (
    ((0.86, 0.82, 0.74), (0.28, 0.34, 0.42), (0.72, 0.42, 0.24)),
    ((0.55, 0.20, 0.18), (0.86, 0.78, 0.64), (0.18, 0.22, 0.32)),
    ((0.80, 0.78, 0.72), (0.42, 0.46, 0.38), (0.24, 0.24, 0.24)),
)
_BOOKS: tuple[Colour, ...] = (
    (0.55, 0.15, 0.13), (0.16, 0.26, 0.42), (0.80, 0.74, 0.60), (0.18, 0.34, 0.26), (0.74, 0.52, 0.18),
    (0.22, 0.20, 0.22), (0.62, 0.36, 0.30), (0.40, 0.52, 0.58), (0.86, 0.82, 0.76), (0.36, 0.24, 0.36),
    (0.50, 0.46, 0.22), (0.12, 0.40, 0.46),
)  # fmt: skip
_PALETTES = (
    ((0.90, 0.86, 0.78), (0.80, 0.42, 0.24), (0.20, 0.36, 0.44), (0.92, 0.72, 0.36), (0.16, 0.18, 0.22)),
    ((0.20, 0.28, 0.34), (0.86, 0.80, 0.70), (0.70, 0.34, 0.28), (0.45, 0.60, 0.60), (0.90, 0.62, 0.30)),
    ((0.86, 0.82, 0.84), (0.36, 0.42, 0.30), (0.76, 0.62, 0.44), (0.58, 0.26, 0.30), (0.24, 0.30, 0.46)),
)


@dataclass
class _Builder:
    """Gathers patches and the textures that they use."""

    rng: np.random.Generator
    patches: list[Patch] = field(default_factory=list)
    textures: dict[str, textures.UInt8] = field(default_factory=dict)

    def material(
        self, name: str, picture: textures.UInt8, tint: Colour = (1, 1, 1), **options: float | bool
    ) -> Material:
        self.textures[name] = picture
        return Material(name, tint, **options)  # type: ignore[arg-type]

    def add(self, patches: list[Patch], at: tuple[float, float, float] = (0, 0, 0), turn: float = 0) -> None:
        self.patches += place(patches, at=at, turn=turn)

    def pick(self, options: tuple) -> tuple:  # type: ignore[type-arg]
        return options[int(self.rng.integers(len(options)))]


def build(seed: int) -> Room:
    """The room of this seed."""
    rng = np.random.default_rng([seed, 1])
    b = _Builder(rng)
    width, depth, height = float(rng.uniform(4.9, 5.5)), float(rng.uniform(4.2, 4.7)), float(rng.uniform(2.5, 2.7))
    window = _shell(b, width, depth, height)
    lamp = _furnish(b, width, depth)
    sun = np.array([rng.uniform(-0.35, 0.35), rng.uniform(0.62, 0.85), -1.0])
    sun /= np.linalg.norm(sun)
    return Room((width, depth, height), b.patches, [window], [lamp], tuple(sun), b.textures)


def _shell(b: _Builder, width: float, depth: float, height: float) -> Window:
    """Floor, ceiling, walls with a window in the one at -z, a door in the one at +z, skirting boards."""
    rng = b.rng
    x, z = width / 2, depth / 2
    wall = b.material("wall", textures.plaster(rng), b.pick(_WALLS), tile=1.7)
    accent = Material("wall", b.pick(_ACCENTS), tile=1.7)
    white = b.material("paint", textures.plain(rng), (0.84, 0.84, 0.82), tile=0.5)
    light, dark = b.pick(_FLOORS)
    floor = b.material("floor", textures.planks(rng, light, dark), tile=1.28, gloss=0.35, roughness=0.16)
    cuts = tuple(np.linspace(0, 1, 9)[1:-1])
    b.add([quad((-x, 0, -z), (width, 0, 0), (0, 0, depth), floor, cuts_s=cuts, cuts_t=cuts)])
    b.add([quad((-x, height, z), (width, 0, 0), (0, 0, -depth), Material("wall", (0.88, 0.88, 0.86), tile=2.1))])
    # The wall at -z, with its window; the one at -x is the bare one; +x carries the accent colour.
    wide, tall, sill = 1.75, 1.35, 0.92
    left = (width - wide) / 2 / width
    hole = (left, 1 - left, (height - sill - tall) / height, (height - sill) / height)
    b.add([quad((-x, height, -z), (width, 0, 0), (0, -height, 0), wall, hole=hole)])
    b.add([quad((x, height, z), (-width, 0, 0), (0, -height, 0), wall)])
    b.add([quad((-x, height, z), (0, 0, -depth), (0, -height, 0), wall)])
    b.add([quad((x, height, -z), (0, 0, depth), (0, -height, 0), accent)])
    for corner, turn, length in (
        ((0, 0, -z), 0, width),
        ((0, 0, z), 180, width),
        ((-x, 0, 0), 90, depth),
        ((x, 0, 0), -90, depth),
    ):
        board = box(
            (0, 0.045, 0.008), (length, 0.09, 0.016), white, without=("back", "bottom", "left", "right"), steps=4
        )
        b.add(board, at=corner, turn=turn)
    middle = sill + tall / 2
    _window_frame(b, wide, tall, middle, z, white)
    for side in (-1, 1):
        cloth = b.material(
            "curtain", textures.weave(rng, 96, 0.08, 0.03), (0.82, 0.78, 0.70), tile=0.35, two_sided=True
        )
        b.add(furniture.curtain(0.62, height - 0.12, cloth, 7), at=(side * (wide / 2 + 0.28), 0, -z + 0.13))
    metal = b.material("metal", textures.plain(rng, 0.03), (0.10, 0.10, 0.10), tile=0.4, gloss=0.3, roughness=0.1)
    b.patches += furniture.rod(
        (-wide / 2 - 0.75, height - 0.1, -z + 0.12), (wide / 2 + 0.75, height - 0.1, -z + 0.12), 0.012, metal
    )
    b.add(furniture.radiator(1.2, white), at=(0, 0, -z))
    wood = b.material("door", textures.wood(rng, (0.90, 0.88, 0.84), (0.84, 0.82, 0.77)), tile=0.9)
    b.add(furniture.door(wood, white, metal), at=(x - 0.85, 0, z), turn=180)
    return Window((0.0, middle, -z), wide / 2, tall / 2, (0.0, 1.0))


def _window_frame(b: _Builder, wide: float, tall: float, middle: float, z: float, white: Material) -> None:
    deep = 0.14
    low, high = middle - tall / 2, middle + tall / 2
    reveal = Material("wall", (0.88, 0.88, 0.86), tile=1.7)
    b.add([
        quad((-wide / 2, high, -z), (0, 0, -deep), (0, -tall, 0), reveal),
        quad((wide / 2, high, -z - deep), (0, 0, deep), (0, -tall, 0), reveal),
        quad((-wide / 2, high, -z), (wide, 0, 0), (0, 0, -deep), reveal),
        quad((-wide / 2, low, -z - deep), (wide, 0, 0), (0, 0, deep), reveal),
    ])  # fmt: skip
    b.add(box((0, low + 0.01, -z + 0.06), (wide + 0.12, 0.03, 0.2), white, radius=0.006))
    bar = 0.055
    for x in (-wide / 2 + bar / 2, 0.0, wide / 2 - bar / 2):
        b.add(box((x, middle, -z - deep + 0.03), (bar, tall, 0.05), white, radius=0.004))
    for y in (low + bar / 2, high - bar / 2):
        b.add(box((0, y, -z - deep + 0.03), (wide, bar, 0.048), white, radius=0.004))
    view = b.material("outdoors", textures.outdoors(b.rng), emission=5.5)
    b.add([quad((-7, 5.2, -z - 6.0), (14, 0, 0), (0, -7.5, 0), view, fit=True)])


def _furnish(b: _Builder, width: float, depth: float) -> Lamp:
    rng = b.rng
    x, z = width / 2, depth / 2
    oak = b.material(
        "oak", textures.wood(rng, (0.72, 0.55, 0.38), (0.54, 0.38, 0.24)), tile=0.7, gloss=0.12, roughness=0.2
    )
    walnut = b.material(
        "walnut", textures.wood(rng, (0.46, 0.31, 0.20), (0.28, 0.17, 0.10)), tile=0.7, gloss=0.15, roughness=0.2
    )
    plain = b.material("paint", textures.plain(rng), (0.84, 0.84, 0.82), tile=0.5)
    metal = Material("metal", (0.10, 0.10, 0.10), tile=0.4, gloss=0.3, roughness=0.1)
    cloth = b.material("cloth", textures.weave(rng, 64), b.pick(_SOFAS), tile=0.30)
    coarse = b.material("coarse", textures.weave(rng, 32, 0.22, 0.07), b.pick(_CHAIRS), tile=0.22)
    pillows = [
        Material("coarse" if n % 2 else "cloth", _PILLOWS[k], tile=0.2) for n, k in enumerate(rng.permutation(5)[:4])
    ]
    paper = Material("paint", (0.80, 0.76, 0.66), tile=0.2)
    spines = [b.material(f"spine{n}", textures.spine(rng, colour)) for n, colour in enumerate(_BOOKS)]
    vases = [
        Material("paint", colour, tile=0.3, gloss=0.5, roughness=0.06)
        for colour in ((0.70, 0.66, 0.58), (0.14, 0.30, 0.36), (0.62, 0.30, 0.18))
    ]
    flip = 1 if rng.uniform() < 0.5 else -1

    # Sofa against the accent wall at +x, television opposite, both off the middle by a little.
    shift = float(rng.uniform(-0.25, 0.25))
    sofa = furniture.sofa(float(rng.uniform(1.95, 2.3)), cloth, walnut, pillows)
    b.add(sofa, at=(x - 0.50, 0, shift), turn=-90)
    screen = Material("paint", (0.012, 0.013, 0.016), tile=0.5, gloss=1.0, roughness=0.03)
    b.add(furniture.tv_board(1.7, oak, plain, screen, metal), at=(-x + 0.24, 0, -shift), turn=90)
    b.add(furniture.book_stack(spines[2:5], paper, rng), at=(-x + 0.25, 0.48, -shift + 0.70), turn=80)
    b.add(furniture.vase(0.07, 0.24, vases[0], (0, 0, 0)), at=(-x + 0.25, 0.48, -shift - 0.72))
    # Rug and coffee table in the middle.
    ground, figure, spot = b.pick(_RUGS)
    rug = b.material("rug", textures.rug(rng, ground, figure, spot))
    rw, rd = 2.3, 1.7
    b.add(
        [
            quad(
                (-rw / 2 + 0.25, 0.012, -rd / 2),
                (rw, 0, 0),
                (0, 0, rd),
                rug,
                fit=True,
                detail=1.2,
                cuts_s=(0.25, 0.5, 0.75),
                cuts_t=(0.5,),
            )
        ]
    )
    b.add(
        box(
            (0.25, 0.006, 0),
            (rw + 0.02, 0.0115, rd + 0.02),
            Material("coarse", (0.6, 0.55, 0.48), tile=0.2),
            without=("top", "bottom"),
        )
    )
    coffee = (
        furniture.round_table(0.46, 0.41, walnut, walnut)
        if rng.uniform() < 0.5
        else furniture.table((1.05, 0.6, 0.42), oak, metal, leg=0.045)
    )
    b.add(coffee, at=(0.35, 0, shift), turn=90 if rng.uniform() < 0.5 else 0)
    fruits = [
        Material("paint", colour, tile=0.2, gloss=0.3)
        for colour in ((0.72, 0.24, 0.04), (0.62, 0.52, 0.06), (0.50, 0.06, 0.04), (0.30, 0.45, 0.06))
    ]
    b.add(furniture.bowl_of_fruit(vases[1], fruits, rng), at=(0.27, 0.425, shift - 0.13))
    b.add(furniture.book_stack(spines[5:8], paper, rng), at=(0.46, 0.425, shift + 0.17))
    # Along the wall at +z: shelf, and a small dining table with chairs beside the door.
    shelf_width = float(rng.uniform(1.1, 1.5))
    shelf = furniture.bookshelf((shelf_width, 0.3, float(rng.uniform(1.85, 2.1))), oak, spines, paper, vases, rng)
    b.add(shelf, at=(-x + 0.65 + shelf_width / 2, 0, z - 0.16), turn=180)
    b.add(furniture.armchair(coarse, walnut, pillows[1]), at=(x - 1.05, 0, -z + 0.75), turn=-38)
    plant_pot = Material("coarse", (0.72, 0.66, 0.56), tile=0.25)
    leaf = b.material("leaf", textures.leaves(rng), (0.95, 0.95, 0.95), two_sided=True, gloss=0.2)
    soil = Material("coarse", (0.10, 0.07, 0.05), tile=0.1)
    stem = Material("paint", (0.22, 0.30, 0.12), tile=0.2)
    b.add(furniture.plant(rng, plant_pot, soil, leaf, stem, float(rng.uniform(1.1, 1.4))), at=(-x + 0.42, 0, -z + 0.45))
    b.add(furniture.basket(Material("coarse", (0.66, 0.50, 0.32), tile=0.12)), at=(-x + 0.36, 0, z - 0.36))
    dining = furniture.table((0.75, 0.75, 0.74), oak, plain, leg=0.055)
    b.add(dining, at=(0.55, 0, z - 0.55))
    for at, turn in (((0.02, 0, z - 0.58), 90 + 8 * flip), ((0.62, 0, z - 1.02), 180 - 6)):
        b.add(furniture.chair(walnut, coarse), at=at, turn=turn if turn < 150 else 0)
    b.add(furniture.vase(0.08, 0.28, vases[2], (0, 0, 0)), at=(0.60, 0.74, z - 0.5))
    # Pictures.
    gilt = Material("oak", (0.9, 0.85, 0.7), tile=0.4)
    art = [b.material(f"art{n}", textures.painting(rng, _PALETTES[int(rng.integers(3))])) for n in range(3)]
    art.append(b.material("hills", textures.landscape(rng)))
    for n, (y, along, w, h) in enumerate(((1.62, shift - 0.42, 0.62, 0.80), (1.66, shift + 0.40, 0.55, 0.55))):
        b.add(furniture.picture(w, h, art[n], (metal, gilt)[n]), at=(x, y, along), turn=-90)
    b.add(furniture.picture(0.95, 0.62, art[3], gilt), at=(0.62, 1.58, z), turn=180)
    b.add(furniture.picture(0.42, 0.55, art[2], metal), at=(-x, 1.60, z - 0.95), turn=90)
    shade = b.material(
        "shade", textures.weave(rng, 64, 0.06, 0.02), (1.0, 0.80, 0.55), tile=0.3, emission=1.5, two_sided=True
    )
    lamp_at = (x - 0.38, 0.0, z - 1.42 if shift < 0 else -z + 1.60)
    b.add(furniture.floor_lamp(1.55, metal, shade), at=(lamp_at[0], 0, min(lamp_at[2], z - 1.30)))
    return Lamp((lamp_at[0], 1.39, min(lamp_at[2], z - 1.30)), 0.19, 0.32, 2.2)

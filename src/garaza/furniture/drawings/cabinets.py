"""What has fronts or shelves."""

from __future__ import annotations

from garaza.furniture.drawings.canvas import GLASS, MIRROR, WHITE, Canvas

_BOOKS = ("#a4573f", "#46606b", "#c9a24f", "#6f8f62", "#8a7a8f", "#d8cfc0", "#3f4a56")


def _number(c: Canvas, otherwise: int) -> int:
    return next((int(part) for part in c.look.size.split() if part.isdigit()), otherwise)


def _body(c: Canvas, foot: float) -> float:
    """The carcass on its legs. Its height."""
    c.legs(c.x, c.w, c.base - foot)
    c.rect(c.x, c.y, c.w, c.h - foot, r=3)
    return c.h - foot


def _door(c: Canvas, x: float, y: float, w: float, h: float, *, left: bool, fill: str = "") -> None:
    c.rect(x, y, w, h, fill or c.light, 2)
    c.knob(x + (w - 8 if left else 8), y + h / 2)


def _drawers(c: Canvas, x: float, y: float, w: float, h: float, rows: int, columns: int = 1) -> None:
    for row in range(rows):
        for column in range(columns):
            wide, tall = w / columns, h / rows
            c.rect(x + column * wide + 2, y + row * tall + 2, wide - 4, tall - 4, c.light, 2)
            c.grip(x + (column + 0.5) * wide, y + (row + 0.5) * tall, min(30, wide * 0.3))


def nightstand(c: Canvas) -> None:
    """A drawer over a shelf, or two drawers."""
    tall = _body(c, c.h * 0.26)
    if "drawers" in c.look.features:
        _drawers(c, c.x + 5, c.y + 8, c.w - 10, tall - 12, 2)
        return
    _drawers(c, c.x + 5, c.y + 8, c.w - 10, tall * 0.4, 1)
    c.rect(c.x + 7, c.y + tall * 0.56, c.w - 14, tall * 0.36, c.dark)
    for number in range(4):
        c.rect(c.x + 12 + number * 9, c.y + tall * 0.92 - 26 - number % 2 * 5, 8, 26 + number % 2 * 5, _BOOKS[number])


def dresser(c: Canvas) -> None:
    """As many drawers as it says."""
    count = _number(c, 4)
    tall = _body(c, c.h * 0.12)
    columns = 2 if count == 6 else 1
    _drawers(c, c.x + 5, c.y + 8, c.w - 10, tall - 13, max(1, count // columns), columns)


def wardrobe(c: Canvas) -> None:
    """Tall doors, one of them a mirror where it has one, and perhaps a drawer."""
    count = _number(c, 2)
    tall = _body(c, c.h * 0.05)
    low = tall * 0.16 if "drawers" in c.look.features else 0
    wide = (c.w - 8) / count
    for number in range(count):
        mirrored = "mirror_door" in c.look.features and number == count // 2
        _door(
            c,
            c.x + 4 + number * wide,
            c.y + 8,
            wide - 1,
            tall - 12 - low,
            left=number % 2 == 0,
            fill=MIRROR if mirrored else "",
        )
        if mirrored:
            x, y = c.x + 4 + number * wide, c.y + tall * 0.3
            c.line(x + wide * 0.25, y + 30, x + wide * 0.7, y, color="#fff")
            c.line(x + wide * 0.3, y + 50, x + wide * 0.8, y + 14, color="#fff")
    if low:
        _drawers(c, c.x + 4, c.y + tall - low - 2, c.w - 8, low - 2, 1, max(1, count // 2))


def sideboard(c: Canvas) -> None:
    """Doors at the sides, drawers in the middle where it has them."""
    tall = _body(c, c.h * 0.2)
    x, y, w, h = c.x + 5, c.y + 8, c.w - 10, tall - 13
    if "sliding_doors" in c.look.features:
        c.rect(x, y, w * 0.52, h, c.light, 2)
        c.rect(x + w * 0.48, y + 2, w * 0.52, h - 4, c.light, 2)
        for number in range(1, 6):
            c.line(x + w * 0.08 * number, y + 4, x + w * 0.08 * number, y + h - 4, width=1)
        return
    if "drawers" in c.look.features:
        _drawers(c, x + w / 3, y, w / 3, h, 3)
        _door(c, x, y, w / 3 - 2, h, left=True)
        _door(c, x + w * 2 / 3 + 2, y, w / 3 - 2, h, left=False)
        return
    for number in range(4):
        _door(c, x + number * w / 4, y, w / 4 - 2, h, left=number % 2 == 0)


def tv_stand(c: Canvas) -> None:
    """Low, with the screen on it that it is made for, only hinted at."""
    c.rect(c.x + c.w * 0.1, c.y - c.w * 0.46, c.w * 0.8, c.w * 0.44, "#e9e5dd", 5, edge=False)
    c.rect(c.x + c.w * 0.46, c.y - c.w * 0.03, c.w * 0.08, c.w * 0.03, "#e9e5dd", edge=False)
    tall = _body(c, c.h * 0.2)
    y, h = c.y + 7, tall - 11
    side = "drawers" if "drawers" in c.look.features else "doors"
    for x, left in ((c.x + 4, True), (c.x + c.w * 0.7, False)):
        if side == "drawers":
            _drawers(c, x, y, c.w * 0.28, h, 2)
        else:
            _door(c, x, y, c.w * 0.28, h, left=left)
    c.rect(c.x + c.w * 0.31, y, c.w * 0.38, h, c.dark)
    c.line(c.x + c.w * 0.31, y + h * 0.5, c.x + c.w * 0.69, y + h * 0.5)
    c.rect(c.x + c.w * 0.36, y + h * 0.5 - 9, c.w * 0.2, 9, "#4a4a4c", 2)


def display_cabinet(c: Canvas) -> None:
    """Glass before shelves with cups."""
    tall = _body(c, c.h * 0.07)
    x, y, w, h = c.x + 6, c.y + 8, c.w - 12, tall * 0.74
    c.rect(x, y, w, h, GLASS)
    for row in range(1, 4):
        level = y + h * row / 3.4
        for number in range(3):
            c.path(
                f"M{x + w * (0.18 + 0.26 * number):.1f} {level - 17:.1f}h16q0 16-5 17h-6q-5-1-5-17z",
                WHITE if (row + number) % 2 else c.light,
            )
        c.line(x, level, x + w, level)
    c.line(x + w / 2, y, x + w / 2, y + h)
    for at, left in ((x, True), (x + w / 2, False)):
        _door(c, at, y + h + 5, w / 2 - 1, tall - h - 18, left=left)


def filing_cabinet(c: Canvas) -> None:
    """Drawers with labels."""
    rolls = "wheels" in c.look.features
    if rolls:
        for at in (0.14, 0.86):
            c.ellipse(c.x + c.w * at, c.base - 6, 6, 6, "#4a4a4c")
    c.rect(c.x, c.y, c.w, c.h - (10 if rolls else 3), r=4)
    count, h = _number(c, 3), c.h - 16
    for row in range(count):
        y = c.y + 4 + row * h / count
        c.rect(c.x + 5, y, c.w - 10, h / count - 4, c.light, 2)
        c.rect(c.x + c.w / 2 - 16, y + 9, 32, 12, WHITE, 1)
        c.grip(c.x + c.w / 2, y + 31, 34)


def bathroom_cabinet(c: Canvas) -> None:
    """A tall one, one for the wall with a mirror, or one under a basin."""
    if c.look.size == "vanity":
        tall = _body(c, c.h * 0.14)
        c.rect(c.x - 4, c.y - 6, c.w + 8, 14, WHITE, 6)
        c.curve(f"M{c.x + c.w / 2:.1f} {c.y - 6:.1f}v-24q0-8 10-8t10 8v5", color="#9aa0a6", width=5)
        for at, left in ((0.03, True), (0.51, False)):
            _door(c, c.x + c.w * at, c.y + 14, c.w * 0.46, tall - 20, left=left)
        return
    if c.look.size == "wall":
        c.rect(c.x, c.y, c.w, c.h, r=3)
        fill = MIRROR if "mirror_door" in c.look.features or c.look.sort == "other" else ""
        for at, left in ((4, True), (c.w / 2 + 1, False)):
            _door(c, c.x + at, c.y + 5, c.w / 2 - 5, c.h - 10, left=left, fill=fill)
        return
    tall = _body(c, c.h * 0.06)
    _door(c, c.x + 4, c.y + 5, c.w - 8, tall * 0.36, left=True)
    c.rect(c.x + 4, c.y + tall * 0.4, c.w - 8, tall * 0.24, c.dark)
    for number in range(3):
        c.rect(
            c.x + c.w * 0.2,
            c.y + tall * 0.64 - 9 * (number + 1),
            c.w * 0.6,
            9,
            ("#f2efe8", "#a9c6c9", "#e5bdb6")[number],
            4,
        )
    _door(c, c.x + 4, c.y + tall * 0.66, c.w - 8, tall * 0.32, left=True)


def pantry(c: Canvas) -> None:
    """Doors above and below a niche with jars."""
    tall = _body(c, c.h * 0.06)
    for at, left in ((4, True), (c.w / 2 + 1, False)):
        _door(c, c.x + at, c.y + 6, c.w / 2 - 5, tall * 0.42, left=left)
        _door(c, c.x + at, c.y + tall * 0.66, c.w / 2 - 5, tall * 0.31, left=left)
    c.rect(c.x + 4, c.y + tall * 0.46, c.w - 8, tall * 0.18, c.dark)
    for number in range(4):
        x, y = c.x + c.w * (0.14 + 0.2 * number), c.y + tall * 0.64
        c.rect(x, y - 21, 16, 21, ("#e8d9a8", "#c98a5e", "#f2efe8", "#9fae84")[number], 3)
        c.rect(x + 1, y - 25, 14, 5, "#8a7a66", 1)


def dog_crate(c: Canvas) -> None:
    """A table top over bars, and two ears behind them."""
    tall = c.h - 8
    c.rect(c.x, c.y + 8, c.w, tall - 4, c.dark)
    middle, ground, size = c.x + c.w * 0.5, c.base - 8, tall / 100
    c.path(
        f"M{middle - 34 * size:.1f} {ground:.1f}q{-6 * size:.1f} {-44 * size:.1f} {10 * size:.1f} {-56 * size:.1f}l{4 * size:.1f} {-18 * size:.1f} {13 * size:.1f} {11 * size:.1f}"
        f"h{14 * size:.1f}l{13 * size:.1f} {-11 * size:.1f} {4 * size:.1f} {18 * size:.1f}q{16 * size:.1f} {12 * size:.1f} {10 * size:.1f} {56 * size:.1f}z",
        "#c8a27a",
    )
    for at in (-10.0, 10.0):
        c.ellipse(middle + at * size, ground - 48 * size, 3, 4, "#2b2b2d")
    c.ellipse(middle, ground - 36 * size, 6, 4, "#2b2b2d")
    for number in range(int(c.w // 18)):
        x = c.x + 12 + number * 18
        c.line(x, c.y + 14, x, c.base - 6, color="#55575b", width=3)
    for at in (0, c.w - 9):
        c.rect(c.x + at, c.y + 8, 9, c.h - 8)
    c.rect(c.x - 5, c.y, c.w + 10, 11, r=3)


def _books(c: Canvas, x: float, level: float, room: float, tall: float, seed: int) -> None:
    wide = max(8.0, room / 8)
    for number in range(int(room // wide)):
        place = seed + 3 * number
        up = tall * (0.62 + place * 13 % 7 * 0.045)
        thick = wide * (0.8 + place % 3 * 0.1)
        c.block(x + number * wide, level - up, thick, up, _BOOKS[place % len(_BOOKS)])


def bookcase(c: Canvas) -> None:
    """Shelves with books, a gap, and a vase."""
    rows = {"5 shelves": 5, "low": 3, "wide": 5}.get(c.look.size, 5)
    c.rect(c.x, c.y, c.w, c.h, r=2)
    c.rect(c.x + 6, c.y + 6, c.w - 12, c.h - 14, c.dark)
    each = (c.h - 14) / rows
    for row in range(rows):
        level = c.y + 6 + each * (row + 1)
        room = (c.w - 20) * (0.86 if row % 2 else 0.55)
        _books(c, c.x + 9, level - 3, room, each * 0.95, row * 2)
        if row % 2 == 0:
            x = c.x + c.w * 0.8
            c.path(f"M{x - 7:.1f} {level - 3:.1f}q-9-12 3-24h8q12 12 3 24z", WHITE)
        c.rect(c.x + 3, level - 4, c.w - 6, 6)
    if {"doors", "glass_doors"} & set(c.look.features):
        fill = GLASS if "glass_doors" in c.look.features else ""
        tall = each * (2 if rows > 3 else 1)
        y = c.y + c.h - 8 - tall
        for at, left in ((5, True), (c.w / 2, False)):
            _door(c, c.x + at, y, c.w / 2 - 5, tall - 2, left=left, fill=fill)


def shelving(c: Canvas) -> None:
    """Open: posts and boards, or squares."""
    if "cubes" in c.look.size:
        c.rect(c.x, c.y, c.w, c.h, r=2)
        for row in range(4):
            for column in range(2):
                wide, tall = (c.w - 8) / 2, (c.h - 8) / 4
                x, y = c.x + 4 + column * wide, c.y + 4 + row * tall
                c.rect(x + 3, y + 3, wide - 6, tall - 6, c.dark)
                if (row + column) % 3 == 0:
                    c.rect(x + 7, y + tall * 0.3, wide - 14, tall * 0.7 - 4, "#cbb58d", 3)
                    c.grip(x + wide / 2, y + tall * 0.52, 16)
                elif (row + column) % 3 == 1:
                    _books(c, x + 5, y + tall - 4, wide - 22, tall * 0.9, row)
        return
    rows = _number(c, 4)
    tone = c.accent
    for at in (0.02, 0.98):
        c.line(c.x + c.w * at, c.y, c.x + c.w * at, c.base, color=tone, width=6)
    for row in range(rows):
        level = c.y + (c.h - 14) * (row + 0.6) / (rows - 0.3)
        if row % 2 == 0:
            _books(c, c.x + c.w * 0.1, level, c.w * 0.42, c.h / rows * 0.6, row)
            c.ellipse(c.x + c.w * 0.76, level - 11, 11, 11, "#c98a5e")
        else:
            c.rect(c.x + c.w * 0.5, level - 24, c.w * 0.36, 24, "#cbb58d", 4)
            c.rect(c.x + c.w * 0.12, level - 16, 14, 16, WHITE, 3)
        c.rect(c.x, level, c.w, 8, r=1)


def wall_shelf(c: Canvas) -> None:
    """A board with things on it."""
    thick = max(8.0, min(c.h, 14))
    _books(c, c.x + c.w * 0.1, c.y, c.w * 0.32, 62, 1)
    c.path(f"M{c.x + c.w * 0.56:.1f} {c.y:.1f}q-15-20 5-40h10q20 20 5 40z", WHITE)
    c.rect(c.x + c.w * 0.72, c.y - 56, 44, 56, "#e9e2d4", 1)
    c.rect(c.x + c.w * 0.72 + 8, c.y - 48, 28, 40, "#a9c6c9")
    c.rect(c.x, c.y, c.w, thick, r=2)
    if "hooks" in c.look.features:
        for number in range(5):
            c.curve(f"M{c.x + c.w * (0.1 + 0.2 * number):.1f} {c.y + thick:.1f}v10q0 6 6 6", color=c.accent, width=4)


def shoe_rack(c: Canvas) -> None:
    """Shoes on slats, or flaps before them."""
    if "doors" in c.look.features or "24" in c.look.size or "16" in c.look.size:
        tall = _body(c, c.h * 0.06)
        _drawers(c, c.x + 4, c.y + 6, c.w - 8, tall - 10, 3 if c.h > c.w else 2)
        return
    rows = 3 if c.h > c.w * 0.6 else 2
    for at in (0.02, 0.98):
        c.line(
            c.x + c.w * at, c.y, c.x + c.w * at, c.base, color=c.accent if c.look.sort == "metal" else c.ink, width=7
        )
    for row in range(rows):
        level = c.y + c.h * (row + 0.72) / rows
        for number in range(5):
            x = c.x + c.w * (0.08 + 0.175 * number)
            c.path(f"M{x:.1f} {level:.1f}v-17q8-3 10 3 4 7 19 8 5 1 4 6z", _BOOKS[(number + row) % 7])
        c.rect(c.x, level, c.w, 6, r=1)


def wine_rack(c: Canvas) -> None:
    """Bottoms of bottles, in rows."""
    c.rect(c.x, c.y, c.w, c.h, r=2)
    columns = 4
    radius = (c.w - 12) / columns / 2
    for row in range(int((c.h - 10) // (2 * radius))):
        for column in range(columns):
            x, y = c.x + 6 + radius * (2 * column + 1), c.y + 6 + radius * (2 * row + 1)
            c.ellipse(x, y, radius * 0.84, radius * 0.84, c.dark)
            if (row * 3 + column) % 4 != 3:
                c.ellipse(x, y, radius * 0.66, radius * 0.66, "#4d5b45" if (row + column) % 2 else "#5e2b36")


def toy_storage(c: Canvas) -> None:
    """Coloured bins in a frame, or a chest with a bear's head looking out."""
    if c.look.size == "chest":
        c.ellipse(c.x + c.w * 0.3, c.y - 2, 20, 18, "#c8a27a")
        for at in (-15, 15):
            c.ellipse(c.x + c.w * 0.3 + at, c.y - 17, 7, 7, "#c8a27a")
        c.rect(c.x + c.w * 0.6, c.y - 18, 26, 30, "#86bfe4", 3)
        c.rect(c.x, c.y + c.h * 0.1, c.w, c.h * 0.9, r=5)
        c.line(c.x, c.y + c.h * 0.3, c.x + c.w, c.y + c.h * 0.3)
        c.grip(c.x + c.w / 2, c.y + c.h * 0.42, 40)
        return
    bins = ("#e2a24a", "#86bfe4", "#d9776a", "#8fb98a", "#f0d77b", "#b79ac8")
    c.rect(c.x, c.y, c.w, c.h, r=5)
    for row in range(3):
        for column in range(3):
            wide, tall = (c.w - 12) / 3, (c.h - 12) / 3
            x, y = c.x + 6 + column * wide, c.y + 6 + row * tall
            c.rect(x + 2, y + 2, wide - 4, tall - 4, c.dark, 2)
            c.path(
                f"M{x + 5:.1f} {y + tall * 0.36:.1f}h{wide - 10:.1f}l-4 {tall * 0.64 - 4:.1f}h{18 - wide:.1f}z",
                bins[(row * 2 + column) % 6],
            )


def magazine_rack(c: Canvas) -> None:
    for number in range(3):
        c.rect(
            c.x + c.w * (0.16 + 0.2 * number), c.y - 14 - number % 2 * 8, c.w * 0.34, c.h * 0.6, _BOOKS[number + 2], 2
        )
    c.path(f"M{c.x:.1f} {c.y + c.h * 0.2:.1f}h{c.w:.1f}l{-c.w * 0.1:.1f} {c.h * 0.8:.1f}h{-c.w * 0.8:.1f}z")
    c.rect(c.x + c.w * 0.36, c.y + c.h * 0.3, c.w * 0.28, 11, c.dark, 5)


def box(c: Canvas) -> None:
    """A basket with its handles; a lid where it has one."""
    chest = c.w > 1.6 * c.h
    lean = 0 if chest or "lid" in c.look.features else c.w * 0.06
    c.path(f"M{c.x:.1f} {c.y + 6:.1f}h{c.w:.1f}l{-lean:.1f} {c.h - 6:.1f}h{2 * lean - c.w:.1f}z")
    if chest or "lid" in c.look.features:
        c.rect(c.x - 4, c.y, c.w + 8, c.h * 0.2, r=5)
    else:
        c.rect(c.x - 2, c.y, c.w + 4, 13, r=6)
    if chest:
        for at in (0.16, 0.8):
            c.rect(c.x + c.w * at, c.y, c.w * 0.04, c.h, c.accent)
        c.rect(c.x + c.w * 0.46, c.y + c.h * 0.16, c.w * 0.08, c.h * 0.14, c.accent, 2)
        return
    c.curve(
        f"M{c.x + c.w * 0.36:.1f} {c.y + c.h * 0.36:.1f}q{c.w * 0.14:.1f} {c.h * 0.16:.1f} {c.w * 0.28:.1f} 0", width=5
    )


def hamper(c: Canvas) -> None:
    """A tall basket; a sleeve hangs out."""
    c.path(f"M{c.x:.1f} {c.y + 8:.1f}h{c.w:.1f}l{-c.w * 0.05:.1f} {c.h - 8:.1f}h{-c.w * 0.9:.1f}z")
    c.rect(c.x - 3, c.y, c.w + 6, 16, WHITE, 7)
    c.path(f"M{c.x + c.w * 0.6:.1f} {c.y + 2:.1f}q16 22 6 52l14 3q12-30 2-56z", "#a9c6c9")
    if c.look.size.startswith("2"):
        c.line(c.x + c.w / 2, c.y + 16, c.x + c.w / 2, c.base)
    c.rect(c.x + c.w * 0.16, c.y + c.h * 0.34, c.w * 0.2, 9, c.dark, 4)


def deck_box(c: Canvas) -> None:
    c.rect(c.x + 4, c.y + c.h * 0.16, c.w - 8, c.h * 0.84, r=4)
    for number in range(1, 5):
        y = c.y + c.h * (0.16 + 0.165 * number)
        c.line(c.x + 4, y, c.x + c.w - 4, y)
    c.rect(c.x - 3, c.y, c.w + 6, c.h * 0.2, c.light, 6)
    c.grip(c.x + c.w / 2, c.y + c.h * 0.25, 40)

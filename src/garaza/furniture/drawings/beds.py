"""What one sleeps in."""

from __future__ import annotations

from garaza.furniture.drawings.canvas import WHITE, Canvas


def _pillow(c: Canvas, x: float, y: float, w: float, h: float) -> None:
    c.rect(x, y, w, h, WHITE, h * 0.4)


def bed(c: Canvas) -> None:
    """From the foot: headboard, pillows, a blanket over the edge."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    wide = "twin" not in c.look.size
    if c.look.sort == "metal":
        c.path(
            f"M{x + 4:.1f} {base - h * 0.3:.1f}V{y + h * 0.2:.1f}Q{x + w / 2:.1f} {y - h * 0.14:.1f} {x + w - 4:.1f} {y + h * 0.2:.1f}V{base - h * 0.3:.1f}",
            "none",
        )
        for number in range(1, 8):
            c.line(x + w * number / 8, y + h * 0.12, x + w * number / 8, y + h * 0.5, color=c.look.hue, width=4)
    else:
        c.rect(x, y, w, h * 0.7, r=14 if c.look.sort == "fabric" else 4)
        if c.look.sort == "fabric":
            for number in range(1, 7):
                c.line(x + w * number / 7, y + 4, x + w * number / 7, y + h * 0.5)
    for at in (0.1, 0.54) if wide else (0.25,):
        _pillow(c, x + w * at, y + h * 0.34, w * (0.36 if wide else 0.5), h * 0.18)
    c.rect(x + w * 0.04, y + h * 0.48, w * 0.92, h * 0.26, WHITE, 10)
    c.rect(x + w * 0.02, y + h * 0.56, w * 0.96, h * 0.22, "#dfe5e4", 9)
    c.line(x + w * 0.02, y + h * 0.63, x + w * 0.98, y + h * 0.63)
    c.legs(x, w, base - h * 0.14)
    c.rect(x, y + h * 0.74, w, h * 0.16, r=4)
    if "storage" in c.look.features:
        for at in (0.25, 0.75):
            c.grip(x + w * at, y + h * 0.82, 30)
        c.line(x + w / 2, y + h * 0.74, x + w / 2, y + h * 0.9)


def daybed(c: Canvas) -> None:
    """Along the wall, with cushions."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    c.legs(x, w, base - h * 0.2)
    c.rect(x, y, w * 0.05, h * 0.84, r=4)
    c.rect(x + w * 0.95, y, w * 0.05, h * 0.84, r=4)
    c.rect(x + w * 0.03, y + h * 0.12, w * 0.94, h * 0.4, c.dark, 4)
    c.rect(x + w * 0.04, y + h * 0.46, w * 0.92, h * 0.22, WHITE, 9)
    for number in range(3):
        c.rect(
            x + w * (0.08 + 0.29 * number),
            y + h * 0.2,
            w * 0.26,
            h * 0.28,
            ("#e4d9c4", "#b9c7c4", "#e4d9c4")[number],
            12,
        )
    c.rect(x + w * 0.02, y + h * 0.66, w * 0.96, h * 0.16, r=4)
    if {"trundle", "storage"} & set(c.look.features):
        c.rect(x + w * 0.05, y + h * 0.82, w * 0.9, h * 0.15, c.light, 3)
        c.grip(x + w / 2, y + h * 0.89, 36)


def bunk_bed(c: Canvas) -> None:
    """Two beds and a ladder, or one over a desk."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    lofted = c.look.size == "loft" or "desk_below" in c.look.features
    levels = (0.34,) if lofted else (0.34, 0.82)
    for level in levels:
        _pillow(c, x + w * 0.07, y + h * (level - 0.11), w * 0.2, h * 0.08)
        c.rect(x + w * 0.03, y + h * (level - 0.06), w * 0.94, h * 0.08, WHITE, 6)
        c.rect(x + w * 0.3, y + h * (level - 0.07), w * 0.66, h * 0.09, "#a9c6c9", 6)
        c.rect(x, y + h * level, w, h * 0.07)
    c.rect(x + w * 0.03, y + h * 0.12, w * 0.72, h * 0.05)
    if lofted:
        c.rect(x + w * 0.08, y + h * 0.66, w * 0.6, 9)
        c.rect(x + w * 0.16, y + h * 0.5, w * 0.24, h * 0.12, "#55575b", 3)
        c.rect(x + w * 0.5, y + h * 0.68, w * 0.16, h * 0.3, c.light)
    for at in (0, 0.96):
        c.rect(x + w * at, y, w * 0.04, h, r=2)
    for at in (0.76, 0.9):
        c.line(x + w * at, y + h * 0.06, x + w * at, base, color=c.ink, width=5)
    for number in range(6):
        c.line(
            x + w * 0.76,
            y + h * (0.2 + 0.13 * number),
            x + w * 0.9,
            y + h * (0.2 + 0.13 * number),
            color=c.ink,
            width=5,
        )


def mattress(c: Canvas) -> None:
    """A quilted block, from a corner."""
    x, w, base = c.x, c.w, c.base - 30
    tall = max(c.h, 30)
    c.polygon(
        [(x + w * 0.12, base - tall - 92), (x + w * 0.88, base - tall - 92), (x + w, base - tall), (x, base - tall)]
    )
    c.rect(x, base - tall, w, tall, c.light, 8)
    c.line(x + 3, base - tall * 0.5, x + w - 3, base - tall * 0.5)
    for number in range(1, 6):
        c.line(
            x + w * (0.12 + 0.76 * number / 6),
            base - tall - 90,
            x + w * number / 6,
            base - tall - 2,
            color=c.dark,
            width=1.5,
        )
    for share in (0.3, 0.64):
        c.line(
            x + w * 0.12 * (1 - share),
            base - tall - 92 * (1 - share),
            x + w * (1 - 0.12 * (1 - share)),
            base - tall - 92 * (1 - share),
            color=c.dark,
            width=1.5,
        )
    c.rect(x + w * 0.78, base - tall * 0.72, w * 0.12, tall * 0.34, c.accent, 2)


def headboard(c: Canvas) -> None:
    """Above the shadow of a bed."""
    c.rect(c.x + c.w * 0.03, c.y + c.h * 0.52, c.w * 0.94, c.h * 0.48, "#e9e5dd", 8, edge=False)
    c.rect(c.x, c.y, c.w, c.h * 0.62, r=16 if c.look.sort == "fabric" else 4)
    if c.look.sort == "fabric":
        for number in range(1, 8):
            c.line(c.x + c.w * number / 8, c.y + 3, c.x + c.w * number / 8, c.y + c.h * 0.62 - 3)
    else:
        for number in range(1, 4):
            c.line(c.x + 4, c.y + c.h * 0.155 * number, c.x + c.w - 4, c.y + c.h * 0.155 * number)
    for at in (0.12, 0.82):
        c.rect(c.x + c.w * at, c.y + c.h * 0.62, c.w * 0.06, c.h * 0.38, c.accent)


def crib(c: Canvas) -> None:
    """Bars, a mattress, a mobile."""
    x, y, w, h = c.x, c.y, c.w, c.h
    c.curve(f"M{x + w * 0.1:.1f} {y:.1f}v{-h * 0.26:.1f}q0-14 20-14h{w * 0.22:.1f}", width=3)
    for number, hue in enumerate(("#e2a24a", "#86bfe4", "#d9776a")):
        at = x + w * (0.2 + 0.08 * number)
        c.line(at, y - h * 0.26 - 14, at, y - h * 0.14, width=1.5)
        c.ellipse(at, y - h * 0.12, 5, 5, hue)
    c.legs(x, w, y + h * 0.84)
    c.rect(x + w * 0.04, y + h * 0.5, w * 0.92, h * 0.14, WHITE, 5)
    c.rect(x + w * 0.4, y + h * 0.46, w * 0.55, h * 0.18, "#a9dcc0", 6)
    for number in range(12):
        c.rect(x + w * (0.05 + 0.079 * number), y + 8, w * 0.022, h * 0.72)
    for at in (0, 0.955):
        c.rect(x + w * at, y, w * 0.045, h * 0.9, r=3)
    c.rect(x, y, w, h * 0.08, r=4)
    c.rect(x, y + h * 0.76, w, h * 0.1, r=3)


def changing_table(c: Canvas) -> None:
    """A mat with a rim, over drawers or boards."""
    c.legs(c.x, c.w, c.base - c.h * 0.08)
    c.rect(c.x, c.y + c.h * 0.12, c.w, c.h * 0.8, r=3)
    c.rect(c.x - 3, c.y + c.h * 0.02, c.w + 6, c.h * 0.12, r=3)
    c.rect(c.x + c.w * 0.08, c.y - c.h * 0.06, c.w * 0.84, c.h * 0.1, "#dbe7e1", 9)
    shelves = c.look.size == "open"
    for number in range(3):
        y = c.y + c.h * (0.19 + 0.24 * number)
        c.rect(c.x + 6, y, c.w - 12, c.h * 0.21, c.dark if shelves else c.light, 2)
        if shelves:
            c.rect(c.x + c.w * 0.12, y + c.h * 0.07, c.w * 0.3, c.h * 0.14, WHITE, 4)
        else:
            c.grip(c.x + c.w / 2, y + c.h * 0.1, 34)


def pet_bed(c: Canvas) -> None:
    """With somebody asleep in it."""
    x, w, base = c.x, c.w, c.base
    tall = max(c.h, 46)
    middle, low = x + w * 0.52, base - tall * 0.5
    c.ellipse(x + w / 2, base - tall * 0.62, w * 0.46, tall * 0.46, c.dark)
    c.path(
        f"M{middle - w * 0.26:.1f} {low:.1f}q0 {-tall * 0.72:.1f} {w * 0.26:.1f} {-tall * 0.72:.1f}t{w * 0.27:.1f} {tall * 0.72:.1f}z",
        "#c8a27a",
    )
    c.ellipse(middle - w * 0.2, low - tall * 0.16, w * 0.1, tall * 0.24, "#c8a27a")
    c.path(f"M{middle - w * 0.27:.1f} {low - tall * 0.34:.1f}q-14 4-10 30q12 2 16-14z", "#a47d57")
    c.curve(f"M{middle - w * 0.22:.1f} {low - tall * 0.18:.1f}q5 4 9 0")
    c.path(
        f"M{x:.1f} {base - tall * 0.56:.1f}Q{x:.1f} {base:.1f} {x + w * 0.16:.1f} {base:.1f}H{x + w * 0.84:.1f}Q{x + w:.1f} {base:.1f} {x + w:.1f} {base - tall * 0.56:.1f}"
        f"Q{x + w / 2:.1f} {base - tall * 0.1:.1f} {x:.1f} {base - tall * 0.56:.1f}Z"
    )


def cat_tree(c: Canvas) -> None:
    """Posts, a cave, a look-out, and who it is for."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    c.rect(x, base - 12, w, 12, r=4)
    for at, top in ((0.24, y + h * 0.16), (0.72, y + h * 0.46)):
        c.rect(x + w * at - 8, top, 16, base - 12 - top, "#d9c7a1")
        for number in range(int((base - top) // 9) - 1):
            c.line(x + w * at - 8, top + 8 + 9 * number, x + w * at + 8, top + 5 + 9 * number, width=1)
    c.rect(x + w * 0.46, base - h * 0.34, w * 0.54, h * 0.26, r=9)
    c.ellipse(x + w * 0.73, base - h * 0.21, w * 0.13, w * 0.13, c.ink)
    c.rect(x + w * 0.5, y + h * 0.44, w * 0.5, 11, r=5)
    c.rect(x, y + h * 0.16, w * 0.5, 12, r=5)
    cat, level = x + w * 0.25, y + h * 0.16
    size = min(h * 0.15, 44)
    c.path(
        f"M{cat - size * 0.4:.1f} {level:.1f}q{-size * 0.06:.1f} {-size * 0.6:.1f} {size * 0.2:.1f} {-size * 0.72:.1f}l-2 {-size * 0.34:.1f} {size * 0.16:.1f} {size * 0.14:.1f}h{size * 0.14:.1f}"
        f"l{size * 0.16:.1f} {-size * 0.14:.1f} -2 {size * 0.34:.1f}q{size * 0.26:.1f} {size * 0.12:.1f} {size * 0.2:.1f} {size * 0.72:.1f}z",
        "#4b4f54",
    )

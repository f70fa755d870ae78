"""What one puts things on."""

from __future__ import annotations

from garaza.furniture.drawings.canvas import GLASS, MIRROR, SOIL, WHITE, Canvas


def _top(c: Canvas, thick: float = 0) -> float:
    """The board. Where it ends."""
    thick = thick or max(7, min(c.h * 0.09, 14))
    c.rect(c.x, c.y, c.w, thick, r=3)
    return c.y + thick


def table(c: Canvas) -> None:
    """A board on legs; a pedestal where it is round."""
    if "round" in c.look.size:
        middle = c.x + c.w / 2
        c.path(f"M{middle - 6:.1f} {c.y + 8:.1f}h12l5 {c.h - 14:.1f}h-22z", c.accent)
        c.path(f"M{middle - c.w * 0.22:.1f} {c.base:.1f}q{c.w * 0.22:.1f} -18 {c.w * 0.44:.1f} 0z", c.accent)
        c.rect(c.x, c.y, c.w, max(8, c.h * 0.06), r=6)
        return
    c.legs(c.x, c.w, c.y + 8)
    if {"drawers", "storage", "lift_top"} & set(c.look.features):
        c.rect(c.x + c.w * 0.06, c.y + 6, c.w * 0.88, max(16, c.h * 0.22))
        c.line(c.x + c.w / 2, c.y + 10, c.x + c.w / 2, c.y + 6 + max(16, c.h * 0.22))
        for at in (0.28, 0.72):
            c.grip(c.x + c.w * at, c.y + 6 + max(16, c.h * 0.22) * 0.6, c.w * 0.1)
    if {"shelves", "extendable"} & set(c.look.features) and "shelves" in c.look.features:
        c.rect(c.x + c.w * 0.06, c.base - c.h * 0.25, c.w * 0.88, 7, r=2)
    _top(c)
    if {"extendable", "drop_leaf"} & set(c.look.features):
        for at in (0.3, 0.7):
            c.line(c.x + c.w * at, c.y, c.x + c.w * at, c.y + 10)


def low_table(c: Canvas) -> None:
    """With a shelf below."""
    table(c)
    if "round" not in c.look.size and c.look.legs not in {"plinth", "frame"}:
        c.rect(c.x + c.w * 0.07, c.base - c.h * 0.34, c.w * 0.86, 6, c.accent, 2)


def nesting(c: Canvas) -> None:
    """The small one comes out beside the big one."""
    small = c.w * 0.6
    x, y = c.x + c.w - small, c.y + c.h * 0.22
    for at in (x + 7, x + small - 7):
        c.line(at, y, at, c.base, color=c.accent, width=5)
    c.rect(x, y, small, 9, c.light, 3)
    c.w *= 0.76
    c.legs(c.x, c.w, c.y + 6)
    _top(c, 10)


def folding_table(c: Canvas) -> None:
    """One leaf up, one down."""
    if c.look.size == "wall":
        c.rect(c.x, c.y + c.h * 0.3, c.w, 10, r=3)
        for at in (0.14, 0.86):
            c.line(c.x + c.w * at, c.y + c.h * 0.3 + 10, c.x + c.w * at, c.y + c.h, color=c.accent, width=4)
        return
    c.legs(c.x + c.w * 0.2, c.w * 0.6, c.y + 6)
    c.rect(c.x + c.w * 0.02, c.y + 6, c.w * 0.09, c.h * 0.62, r=3)
    c.rect(c.x + c.w * 0.08, c.y, c.w * 0.92, 9, r=3)
    c.line(c.x + c.w * 0.72, c.y, c.x + c.w * 0.72, c.y + 9)
    c.line(c.x + c.w * 0.74, c.y + c.h * 0.4, c.x + c.w * 0.94, c.y + 9, color=c.accent, width=4)


def desk(c: Canvas) -> None:
    """With a pedestal where it has drawers."""
    c.legs(c.x, c.w, c.y + 8)
    if "drawers" in c.look.features or "lockable" in c.look.features:
        wide = c.w * 0.3
        x = c.x + c.w - wide - 3
        c.rect(x, c.y + 8, wide, c.h * 0.72)
        for number in range(3):
            top = c.y + 8 + c.h * 0.24 * number
            c.line(x, top, x + wide, top)
            c.grip(x + wide / 2, top + c.h * 0.1, wide * 0.3)
    else:
        c.rect(c.x + c.w * 0.06, c.y + 8, c.w * 0.88, c.h * 0.13)
        c.grip(c.x + c.w / 2, c.y + 8 + c.h * 0.07, c.w * 0.1)
    _top(c)


def standing_desk(c: Canvas) -> None:
    """On two columns, with a screen, which says what it is."""
    for at in (0.16, 0.84):
        x = c.x + c.w * at
        c.rect(x - 7, c.y + c.h * 0.3, 14, c.h * 0.4, c.accent)
        c.rect(x - 10, c.y + c.h * 0.58, 20, c.h * 0.4, c.accent)
        c.rect(x - 26, c.base - 7, 52, 7, c.accent, 3)
    c.rect(c.x, c.y + c.h * 0.28, c.w, 11, r=3)
    c.line(c.x + c.w / 2, c.y + c.h * 0.28, c.x + c.w / 2, c.y + c.h * 0.22, color="#55575b", width=6)
    c.rect(c.x + c.w * 0.31, c.y, c.w * 0.38, c.h * 0.23, "#55575b", 4)
    c.path(f"M{c.x + c.w * 0.9:.1f} {c.y + c.h * 0.38:.1f}v10m-4-4 4 4 4-4m-8-8 4-4 4 4", "none")


def vanity(c: Canvas) -> None:
    """A table with drawers under a mirror."""
    top = c.y + c.h * 0.44
    c.ellipse(c.x + c.w / 2, c.y + c.h * 0.22, c.w * 0.27, c.h * 0.22, c.accent)
    c.ellipse(c.x + c.w / 2, c.y + c.h * 0.22, c.w * 0.24, c.h * 0.19, MIRROR)
    c.legs(c.x, c.w, top + 8)
    c.rect(c.x + c.w * 0.04, top + 6, c.w * 0.92, c.h * 0.14)
    for at in (0.26, 0.74):
        c.grip(c.x + c.w * at, top + 8 + c.h * 0.07, c.w * 0.1)
    c.line(c.x + c.w / 2, top + 8, c.x + c.w / 2, top + c.h * 0.14)
    c.rect(c.x, top, c.w, 9, r=3)


def _castors(c: Canvas) -> None:
    for at in (0.1, 0.9):
        c.ellipse(c.x + c.w * at, c.base - 6, 6, 6, "#4a4a4c")


def kitchen_cart(c: Canvas) -> None:
    """Drawers, a shelf or doors, a rail, wheels."""
    c.rect(c.x + c.w * 0.05, c.y + 8, c.w * 0.9, c.h - 20)
    c.rect(c.x + c.w * 0.1, c.y + c.h * 0.36, c.w * 0.8, c.h * 0.52, c.light if "doors" in c.look.features else c.dark)
    for at in (0.3, 0.7):
        c.rect(c.x + c.w * (at - 0.17), c.y + c.h * 0.14, c.w * 0.34, c.h * 0.16, c.light)
        c.grip(c.x + c.w * at, c.y + c.h * 0.21, c.w * 0.1)
    if "doors" in c.look.features:
        c.line(c.x + c.w / 2, c.y + c.h * 0.36, c.x + c.w / 2, c.y + c.h * 0.88)
        for at in (0.46, 0.54):
            c.knob(c.x + c.w * at, c.y + c.h * 0.6)
    else:
        c.rect(c.x + c.w * 0.1, c.y + c.h * 0.62, c.w * 0.8, 6, c.light)
    c.line(
        c.x + c.w * 0.98,
        c.y + c.h * 0.2,
        c.x + c.w * 1.03,
        c.y + c.h * 0.2,
        c.x + c.w * 1.03,
        c.y + c.h * 0.4,
        color=c.accent,
        width=4,
    )
    _castors(c)
    _top(c, 12)


def bar_cart(c: Canvas) -> None:
    """Two trays with bottles and glasses."""
    tone = c.accent if c.look.sort != "metal" else c.dark
    for at in (0.04, 0.94):
        c.line(c.x + c.w * at, c.y, c.x + c.w * at, c.base - 12, color=tone, width=5)
    _castors(c)
    for share in (0.26, 0.78):
        y = c.y + c.h * share
        for number, tall in enumerate((0.2, 0.17, 0.12, 0.12)):
            x = c.x + c.w * (0.16 + 0.19 * number)
            if number < 2:
                c.path(
                    f"M{x - 7:.1f} {y:.1f}v{-c.h * tall * 0.6:.1f}q5 -4 5 {-c.h * tall * 0.4:.1f}h4q0 {c.h * tall * 0.3:.1f} 5 {c.h * tall * 0.4:.1f}v{c.h * tall * 0.6:.1f}z",
                    "#7d8f6d" if number else "#a8744a",
                )
            else:
                c.path(f"M{x - 7:.1f} {y - c.h * tall:.1f}h14l-3 {c.h * tall:.1f}h-8z", GLASS)
        c.rect(c.x, y, c.w, 8)


def kids_table(c: Canvas) -> None:
    """Low, with a small chair on either side."""
    for x in (c.x, c.x + c.w * 0.78):
        c.rect(x, c.y - 8, c.w * 0.22, c.h * 0.36, c.light, 7)
        c.rect(x, c.y + c.h * 0.46, c.w * 0.22, 8, c.light, 3)
        for at in (0.03, 0.19):
            c.line(x + c.w * at, c.y + c.h * 0.28, x + c.w * at, c.base, color=c.accent, width=5)
    c.x, c.w = c.x + c.w * 0.17, c.w * 0.66
    c.legs(c.x, c.w, c.y + 8)
    c.rect(c.x, c.y + c.h * 0.12, c.w, 12, r=5)


def bistro_set(c: Canvas) -> None:
    """A round table between two folding chairs."""
    tone = c.ink if c.look.sort == "weave" else c.dark
    seat, top = c.base - c.h * 0.6, c.base - c.h * 1.14
    for outer, way in ((c.x + c.w * 0.02, 1), (c.x + c.w * 0.98, -1)):
        inner = outer + way * c.w * 0.22
        c.line(outer - way * 4, top, inner, c.base, color=tone, width=6)
        c.line(inner - way * 4, seat, outer + way * 4, c.base, color=tone, width=6)
        c.rect(min(outer, inner), seat - 4, c.w * 0.22, 9, r=3)
        for share in (0.0, 0.12, 0.24):
            x = outer + way * (c.w * 0.2 * share - 4)
            c.rect(x - 6, top + c.h * share, 12, c.h * 0.08, r=3)
    middle = c.x + c.w / 2
    for way in (-1, 1):
        c.line(middle + way * c.w * 0.12, c.base, middle - way * c.w * 0.08, c.y + 8, color=tone, width=6)
    c.rect(middle - c.w * 0.19, c.y, c.w * 0.38, 10, r=4)
    for at, tall in ((-16, 14), (12, 20)):
        c.rect(middle + at, c.y - tall, 13, tall, WHITE, 3)


def outdoor_dining(c: Canvas) -> None:
    """Slats, and a chair's back behind."""
    for at in (0.12, 0.4, 0.68):
        c.rect(c.x + c.w * at, c.y - c.h * 0.22, c.w * 0.2, c.h * 0.5, c.light, 6)
    c.legs(c.x, c.w, c.y + 8)
    _top(c, 12)
    for number in range(1, 8):
        c.line(c.x + c.w * number / 8, c.y, c.x + c.w * number / 8, c.y + 12)


def plant(c: Canvas, x: float, base: float, size: float) -> None:
    """In a pot."""
    c.path(
        f"M{x - size * 0.28:.1f} {base - size * 0.4:.1f}h{size * 0.56:.1f}l{-size * 0.08:.1f} {size * 0.4:.1f}h{-size * 0.4:.1f}z",
        "#f0ebe2",
    )
    for dx in (-0.34, 0.0, 0.34):
        c.path(
            f"M{x:.1f} {base - size * 0.4:.1f}Q{x + size * (dx - 0.16):.1f} {base - size * 0.8:.1f} {x + size * dx:.1f} {base - size * (1.05 if dx == 0 else 0.9):.1f}"
            f"Q{x + size * (dx + 0.16):.1f} {base - size * 0.7:.1f} {x:.1f} {base - size * 0.4:.1f}z",
            "#6f8f62",
        )
    c.line(x - size * 0.22, base - size * 0.4, x + size * 0.22, base - size * 0.4, color=SOIL)


def plant_stand(c: Canvas) -> None:
    """As many tiers as it has, and what they are for."""
    tiers = next((int(letter) for letter in c.look.size if letter.isdigit()), 1)
    if tiers == 1:
        c.y += c.h * 0.35
        c.h *= 0.65
        c.legs(c.x, c.w, c.y + 4)
        plant(c, c.x + c.w / 2, c.y + 2, c.w * 0.75)
        c.rect(c.x, c.y, c.w, 9, r=4)
        return
    for at in (0.03, 0.97):
        c.line(c.x + c.w * at, c.y, c.x + c.w * at, c.base, color=c.accent, width=5)
    for number in range(tiers):
        y = c.y + c.h * (0.3 + 0.66 * number / max(1, tiers - 1))
        for at in (0.3, 0.7):
            plant(c, c.x + c.w * at, y, min(c.h * 0.5 / tiers, c.w * 0.4))
        c.rect(c.x, y, c.w, 7, r=2)

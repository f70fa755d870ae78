"""What one sits on."""

from __future__ import annotations

from garaza.furniture.drawings.canvas import NONE, Canvas


def sofa(c: Canvas, places: int = 3) -> None:
    """Back, arms, cushions and legs."""
    foot = min(c.h * 0.16, 26)
    arm = min(c.w * 0.1, 30)
    if places == 1:
        arm = c.w * 0.15
    seat = c.h * 0.52
    c.legs(c.x, c.w, c.base - foot)
    c.rect(c.x + arm * 0.6, c.y, c.w - arm * 1.2, c.h * 0.66, r=c.h * 0.14)
    each = (c.w - 2 * arm) / places
    for number in range(places):
        c.rect(c.x + arm + number * each + 2, c.y + c.h * 0.1, each - 4, c.h * 0.46, r=10)
    c.rect(
        c.x + arm, c.y + seat + c.h * 0.16, c.w - 2 * arm, c.h * 0.84 - seat - foot + c.h * 0.16 - c.h * 0.16, c.dark, 3
    )
    for number in range(places):
        c.rect(c.x + arm + number * each, c.y + seat, each, c.h * 0.2, r=8)
    for x in (c.x, c.x + c.w - arm):
        c.rect(x, c.y + c.h * 0.32, arm, c.h * 0.68 - foot, r=arm * 0.42)


def three(c: Canvas) -> None:
    sofa(c, 4 if "4" in c.look.size else 3)


def two(c: Canvas) -> None:
    sofa(c, 2)


def sofa_bed(c: Canvas) -> None:
    """With the strap at which it is pulled out, and a folded sheet."""
    sofa(c, 1 if "single" in c.look.size else 2)
    middle, low = c.x + c.w / 2, c.base - c.h * 0.2
    c.line(c.x + c.w * 0.14, low - 8, c.x + c.w * 0.86, low - 8)
    c.path(f"M{middle - 8:.1f} {low - 3:.1f}v11q8 7 16 0v-11z", c.accent)
    c.rect(c.x + c.w * 0.58, c.y + c.h * 0.42, c.w * 0.2, c.h * 0.11, "#fbfaf7", 4)


def sectional(c: Canvas) -> None:
    """A sofa, one end of which comes forward."""
    sofa(c, 3)
    foot = min(c.h * 0.16, 26)
    c.rect(c.x - 4, c.y + c.h * 0.56, c.w * 0.37, c.h * 0.28, r=9)
    c.rect(c.x - 4, c.y + c.h * 0.74, c.w * 0.37, c.h * 0.26 - foot * 0.5, c.dark, 6)


def armchair(c: Canvas) -> None:
    sofa(c, 1)


def recliner(c: Canvas) -> None:
    """Leant back, with the footrest up."""
    sofa(c, 1)
    c.rect(c.x + c.w * 0.2, c.y + c.h * 0.66, c.w * 0.6, c.h * 0.3, r=12)
    c.rect(c.x + c.w * 0.26, c.y + c.h * 0.08, c.w * 0.48, c.h * 0.16, r=10)
    c.line(c.x + c.w * 0.2, c.y + c.h * 0.8, c.x + c.w * 0.8, c.y + c.h * 0.8)


def rocking_chair(c: Canvas) -> None:
    """From the side, for its runners."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    c.curve(
        f"M{x:.1f} {base - h * 0.07:.1f}Q{x + w / 2:.1f} {base + h * 0.07:.1f} {x + w:.1f} {base - h * 0.07:.1f}",
        color=c.accent,
        width=6,
    )
    c.line(x + w * 0.24, base - 3, x + w * 0.3, y + h * 0.6, color=c.accent, width=6)
    c.line(x + w * 0.78, base - 4, x + w * 0.72, y + h * 0.42, color=c.accent, width=6)
    c.polygon(
        [(x + w * 0.02, y + h * 0.04), (x + w * 0.16, y), (x + w * 0.4, y + h * 0.62), (x + w * 0.22, y + h * 0.66)]
    )
    c.rect(x + w * 0.2, y + h * 0.56, w * 0.6, h * 0.13, r=9)
    c.line(x + w * 0.22, y + h * 0.42, x + w * 0.78, y + h * 0.4, color=c.accent, width=7)


def ottoman(c: Canvas) -> None:
    foot = min(c.h * 0.2, 26)
    c.legs(c.x + c.w * 0.06, c.w * 0.88, c.base - foot)
    c.rect(c.x, c.y + c.h * 0.12, c.w, c.h * 0.88 - foot, r=12)
    c.rect(c.x - 2, c.y, c.w + 4, c.h * 0.3, r=14)
    c.line(c.x + c.w / 2, c.y + c.h * 0.3, c.x + c.w / 2, c.base - foot)


def bean_bag(c: Canvas) -> None:
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    c.path(
        f"M{x + w * 0.06:.1f} {base:.1f}C{x - w * 0.1:.1f} {base - h * 0.4:.1f} {x + w * 0.22:.1f} {y + h * 0.5:.1f} {x + w * 0.34:.1f} {y + h * 0.12:.1f}"
        f"Q{x + w * 0.46:.1f} {y - h * 0.08:.1f} {x + w * 0.6:.1f} {y + h * 0.12:.1f}C{x + w * 0.74:.1f} {y + h * 0.5:.1f} {x + w * 1.1:.1f} {base - h * 0.4:.1f} {x + w * 0.94:.1f} {base:.1f}Z"
    )
    c.curve(
        f"M{x + w * 0.4:.1f} {y + h * 0.1:.1f}Q{x + w * 0.28:.1f} {y + h * 0.6:.1f} {x + w * 0.3:.1f} {base - 4:.1f}"
    )
    c.curve(
        f"M{x + w * 0.54:.1f} {y + h * 0.1:.1f}Q{x + w * 0.7:.1f} {y + h * 0.6:.1f} {x + w * 0.68:.1f} {base - 4:.1f}"
    )


def dining_chair(c: Canvas) -> None:
    seat = c.y + c.h * 0.54
    c.legs(c.x, c.w, seat)
    for x in (c.x + c.w * 0.1, c.x + c.w * 0.84):
        c.rect(x, c.y + c.h * 0.05, c.w * 0.06, c.h * 0.5, c.accent, 2)
    c.rect(c.x + c.w * 0.06, c.y, c.w * 0.88, c.h * 0.3, r=c.w * 0.12)
    c.rect(c.x - 2, seat - c.h * 0.035, c.w + 4, c.h * 0.09, r=8)


def bar_stool(c: Canvas) -> None:
    back = "backless" not in c.look.size
    seat = c.y + (c.h * 0.3 if back else 0)
    if back:
        for x in (c.x + c.w * 0.14, c.x + c.w * 0.8):
            c.rect(x, c.y + 6, c.w * 0.06, c.h * 0.3, c.accent, 2)
        c.rect(c.x + c.w * 0.06, c.y, c.w * 0.88, c.h * 0.15, r=10)
    c.legs(c.x, c.w, seat)
    step = c.base - (c.base - seat) * 0.3
    c.line(c.x + c.w * 0.08, step, c.x + c.w * 0.92, step, color=c.accent, width=4)
    c.rect(c.x - 2, seat - 3, c.w + 4, c.h * 0.08, r=8)


def stool(c: Canvas) -> None:
    c.legs(c.x, c.w, c.y + c.h * 0.1)
    c.line(c.x + c.w * 0.12, c.base - c.h * 0.3, c.x + c.w * 0.88, c.base - c.h * 0.3, color=c.accent, width=5)
    c.rect(c.x - 3, c.y, c.w + 6, c.h * 0.16, r=10)


def step_stool(c: Canvas) -> None:
    steps = 3 if "3" in c.look.size else 2
    for x in (c.x + c.w * 0.06, c.x + c.w * 0.88):
        c.rect(x, c.y, c.w * 0.06, c.h, c.accent, 2)
    for number in range(steps):
        wide = c.w * (0.78 + 0.11 * number)
        c.rect(c.x + (c.w - wide) / 2, c.y + c.h * number / steps, wide, c.h * 0.11, r=3)


def bench(c: Canvas) -> None:
    c.legs(c.x, c.w, c.y + c.h * 0.2)
    if "shoe_shelf" in c.look.features:
        c.rect(c.x + c.w * 0.05, c.base - c.h * 0.3, c.w * 0.9, c.h * 0.07, c.accent, 2)
    if "storage" in c.look.features:
        c.rect(c.x + c.w * 0.03, c.y + c.h * 0.2, c.w * 0.94, c.h * 0.5)
        c.grip(c.x + c.w / 2, c.y + c.h * 0.3, 26)
    c.rect(c.x, c.y, c.w, c.h * 0.22, r=7)


def office_chair(c: Canvas) -> None:
    """On castors; with what it has of arms and headrest."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    head = "headrest" in c.look.features
    c.line(x + w / 2, y + h * 0.6, x + w / 2, base - h * 0.12, color=c.accent, width=8)
    c.line(
        x + w * 0.1, base - h * 0.06, x + w / 2, base - h * 0.13, x + w * 0.9, base - h * 0.06, color=c.accent, width=6
    )
    for at in (0.1, 0.5, 0.9):
        c.ellipse(x + w * at, base - h * 0.025, h * 0.026, h * 0.026, "#3a3a3c")
    if head:
        c.rect(x + w * 0.28, y, w * 0.44, h * 0.11, r=9)
        c.line(x + w / 2, y + h * 0.11, x + w / 2, y + h * 0.16, color=c.accent, width=7)
    top = y + (h * 0.14 if head else 0)
    c.rect(x + w * 0.14, top, w * 0.72, y + h * 0.54 - top, r=w * 0.16)
    c.curve(f"M{x + w * 0.24:.1f} {y + h * 0.4:.1f}q{w * 0.26:.1f} {h * 0.07:.1f} {w * 0.52:.1f} 0")
    c.rect(x + w * 0.08, y + h * 0.55, w * 0.84, h * 0.1, r=10)
    if "armless" not in c.look.features:
        for at in (0.02, 0.86):
            c.rect(x + w * at, y + h * 0.4, w * 0.12, h * 0.035, c.accent, 4)
            c.line(x + w * (at + 0.06), y + h * 0.435, x + w * (at + 0.06), y + h * 0.57, color=c.accent, width=5)


def gaming_chair(c: Canvas) -> None:
    """With bolsters and two stripes."""
    office_chair(c)
    x, y, w, h = c.x, c.y, c.w, c.h
    for side in (0.22, 0.72):
        c.rect(x + w * side, y + h * 0.17, w * 0.06, h * 0.34, c.light, 3)
    c.rect(x + w * 0.36, y + h * 0.06, w * 0.28, h * 0.08, c.light, 6)
    c.rect(x + w * 0.33, y + h * 0.4, w * 0.34, h * 0.1, c.light, 6)


def hanging_chair(c: Canvas) -> None:
    """An egg on a stand, or a hammock between two hooks."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    if c.look.size == "hammock":
        for at in (0, 1):
            c.line(x + w * at, y, x + w * at, base, color=c.accent, width=6)
        c.path(
            f"M{x:.1f} {y + h * 0.2:.1f}Q{x + w / 2:.1f} {base + h * 0.15:.1f} {x + w:.1f} {y + h * 0.2:.1f}Q{x + w / 2:.1f} {y + h * 0.72:.1f} {x:.1f} {y + h * 0.2:.1f}Z"
        )
        return
    c.curve(
        f"M{x + w * 0.94:.1f} {base - 3:.1f}C{x + w * 1.1:.1f} {y - h * 0.02:.1f} {x + w * 0.84:.1f} {y:.1f} {x + w / 2:.1f} {y + 3:.1f}",
        color=c.accent,
        width=6,
    )
    c.line(x + w * 0.2, base - 3, x + w, base - 3, color=c.accent, width=6)
    c.line(x + w / 2, y + 3, x + w / 2, y + h * 0.14, color=c.accent)
    c.ellipse(x + w / 2, y + h * 0.5, w * 0.4, h * 0.36)
    c.ellipse(x + w / 2, y + h * 0.52, w * 0.29, h * 0.27, c.dark)
    c.path(
        f"M{x + w * 0.22:.1f} {y + h * 0.6:.1f}q{w * 0.28:.1f} {h * 0.08:.1f} {w * 0.56:.1f} 0q{-w * 0.08:.1f} {h * 0.18:.1f} {-w * 0.28:.1f} {h * 0.19:.1f}q{-w * 0.2:.1f} {-h * 0.01:.1f} {-w * 0.28:.1f} {-h * 0.19:.1f}z",
        "#f2efe8",
    )


def lounger(c: Canvas) -> None:
    """From the side: its length is what it is about."""
    x, w, base, h = c.x, c.w, c.base, c.h
    seat = base - h * 0.42
    c.polygon([(x + w * 0.36, seat), (x + w * 0.4, seat - 8), (x + w * 0.08, c.y), (x, c.y + 7)])
    c.rect(x + w * 0.34, seat - 8, w * 0.66, 11, r=4)
    for at in (0.42, 0.92):
        c.line(x + w * at, seat + 3, x + w * at, base, color=c.accent, width=6)
    c.line(x + w * 0.12, c.y + h * 0.2, x + w * 0.2, base, color=c.accent, width=4)
    if "wheels" in c.look.features:
        c.ellipse(x + w * 0.92, base - 8, 9, 9, NONE)


def outdoor_set(c: Canvas) -> None:
    """A sofa with a low table before it."""
    sofa(c, 2 if "3" in c.look.size else 3)
    wide = c.w * 0.34
    x, top = c.x + (c.w - wide) / 2, c.base - c.h * 0.4
    for at in (x + 8, x + wide - 8):
        c.line(at, top, at, c.base + 7, color=c.accent, width=5)
    c.rect(x, top, wide, 10, c.light, 3)

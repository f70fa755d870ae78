"""Light, fabrics, mirrors, and what stands in halls."""

from __future__ import annotations

from garaza.furniture.drawings.canvas import GLOW, MIRROR, WHITE, Canvas


def mirror(c: Canvas) -> None:
    """With what it gives back: a little light."""
    frame = max(4.0, min(c.w, c.h) * 0.05)
    if "round" in c.look.size:
        radius = c.w / 2
        c.ellipse(c.x + radius, c.y + radius, radius, radius, c.accent)
        c.ellipse(c.x + radius, c.y + radius, radius - frame, radius - frame, MIRROR)
    else:
        c.rect(c.x, c.y, c.w, c.h, c.accent, 6)
        c.rect(c.x + frame, c.y + frame, c.w - 2 * frame, c.h - 2 * frame, MIRROR, 3)
    for shift, share in ((0, 0.3), (12, 0.24)):
        x, y = c.x + c.w * 0.3 + shift, c.y + c.h * 0.5 + shift
        c.line(x, y, x + c.w * share, y - c.w * share, color="#fff", width=4)


def _shade(c: Canvas, x: float, top: float, w: float, h: float, fill: str) -> None:
    c.polygon([(x - w * 0.32, top), (x + w * 0.32, top), (x + w / 2, top + h), (x - w / 2, top + h)], fill)


def _light(c: Canvas, x: float, y: float, radius: float) -> None:
    c.ellipse(x, y, radius, radius, GLOW, edge=False)


def floor_lamp(c: Canvas) -> None:
    """Straight, on three legs, or over an arc."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    tone = c.accent if c.look.sort != "metal" else c.look.hue
    cloth = c.look.hue if c.look.sort in {"fabric", "weave", "other"} else "#f3ead6"
    middle = x + w / 2
    if c.look.size == "arc":
        _light(c, x + w * 0.16, y + h * 0.3, 50)
        c.curve(
            f"M{x + w * 0.86:.1f} {base - 8:.1f}V{y + h * 0.36:.1f}Q{x + w * 0.8:.1f} {y - 6:.1f} {x + w * 0.16:.1f} {y + h * 0.14:.1f}",
            color=tone,
            width=5,
        )
        c.path(f"M{x + w * 0.16 - 36:.1f} {y + h * 0.3:.1f}q0 {-h * 0.17:.1f} 36 {-h * 0.17:.1f}t36 {h * 0.17:.1f}z")
        c.rect(x + w * 0.86 - 26, base - 9, 52, 9, r=4)
        return
    wide = max(w * 0.9, 58) if c.look.size != "slim" else max(w, 34)
    tall = min(h * 0.2, 56)
    _light(c, middle, y + tall * 0.7, wide * 0.75)
    if c.look.size == "tripod":
        for at in (0.02, 0.5, 0.98):
            c.line(middle, y + tall, x + w * at, base, color=tone, width=6)
    else:
        c.line(middle, y + tall, middle, base - 6, color=tone, width=5)
        c.path(f"M{middle - 28:.1f} {base:.1f}q0-9 28-9t28 9z", tone)
    _shade(c, middle, y, wide, tall, cloth)
    if "adjustable_arm" in c.look.features:
        c.line(middle, y + h * 0.5, middle + 40, y + h * 0.42, color=tone, width=4)
        c.path(f"M{middle + 36:.1f} {y + h * 0.4:.1f}l22 2 6 18-30-6z", tone)


def table_lamp(c: Canvas) -> None:
    """A belly or a stem, and a shade."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    middle = x + w / 2
    tone = c.accent if c.look.sort in {"fabric", "other", "weave"} else "url(#m)"
    _light(c, middle, y + h * 0.28, w * 0.72)
    if c.look.sort in {"stone", "other"}:
        c.path(
            f"M{middle - w * 0.14:.1f} {y + h * 0.44:.1f}C{middle - w * 0.5:.1f} {y + h * 0.66:.1f} {middle - w * 0.36:.1f} {base:.1f} {middle - w * 0.18:.1f} {base:.1f}"
            f"H{middle + w * 0.18:.1f}C{middle + w * 0.36:.1f} {base:.1f} {middle + w * 0.5:.1f} {y + h * 0.66:.1f} {middle + w * 0.14:.1f} {y + h * 0.44:.1f}Z",
            "url(#m)",
        )
    else:
        c.rect(middle - 5, y + h * 0.44, 10, h * 0.5, tone)
        c.path(
            f"M{middle - w * 0.3:.1f} {base:.1f}q0 {-h * 0.09:.1f} {w * 0.3:.1f} {-h * 0.09:.1f}t{w * 0.3:.1f} {h * 0.09:.1f}z",
            tone,
        )
    if c.look.legs in {"tapered", "low", "hairpin"}:
        c.path(
            f"M{x:.1f} {y + h * 0.44:.1f}q0 {-h * 0.44:.1f} {w / 2:.1f} {-h * 0.44:.1f}t{w / 2:.1f} {h * 0.44:.1f}z",
            "#f3ead6",
        )
    else:
        _shade(c, middle, y, w, h * 0.46, "#f3ead6")


def pendant(c: Canvas) -> None:
    """From the ceiling."""
    x, y, w, h = c.x, c.y, c.w, c.h
    middle = x + w / 2
    c.rect(middle - 16, 0, 32, 8, c.accent, 3)
    if c.look.size == "linear":
        for at in (0.12, 0.88):
            c.line(x + w * at, 0, x + w * at, y, color=c.accent)
        for number in range(4):
            at = x + w * (0.14 + 0.24 * number)
            _light(c, at, y + h * 0.6, 26)
            c.path(f"M{at - 22:.1f} {y + h * 0.62:.1f}q0 {-h * 0.6:.1f} 22 {-h * 0.6:.1f}t22 {h * 0.6:.1f}z")
        c.rect(x, y - 4, w, 8, c.accent, 3)
        return
    c.line(middle, 8, middle, y, color=c.accent, width=3)
    _light(c, middle, y + h, w * 0.34)
    if c.look.sort in {"other", "stone"} or c.look.legs == "brass":
        c.ellipse(middle, y + h / 2, w / 2, h / 2)
        for share in (0.2, 0.34):
            c.curve(
                f"M{middle:.1f} {y:.1f}q{w * share * 2:.1f} {h / 2:.1f} 0 {h:.1f}M{middle:.1f} {y:.1f}q{-w * share * 2:.1f} {h / 2:.1f} 0 {h:.1f}",
                width=1.5,
            )
    else:
        c.path(
            f"M{x:.1f} {y + h:.1f}C{x:.1f} {y + h * 0.3:.1f} {middle - w * 0.2:.1f} {y + h * 0.1:.1f} {middle - 8:.1f} {y:.1f}h16C{middle + w * 0.2:.1f} {y + h * 0.1:.1f} {x + w:.1f} {y + h * 0.3:.1f} {x + w:.1f} {y + h:.1f}z"
        )
        c.line(x + w * 0.05, y + h * 0.8, x + w * 0.95, y + h * 0.8)


def rug(c: Canvas) -> None:
    """From above."""
    x, y, w, h = c.x, c.y, c.w, c.h
    if "round" in c.look.size:
        for share, fill in ((1.0, "url(#m)"), (0.84, c.light), (0.72, "url(#m)"), (0.4, c.dark), (0.3, "url(#m)")):
            c.ellipse(x + w / 2, y + h / 2, w / 2 * share, h / 2 * share, fill)
        return
    for number in range(int(w // 9) + 1):
        at = x + number * w / int(w // 9)
        c.line(at, y - 8, at, y + h + 8, width=1.5)
    c.rect(x, y, w, h)
    c.rect(x + 10, y + 10, w - 20, h - 20, c.light)
    c.rect(x + 17, y + 17, w - 34, h - 34)
    rows = max(1, round(h / w * 2))
    each = (h - 50) / rows
    for row in range(rows):
        middle = y + 25 + each * (row + 0.5)
        reach, up = (w - 56) / 2, each * 0.42
        c.polygon(
            [
                (x + w / 2 - reach, middle),
                (x + w / 2, middle - up),
                (x + w / 2 + reach, middle),
                (x + w / 2, middle + up),
            ],
            c.dark,
        )
        c.polygon(
            [
                (x + w / 2 - reach / 2, middle),
                (x + w / 2, middle - up / 2),
                (x + w / 2 + reach / 2, middle),
                (x + w / 2, middle + up / 2),
            ],
            c.light,
        )


def curtains(c: Canvas) -> None:
    """On a rod before a window."""
    x, y, w, h = c.x, c.y, c.w, c.h
    c.rect(x + w * 0.2, y + h * 0.1, w * 0.6, h * 0.62, "#e3eef1")
    c.line(x + w / 2, y + h * 0.1, x + w / 2, y + h * 0.72)
    c.line(x + w * 0.2, y + h * 0.4, x + w * 0.8, y + h * 0.4)
    for left in (True, False):
        near, far = (x, x + w * 0.36) if left else (x + w, x + w * 0.64)
        c.path(
            f"M{near:.1f} {y:.1f}H{far:.1f}Q{far - (far - near) * 0.1:.1f} {y + h * 0.6:.1f} {far:.1f} {y + h:.1f}H{near:.1f}z"
        )
        for share in (0.25, 0.5, 0.75):
            at = near + (far - near) * share
            c.curve(f"M{at:.1f} {y:.1f}q{(far - near) * -0.04:.1f} {h * 0.6:.1f} 0 {h:.1f}", width=1.5)
    c.line(x - 16, y, x + w + 16, y, color="#8a7458", width=6)
    for at in (x - 18, x + w + 18):
        c.ellipse(at, y, 6, 6, "#8a7458")


def cushion(c: Canvas) -> None:
    """Plump, with a seam."""
    x, y, w, h = c.x, c.y, c.w, c.h
    bow = min(w, h) * 0.09
    c.path(
        f"M{x:.1f} {y:.1f}Q{x + w / 2:.1f} {y + bow * 2:.1f} {x + w:.1f} {y:.1f}Q{x + w - bow * 2:.1f} {y + h / 2:.1f} {x + w:.1f} {y + h:.1f}"
        f"Q{x + w / 2:.1f} {y + h - bow * 2:.1f} {x:.1f} {y + h:.1f}Q{x + bow * 2:.1f} {y + h / 2:.1f} {x:.1f} {y:.1f}Z"
    )
    inner = bow * 2.4
    c.path(
        f"M{x + inner:.1f} {y + inner:.1f}Q{x + w / 2:.1f} {y + inner + bow:.1f} {x + w - inner:.1f} {y + inner:.1f}Q{x + w - inner - bow:.1f} {y + h / 2:.1f} {x + w - inner:.1f} {y + h - inner:.1f}"
        f"Q{x + w / 2:.1f} {y + h - inner - bow:.1f} {x + inner:.1f} {y + h - inner:.1f}Q{x + inner + bow:.1f} {y + h / 2:.1f} {x + inner:.1f} {y + inner:.1f}Z",
        c.light,
    )
    c.ellipse(x + w / 2, y + h / 2, 5, 5, c.dark)


def throw(c: Canvas) -> None:
    """Folded twice, with fringes."""
    x, y, w, h = c.x, c.y, c.w, c.h
    for number in range(int(w // 8)):
        c.line(x + 6 + number * 8, y + h, x + 5 + number * 8, y + h + 15)
    c.rect(x, y, w, h, r=5)
    for number, share in enumerate((0.3, 0.4, 0.5)):
        c.rect(x + 1, y + h * (0.2 + share), w - 2, h * 0.06, c.light if number % 2 else c.dark, edge=False)
    c.path(
        f"M{x:.1f} {y + h * 0.36:.1f}V{y + 5:.1f}q0-5 5-5H{x + w - 5:.1f}q5 0 5 5V{y + h * 0.36:.1f}q{-w / 2:.1f} {h * 0.1:.1f} {-w:.1f} 0z",
        c.light,
    )


def coat_stand(c: Canvas) -> None:
    """With a coat and a hat; over a bench where it has one."""
    x, y, w, h, base = c.x, c.y, c.w, c.h, c.base
    if "bench" in c.look.size:
        for at in (0.02, 0.95):
            c.rect(x + w * at, y, w * 0.04, h)
        c.rect(x, y + h * 0.1, w, h * 0.05)
        for number in range(4):
            c.curve(f"M{x + w * (0.14 + 0.24 * number):.1f} {y + h * 0.15:.1f}v8q0 7 7 7", color=c.accent, width=4)
        c.path(f"M{x + w * 0.38:.1f} {y + h * 0.18:.1f}q-16 10-14 70h34q4-60-12-70z", "#46606b")
        c.rect(x, y + h * 0.72, w, h * 0.05, r=3)
        c.rect(x + w * 0.03, y + h * 0.9, w * 0.94, h * 0.03)
        return
    middle = x + w / 2
    c.line(middle, y, middle, base - 4, color=c.look.hue if c.look.sort != "metal" else c.dark, width=8)
    for at in (0, 0.5, 1):
        c.line(middle, base - 16, x + w * at, base - 2, color=c.look.hue if c.look.sort != "metal" else c.dark, width=6)
    c.path(
        f"M{middle + 14:.1f} {y + h * 0.12:.1f}q30 12 26 {h * 0.46:.1f}h-34q-10 {-h * 0.3:.1f} 8 {-h * 0.46:.1f}z",
        "#a4573f",
    )
    for side in (-1, 1):
        for share in (0.08, 0.26):
            c.curve(
                f"M{middle:.1f} {y + h * share + 16:.1f}q{side * 18:.1f} 0 {side * 24:.1f} -18",
                color=c.look.hue if c.look.sort != "metal" else c.dark,
                width=6,
            )
    c.path(f"M{middle - 44:.1f} {y + h * 0.06:.1f}q20 6 40 0q-4-20-20-20t-20 20z", "#46606b")


def wall_hooks(c: Canvas) -> None:
    """A rail with a bag and a scarf."""
    x, y, w = c.x, c.y, c.w
    count = 8 if "8" in c.look.size else 5
    tall = max(c.h * 0.5, 24)
    c.rect(x, y, w, tall, r=5)
    for number in range(count):
        at = x + w * (number + 0.5) / count
        c.curve(f"M{at:.1f} {y + tall * 0.4:.1f}v{tall * 0.7:.1f}q0 9 9 9t9-9", color=c.accent, width=5)
    at = x + w * 1.5 / count
    c.path(f"M{at - 5:.1f} {y + tall * 1.2:.1f}q-16 30-20 50h60q-4-20-20-50", "none")
    c.rect(at - 28, y + tall * 1.2 + 48, 66, 62, "#a4573f", 7)
    at = x + w * (count - 1.5) / count
    c.path(f"M{at - 5:.1f} {y + tall * 1.15:.1f}h22l5 116h-15l-3-60-3 74h-15z", "#c9a24f")


def room_divider(c: Canvas) -> None:
    """Panels in a zigzag."""
    panels = next((int(letter) for letter in c.look.size if letter.isdigit()), 3)
    wide = c.w / panels
    for number in range(panels):
        near, far = (0, 12) if number % 2 else (12, 0)
        x = c.x + number * wide
        c.polygon(
            [(x, c.y + near), (x + wide, c.y + far), (x + wide, c.base - 12 + far), (x, c.base - 12 + near)],
            c.accent if c.look.sort != "wood" else c.dark,
        )
        c.polygon(
            [
                (x + 6, c.y + near + 7),
                (x + wide - 6, c.y + far + 7),
                (x + wide - 6, c.base - 24 + far),
                (x + 6, c.base - 24 + near),
            ]
        )
        for share in (0.33, 0.66):
            y = c.y + c.h * share
            c.line(x + 6, y + near - 6, x + wide - 6, y + far - 6, width=3)


def unknown(c: Canvas) -> None:
    """A parcel: something is in it."""
    c.rect(c.x, c.y, c.w, c.h, "#d9c19a", 3)
    c.rect(c.x + c.w * 0.42, c.y, c.w * 0.16, c.h, "#e9dcc0")
    c.rect(c.x + c.w * 0.08, c.y + c.h * 0.64, c.w * 0.24, c.h * 0.2, WHITE, 2)

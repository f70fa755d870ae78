"""What drawings are made with: a ground, a scale, and shapes that have the product's colour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from garaza.furniture.drawings.look import Look

SIZE = 400
_GROUND = 336
_ROOM = 296
"""In pixels, for what is drawn: its width at most, and its height nearly."""
_PERSON_CM = 172
MAIN = "url(#m)"
"""Colour and texture of what one sees most."""
NONE = "none"
WHITE, GLASS, MIRROR, SOIL, LEAF = "#fbfaf7", "#dbe9ec", "#dfe9ee", "#6b5444", "#6f8f62"
GLOW = "#fff1c9"


class Canvas:
    """Where one product is drawn, seen from the front: a box in pixels, standing on the ground.

    Shapes have an outline unless told otherwise. Nothing of a text is drawn but what is escaped here.
    """

    def __init__(self, look: Look, width_cm: float, height_cm: float, *, hangs: bool = False, share: float = 1) -> None:
        self.look = look
        self.scale = share * min(_ROOM / width_cm, (_ROOM - 34) / height_cm)
        """Pixels a centimetre."""
        self.w, self.h = width_cm * self.scale, height_cm * self.scale
        self.x = (SIZE - self.w) / 2
        self.base = _GROUND - (_GROUND - 30 - self.h) / 2 if hangs else _GROUND
        """Where it ends below."""
        self.y = self.base - self.h
        self.hangs = hangs
        # On what is nearly black one sees no dark line.
        somber = _brightness(look.hue) < 0.3
        self.ink = _mixed(look.hue, "#ffffff", 0.42) if somber else _mixed(look.hue, "#2b2622", 0.62)
        self.dark = _mixed(look.hue, "#ffffff", 0.1) if somber else _mixed(look.hue, "#2b2622", 0.22)
        self.light = _mixed(look.hue, "#ffffff", 0.18 if somber else 0.35)
        self.accent = look.accent
        self._shapes: list[str] = []

    def rect(
        self, x: float, y: float, w: float, h: float, fill: str = MAIN, r: float = 0, *, edge: bool = True
    ) -> None:
        """With rounded corners of `r`."""
        rounded = f' rx="{_n(min(r, w / 2, h / 2))}"' if r else ""
        self._add(f'rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}"{rounded}', fill, edge=edge)

    def path(self, d: str, fill: str = MAIN, *, edge: bool = True) -> None:
        """Of an SVG path's letters and numbers."""
        self._add(f'path d="{d}"', fill, edge=edge)

    def block(self, x: float, y: float, w: float, h: float, fill: str) -> None:
        """A rectangle in few bytes, of which there are many."""
        self.path(f"M{_n(x)} {_n(y)}h{_n(w)}v{_n(h)}h{_n(-w)}z", fill)

    def polygon(self, points: Sequence[tuple[float, float]], fill: str = MAIN, *, edge: bool = True) -> None:
        """Closed."""
        self.path("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + "Z", fill, edge=edge)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str = MAIN, *, edge: bool = True) -> None:
        """Around x, y."""
        self._add(f'ellipse cx="{_n(x)}" cy="{_n(y)}" rx="{_n(rx)}" ry="{_n(ry)}"', fill, edge=edge)

    def line(self, *points: float, color: str = "", width: float = 2) -> None:
        """Through x, y, x, y, …"""
        pairs = "L".join(f"{_n(x)} {_n(y)}" for x, y in zip(points[::2], points[1::2], strict=True))
        ink = f' stroke="{color}"' if color else ""
        thick = f' stroke-width="{_n(width)}"' if width != 2 else ""
        self._shapes.append(f'<path d="M{pairs}" fill="none"{ink}{thick}/>')

    def curve(self, d: str, *, color: str = "", width: float = 2) -> None:
        """An open path."""
        ink = f' stroke="{color}"' if color else ""
        self._shapes.append(f'<path d="{d}" fill="none"{ink} stroke-width="{_n(width)}"/>')

    def knob(self, x: float, y: float) -> None:
        """Of a door."""
        self.ellipse(x, y, 2.6, 2.6, self.accent)

    def grip(self, x: float, y: float, w: float) -> None:
        """Of a drawer, around x."""
        self.line(x - w / 2, y, x + w / 2, y, color=self.accent, width=3.5)

    def legs(self, x: float, w: float, top: float, *, tone: str = "") -> None:
        """From `top` to the ground, as the style has them."""
        inset = min(w * 0.08, 14)
        _LEGS.get(self.look.legs, _straight)(self, x + inset, x + w - inset, top, tone or self.accent)

    def svg(self, title: str) -> str:
        """All of it, with the ground, a person where there is room for one, and a measure."""
        shadow = (
            ""
            if self.hangs
            else f'<ellipse cx="200" cy="{_GROUND + 1}" rx="{_n(self.w / 2 + 14)}" ry="7" fill="#dcd6cb"/>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" role="img">'
            f"<title>{escape(title)}</title><defs>{self._texture()}</defs>"
            f'<path fill="#f6f3ed" d="M0 0h400v400H0z"/><path fill="#ece7dd" d="M0 {_GROUND}h400v64H0z"/>'
            f"{self._person()}{shadow}"
            f'<g stroke="{self.ink}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round">'
            f"{''.join(self._shapes)}</g>{self._measure()}</svg>"
        )

    def _add(self, shape: str, fill: str, *, edge: bool) -> None:
        self._shapes.append(f'<{shape} fill="{fill}"{"" if edge else " stroke=" + chr(34) + "none" + chr(34)}/>')

    def _person(self) -> str:
        tall = _PERSON_CM * self.scale
        if tall > _GROUND - 16 or tall < 40 or self.hangs:
            return ""
        # Head, shoulders and legs of a figure one high, its feet at 0.
        at = min(SIZE - 0.15 * tall - 4, max(200 + self.w / 2 + 0.14 * tall, 350))
        return (
            f'<g fill="#e3ddd1" transform="translate({_n(at)} {_GROUND}) scale({tall / 100:.3f})">'
            '<circle cy="-92.5" r="7.5"/>'
            '<path d="M-13-77q0-6 6-6h14q6 0 6 6v29q0 3-3 3-2 0-2-3v-24h-1v69q0 3-3 3-3 0-3-3v-38h-2v38q0 3-3 3-3 0-3-3v-69h-1v24q0 3-2 3-3 0-3-3z"/>'
            "</g>"
        )

    def _measure(self) -> str:
        length = next((cm for cm in (100, 50, 20, 10, 5, 2) if cm * self.scale <= 130), 1)
        end = 24 + length * self.scale
        return (
            f'<path d="M24 366v8M24 370H{_n(end)}M{_n(end)} 366v8" stroke="#8d8578" stroke-width="1.5"/>'
            f'<text x="{_n(end + 8)}" y="374" font-family="system-ui,sans-serif" font-size="12" fill="#7d7568">{length} cm</text>'
        )

    def _texture(self) -> str:
        hue, mark = self.look.hue, self.dark
        size, marks = {
            "wood": (
                "60 14",
                f'<path d="M0 4q15-3 30 0t30 0M0 11q20 2 34 0t26 0" stroke="{mark}" stroke-opacity=".45" fill="none"/>',
            ),
            "weave": (
                "10 10",
                f'<path d="M0 2.5h5M5 7.5h5M2.5 5v5M7.5 0v5" stroke="{mark}" stroke-width="1.6" fill="none"/>',
            ),
            "fabric": ("7 7", f'<path d="M0 0l7 7M7 0L0 7" stroke="{mark}" stroke-opacity=".22" stroke-width=".7"/>'),
            "stone": (
                "130 90",
                f'<path d="M0 20q40 10 60-8t70 12M20 90q10-40 50-46t60-30" stroke="{mark}" stroke-opacity=".55" fill="none"/>',
            ),
        }.get(self.look.sort, ("40 40", ""))
        width, height = size.split()
        return (
            f'<pattern id="m" width="{width}" height="{height}" patternUnits="userSpaceOnUse">'
            f'<path fill="{hue}" d="M0 0h{width}v{height}H0z"/>{marks}</pattern>'
        )


def _thick(c: Canvas, top: float) -> float:
    return max(4.0, min(9.0, (c.base - top) * 0.16))


def _tapered(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    thick, lean = _thick(c, top) * 0.8, min((c.base - top) * 0.22, 12)
    for at, foot in ((left, left - lean), (right, right + lean)):
        c.polygon([(at - thick, top), (at + thick, top), (foot + 2, c.base), (foot - 2, c.base)], tone)


def _frame(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    c.line(left, top, left, c.base - 2, right, c.base - 2, right, top, color=tone, width=5)


def _hairpin(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    for at, side in ((left, 1), (right, -1)):
        c.line(at - side * 2, top, at + side * 3, c.base - 1, at + side * 12, top, color=tone, width=2.6)


def _plinth(c: Canvas, left: float, right: float, top: float, _tone: str) -> None:
    tall, wide = c.base - top, right - left
    if tall <= 40:
        c.rect(left, top, wide, tall, c.dark)
        return
    for at in (left, right - wide * 0.06):
        c.rect(at, top, wide * 0.06, tall)


def _turned(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    tall, thick = c.base - top, _thick(c, top)
    for at in (left, right):
        c.rect(at - thick * 0.45, top, thick * 0.9, tall, tone, 1)
        c.ellipse(at, top + tall * 0.35, thick * 0.85, min(tall * 0.16, 9), tone)


def _straight(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    thick = _thick(c, top)
    for at in (left, right):
        c.rect(at - thick / 2, top, thick, c.base - top, tone, 1)


def _brass(c: Canvas, left: float, right: float, top: float, tone: str) -> None:
    _straight(c, left, right, top, tone)
    thick, tip = _thick(c, top), min(9.0, (c.base - top) / 3)
    for at in (left, right):
        c.rect(at - thick / 2, c.base - tip, thick, tip, "#c8a45a", 1)


_LEGS = {
    "tapered": _tapered,
    "frame": _frame,
    "hairpin": _hairpin,
    "plinth": _plinth,
    "turned": _turned,
    "brass": _brass,
}


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _brightness(hue: str) -> float:
    return sum(share * int(hue[at : at + 2], 16) for at, share in ((1, 0.3), (3, 0.59), (5, 0.11))) / 255


def _mixed(hue: str, other: str, share: float) -> str:
    def part(at: int) -> int:
        return round(int(hue[at : at + 2], 16) * (1 - share) + int(other[at : at + 2], 16) * share)

    return f"#{part(1):02x}{part(3):02x}{part(5):02x}"

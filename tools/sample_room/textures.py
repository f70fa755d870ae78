"""Pictures for surfaces, drawn by arithmetic: (H, W, 3) sRGB, 8 bit, sides powers of two, repeating without a seam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from tools.sample_room.patches import Array

UInt8 = NDArray[np.uint8]
Colour = Sequence[float]
"""sRGB, 0 to 1."""


def noise(rng: np.random.Generator, size: int, slope: float, stretch: float = 1.0, low: float = 1.0) -> Array:
    """(size, size) repeating noise of mean 0 and deviation 1 whose spectrum falls with `slope`.

    Args:
        stretch: above 1 the features are that much longer along x.
        low: waves fewer than that many across are left out.
    """
    fy, fx = np.meshgrid(np.fft.fftfreq(size) * size, np.fft.fftfreq(size) * size, indexing="ij")
    radius = np.hypot(fx * stretch, fy)
    shape = np.where(radius >= low, np.maximum(radius, 1e-9) ** -slope, 0.0)
    values = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * shape).real
    return values / values.std()


def _picture(values: Array) -> UInt8:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def plain(rng: np.random.Generator, contrast: float = 0.02, size: int = 256) -> UInt8:
    """Nearly white, faintly uneven: paint, lacquer, ceramics; coloured by a material's tint."""
    grey = 0.93 + contrast * (0.6 * noise(rng, size, 1.0) + 0.4 * noise(rng, size, 0.2))
    return _picture(np.repeat(grey[..., None], 3, axis=2))


def plaster(rng: np.random.Generator) -> UInt8:
    """A painted wall: the roller's grain, and the faint clouds of years."""
    size = 1024
    grey = 0.9 + 0.014 * noise(rng, size, 1.6) + 0.017 * noise(rng, size, 0.5, low=40) + 0.008 * noise(rng, size, 0.0)
    warm = 0.004 * noise(rng, size, 2.0)
    return _picture(np.stack([grey + warm, grey, grey - warm], axis=2))


def _grain(rng: np.random.Generator, size: int, light: Colour, dark: Colour) -> Array:
    """(size, size, 3) wood with its fibres along x."""
    bend = noise(rng, size, 2.0, stretch=3.0)
    rings = noise(rng, size, 1.3, stretch=22.0)
    fibres = noise(rng, size, 0.6, stretch=40.0, low=20)
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    rings = map_coordinates(rings, [y + 6 * bend, x], order=1, mode="grid-wrap")
    share = np.clip(0.5 + 0.24 * rings + 0.12 * fibres + 0.05 * noise(rng, size, 0.3), 0, 1)[..., None]
    return np.asarray(light) * (1 - share) + np.asarray(dark) * share


def wood(rng: np.random.Generator, light: Colour, dark: Colour) -> UInt8:
    """One board."""
    return _picture(_grain(rng, 512, light, dark))


def planks(rng: np.random.Generator, light: Colour, dark: Colour) -> UInt8:
    """A floor of boards: eight rows, two boards long each, of differing tone, with fine dark joints."""
    size, rows = 1024, 8
    picture = np.zeros((size, size, 3))
    height = size // rows
    grains = [_grain(rng, size, light, dark) for _ in range(2)]
    for row in range(rows):
        joint = int(rng.integers(size // 4, 3 * size // 4))
        shift = int(rng.integers(size))
        for begin, end in ((0, joint), (joint, size)):
            cut = np.roll(grains[int(rng.integers(2))], tuple(rng.integers(0, size, 2)), axis=(0, 1))
            board = cut[:height, begin:end]
            tone = 1 + rng.normal(0, 0.07)
            tint = np.array([1 + rng.normal(0, 0.015), 1.0, 1 + rng.normal(0, 0.02)])
            columns = (np.arange(begin, end) + shift) % size
            picture[row * height : (row + 1) * height, columns] = board * tone * tint
        for column in (shift % size, (joint + shift) % size):
            picture[row * height : (row + 1) * height, (column, (column + 1) % size)] *= 0.45
        picture[row * height : row * height + 2] *= 0.5
    return _picture(picture)


def weave(rng: np.random.Generator, threads: int = 64, contrast: float = 0.16, mottle: float = 0.05) -> UInt8:
    """Woven cloth, nearly white: threads over and under each other, of slightly differing tone."""
    size = 512
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    u, v = x * threads / size, y * threads / size
    over = (np.floor(u) + np.floor(v)) % 2
    across = np.abs(np.sin(np.pi * u)) * over + np.abs(np.sin(np.pi * v)) * (1 - over)
    tone_x = rng.normal(0, 1, threads)[np.arange(size) * threads // size][None, :]
    tone_y = rng.normal(0, 1, threads)[np.arange(size) * threads // size][:, None]
    tone = np.where(over > 0, tone_x, tone_y)
    grey = 0.9 - contrast * (1 - across) + mottle * 0.5 * tone + mottle * noise(rng, size, 1.1)
    return _picture(np.repeat(grey[..., None], 3, axis=2))


def rug(rng: np.random.Generator, ground: Colour, figure: Colour, accent: Colour) -> UInt8:
    """A whole rug: a border of stripes, and a field of diamonds within diamonds."""
    size = 1024
    y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    wobble = 0.006 * noise(rng, size, 1.5)
    edge = np.maximum(np.abs(x), np.abs(y)) + wobble
    u, v = np.abs(((x * 3 + 0.5) % 1) - 0.5), np.abs(((y * 4 + 0.5) % 1) - 0.5)
    diamond = u + v + wobble
    picture = np.where((np.sin(diamond * 34) > 0.25)[..., None], figure, ground)
    picture = np.where((diamond < 0.12)[..., None], accent, picture)
    picture = np.where((edge > 0.80)[..., None], ground, picture)
    for begin, end, colour in ((0.80, 0.83, accent), (0.86, 0.94, figure), (0.985, 2.0, accent)):
        picture = np.where(((edge > begin) & (edge < end))[..., None], colour, picture)
    teeth = (np.abs(((x + y) * 14) % 1 - 0.5) < 0.2) & (edge > 0.87) & (edge < 0.93)
    picture = np.where(teeth[..., None], accent, picture)
    pile = 1 + 0.09 * noise(rng, size, 0.2) + 0.05 * noise(rng, size, 1.2)
    return _picture(gaussian_filter(picture, (0.7, 0.7, 0)) * pile[..., None])


def painting(rng: np.random.Generator, palette: Sequence[Colour]) -> UInt8:
    """An abstract: overlapping soft-edged shapes with brush strokes."""
    size = 512
    y, x = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size), indexing="ij")
    picture = np.broadcast_to(np.asarray(palette[0]), (size, size, 3)).copy()
    for number in range(11):
        colour = np.asarray(palette[1 + number % (len(palette) - 1)]) * rng.uniform(0.8, 1.15)
        cx, cy, angle = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), rng.uniform(0, np.pi)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        aside = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)
        a, b = rng.uniform(0.08, 0.38), rng.uniform(0.04, 0.2)
        if number % 3:
            inside = np.hypot(along / a, aside / b) + 0.05 * noise(rng, size, 1.6) < 1
        else:
            inside = np.maximum(np.abs(along) / a, np.abs(aside) / b) + 0.03 * noise(rng, size, 1.6) < 1
        picture = np.where(
            inside[..., None], colour * (1 + 0.05 * noise(rng, size, 0.9, stretch=6))[..., None], picture
        )
    return _picture(picture * (1 + 0.03 * noise(rng, size, 0.4))[..., None])


def landscape(rng: np.random.Generator) -> UInt8:
    """Hills behind hills under an evening sky."""
    size = 512
    y, x = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size), indexing="ij")
    sky = np.asarray([0.98, 0.80, 0.60]) * y[..., None] + np.asarray([0.45, 0.62, 0.80]) * (1 - y[..., None])
    picture = sky + 0.02 * noise(rng, size, 1.8, stretch=0.3)[..., None]
    for number in range(6):
        waves = sum(rng.uniform(0.1, 0.5) / k * np.sin(2 * np.pi * (k * x + rng.uniform())) for k in (1, 2, 3, 5, 9))
        line = 0.38 + 0.1 * number + 0.1 * waves
        shade = np.asarray([0.55, 0.66, 0.70]) * (1 - number / 6) + np.asarray([0.10, 0.22, 0.16]) * number / 6
        stroke = 1 + 0.07 * noise(rng, size, 0.8, stretch=3)
        picture = np.where((y > line)[..., None], shade * stroke[..., None], picture)
    return _picture(picture)


def spine(rng: np.random.Generator, colour: Colour) -> UInt8:
    """The back of a book: cloth, two bands, and a title too small to read."""
    height, width = 256, 64
    base = np.asarray(colour) * (1 + 0.05 * noise(rng, 256, 0.6)[:, :width, None])
    ink = np.asarray([0.9, 0.8, 0.55]) if sum(colour) < 1.4 else np.asarray([0.15, 0.12, 0.1])
    for band in rng.uniform(0.05, 0.95, 3):
        row = int(band * (height - 6))
        base[row : row + int(rng.integers(2, 6))] = ink
    begin, end = sorted(rng.integers(30, height - 30, 2))
    for row in range(int(begin), int(max(end, begin + 60)), 5):
        if row + 3 < height:
            base[row : row + 3, 14 : 14 + int(rng.integers(18, 36))] = ink
    return _picture(base)


def leaves(rng: np.random.Generator) -> UInt8:
    """A leaf's face: a midrib, side veins, uneven green."""
    size = 256
    y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(0, 1, size), indexing="ij")
    veins = np.abs(np.sin((x * 9 + np.abs(y) * 4) * np.pi)) < 0.12
    rib = np.abs(y) < 0.03
    green = np.asarray([0.20, 0.42, 0.16]) * (1 + 0.12 * noise(rng, size, 1.2))[..., None]
    green = np.where((veins | rib)[..., None], green * 1.35, green)
    return _picture(green)


def outdoors(rng: np.random.Generator) -> UInt8:
    """What lies beyond the window: a bright sky, trees and a hedge, out of focus."""
    size = 512
    y = np.linspace(0, 1, size)[:, None]
    sky = np.asarray([0.98, 0.99, 1.0]) * (1 - 0.25 * (1 - y[..., None]))
    picture = np.broadcast_to(sky, (size, size, 3)).copy()
    canopy = 0.55 + 0.09 * noise(rng, size, 1.7)[0][None, :] - 0.0 * y
    green = np.asarray([0.42, 0.55, 0.30]) * (1 + 0.25 * noise(rng, size, 1.0))[..., None]
    picture = np.where((y > canopy)[..., None], green, picture)
    lawn = np.asarray([0.55, 0.66, 0.36]) * (1 + 0.05 * noise(rng, size, 0.8))[..., None]
    picture = np.where(np.broadcast_to(y > 0.8, (size, size))[..., None], lawn, picture)
    return _picture(gaussian_filter(picture, (3, 3, 0)))

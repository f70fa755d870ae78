"""From a room and a walk to a film: frames, and what they are the truth of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tools.sample_room.bake import SKY, BakeQuality, bake
from tools.sample_room.camera import Lens, Walk, hand_held_walk, phone_lens
from tools.sample_room.film import Film, develop, tone_curve, vignette
from tools.sample_room.layout import build
from tools.sample_room.raster import shade, to_camera, visibility
from tools.sample_room.scene import Float32, Room, Scene, compile_scene
from tools.sample_room.textures import UInt8

_SHUTTER = 0.35
"""Of the time between frames: a fortieth to a hundredth of a second, indoors."""
_SUBSAMPLES = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
"""Pixel offsets of a rotated grid, one for each instant within the exposure."""
_TARGET_GREY = 0.40
_SATURATION = 1.12


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """What is filmed, and how large."""

    seed: int
    width: int = 720
    height: int = 1280
    frames: int = 384
    rate: int = 24


class Studio:
    """A lit room, a phone and somebody who walks: everything that rendering one frame needs."""

    def __init__(self, clip: ClipSettings, quality: BakeQuality) -> None:
        self.clip = clip
        self.room: Room = build(clip.seed)
        self.scene: Scene = compile_scene(self.room, quality.texels_per_metre)
        self.lightmap: Float32 = bake(self.room, self.scene, quality, clip.seed)
        rng = np.random.default_rng([clip.seed, 2])
        self.lens: Lens = phone_lens(clip.width, clip.height, rng)
        self.walk: Walk = hand_held_walk(self.room.size, clip.frames / clip.rate, rng)
        self.sky = SKY * quality.sky_power
        self._linear = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
        self._curve = tone_curve()
        self._camera = np.empty_like(self.scene.triangles)
        self._rays = [self.lens.rays(*offset) for offset in _SUBSAMPLES]
        self._parameters = [self.lens.parameters(*offset) for offset in _SUBSAMPLES]
        self._vignette = vignette(*self.lens.rays(), 0.16)
        self.film = Film(self._exposure(), rng.uniform(0, 2 * np.pi, 4))

    def _exposure(self) -> float:
        """What brings the typical pixel of the walk to a middle grey."""
        greys = []
        for frame in np.linspace(0, self.clip.frames - 1, 6):
            light = self._light(frame / self.clip.rate, 0.0, 1)
            greys.append(np.median(light.mean(axis=2)[::8, ::8]))
        return float((_TARGET_GREY**2.2) / np.mean(greys)) * 1.25

    def time(self, frame: int) -> float:
        """Middle of a frame's exposure, seconds."""
        return frame / self.clip.rate

    def frame(self, number: int) -> UInt8:
        """(h, w, 3) as the phone records it."""
        light = self._light(self.time(number), _SHUTTER / self.clip.rate, len(_SUBSAMPLES))
        rng = np.random.default_rng([self.clip.seed, 3, number])
        noise = rng.standard_normal(light.shape, dtype=np.float32)
        picture = np.empty(light.shape, np.uint8)
        gains = self.film.gains(number / self.clip.frames)
        film = self.film
        develop(
            light, gains, self._vignette, noise, film.read_noise, film.shot_noise, _SATURATION, self._curve, picture
        )
        return picture

    def _light(self, time: float, exposure: float, samples: int) -> Float32:
        """(h, w, 3) linear light, the mean over instants of the exposure and over places in each pixel."""
        shape = (self.clip.height, self.clip.width)
        total = np.zeros((*shape, 3), np.float32)
        inverse, triangle = np.empty(shape, np.float32), np.empty(shape, np.int32)
        s = self.scene
        for number in range(samples):
            instant = time + exposure * ((number + 0.5) / samples - 0.5)
            rotation, eye = self.walk.pose(instant)
            ray_x, ray_y = self._rays[number]
            self._see(rotation, eye, ray_x, ray_y, self._parameters[number], inverse, triangle)
            shade(
                self._camera, inverse, triangle, ray_x, ray_y, 1.0 / self.lens.focal, s.attributes, s.normals,
                s.surface,
                s.materials, s.levels, s.texels, self._linear, self.lightmap, rotation, eye, s.windows, self.sky, total,
            )  # fmt: skip
        return total / samples

    def _see(self, rotation, eye, ray_x, ray_y, parameters, inverse, triangle) -> None:  # type: ignore[no-untyped-def]
        to_camera(self.scene.triangles, rotation, -(rotation @ eye), self._camera)
        limit = np.array([np.abs(ray_x).max(), np.abs(ray_y).max()]) * 1.02
        visibility(self._camera, self.scene.two_sided, ray_x, ray_y, parameters, limit, inverse, triangle)

    def depth(self, number: int, width: int, height: int) -> tuple[Float32, np.ndarray]:  # type: ignore[type-arg]
        """(h, w) exact z-depth at the middle of a frame's exposure, 0 outdoors; and (h, w) the triangle seen."""
        lens = self.lens.resized(width, height)
        inverse, triangle = np.empty((height, width), np.float32), np.empty((height, width), np.int32)
        rotation, eye = self.walk.pose(self.time(number))
        self._see(rotation, eye, *lens.rays(), lens.parameters(), inverse, triangle)
        outdoors = np.array([name == "outdoors" for name in self._texture_of_triangle()])
        known = (triangle >= 0) & ~outdoors[np.maximum(triangle, 0)]
        return np.where(known, 1 / np.maximum(inverse, 1e-9), 0).astype(np.float32), np.where(known, triangle, -1)

    def _texture_of_triangle(self) -> np.ndarray:  # type: ignore[type-arg]
        names = np.array([patch.material.texture for patch in self.room.patches])
        return names[self.scene.patch]


def write_clip(path: Path, frames: Iterator[UInt8], clip: ClipSettings, bits_per_second: int) -> None:
    """Encode as a phone would: H.264, 4:2:0, BT.709, full speed ahead in one pass."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(clip.rate))
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "yuv420p"
        stream.bit_rate = bits_per_second
        stream.options = {
            "preset": "slow",
            "profile": "high",
            "threads": "1",
            "x264-params": "colorprim=bt709:transfer=bt709:colormatrix=bt709",
        }
        stream.codec_context.color_primaries = 1
        stream.codec_context.color_trc = 1
        stream.codec_context.colorspace = 1
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG"
            )
            frame.colorspace = 1
            frame.color_range = 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


_studio: Studio | None = None


def _open_studio(studio: Studio) -> None:
    global _studio  # noqa: PLW0603 - each process of the pool keeps its own
    _studio = studio


def _render(number: int) -> UInt8:
    assert _studio is not None
    return _studio.frame(number)


def render_frames(studio: Studio, processes: int) -> Iterator[UInt8]:
    """All frames, in order."""
    if processes == 1:
        yield from map(studio.frame, range(studio.clip.frames))
        return
    with ProcessPoolExecutor(processes, initializer=_open_studio, initargs=(studio,)) as pool:
        yield from pool.map(_render, range(studio.clip.frames), chunksize=4)


def bit_rate_for(clip: ClipSettings, max_bytes: int) -> int:
    """Bits a second that fill nine tenths of `max_bytes`, and at most what a phone would use."""
    return min(math.floor(0.9 * max_bytes * 8 * clip.rate / clip.frames), 12_000_000)

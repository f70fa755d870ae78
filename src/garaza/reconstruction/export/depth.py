"""Depth maps small enough for a phone: many frames in one lossless WebP, a fixed step a grey level.

Decode: depth = level × step, where level is the grey value of the coarse sprite, or 256 × red + green of the
fine one; level 0 is unknown. In a browser read the pixels from `createImageBitmap(blob, {colorSpaceConversion: "none",
premultiplyAlpha: "none"})`, or colour management will change them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from garaza.reconstruction.prediction import Float32, Prediction, UInt8

COARSE_STEP = 0.02
FINE_STEP = 0.005
_LEVELS = 255
_MAX_SIDE = 4096
"""Of a sprite: what every browser and phone decodes (WebP itself ends at 16383)."""
_FAR_PERCENTILE = 99.9


def write_depth(folder: Path, prediction: Prediction, source_indices: list[int]) -> None:
    """Write sprites, `manifest.json` and `depth.npz` (float32, exact) into the new folder `folder`.

    The coarse step is 2 cm where the room fits into 255 of them (5.1 m) and grows with larger rooms; the manifest says
    it. Half a step is the error: 1 cm, and 2.5 mm in the fine sprites.
    """
    folder.mkdir()
    known = prediction.depth[prediction.depth > 0]
    far = float(np.percentile(known, _FAR_PERCENTILE)) if len(known) else 1.0
    coarse_step = max(COARSE_STEP, far / _LEVELS)
    count, height, width = prediction.depth.shape
    columns = max(1, min(count, _MAX_SIDE // width))
    per_sprite = columns * max(1, _MAX_SIDE // height)
    sprites: list[dict[str, Any]] = []
    for first in range(0, count, per_sprite):
        part = prediction.depth[first : first + per_sprite]
        number = len(sprites)
        coarse, fine = f"coarse-{number}.webp", f"fine-{number}.webp"
        _save(folder / coarse, _tile(_levels(part, coarse_step, _LEVELS).astype(np.uint8)[..., None], columns))
        _save(folder / fine, _tile(_split(_levels(part, FINE_STEP, 65_535)), columns))
        sprites.append({"first_frame": first, "frames": len(part), "coarse": coarse, "fine": fine})
    manifest = {
        "format": 1,
        "frame_width": width,
        "frame_height": height,
        "columns": columns,
        "unit": "model units",
        "coarse": {"step": coarse_step, "max": coarse_step * _LEVELS, "level": "grey"},
        "fine": {"step": FINE_STEP, "max": FINE_STEP * 65_535, "level": "256 * red + green"},
        "unknown": 0,
        "sprites": sprites,
        "source_indices": source_indices,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    np.savez_compressed(
        folder / "depth.npz",
        depth=prediction.depth,
        confidence=prediction.confidence,
        source_indices=np.array(source_indices),
    )


def _levels(depth: Float32, step: float, most: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    levels = np.clip(np.rint(depth / step), 1, most)
    return np.where(depth > 0, levels, 0).astype(np.uint16)


def _split(levels: np.ndarray[Any, np.dtype[np.uint16]]) -> UInt8:
    return np.stack([levels >> 8, levels & 255, np.zeros_like(levels)], axis=-1).astype(np.uint8)


def _tile(frames: UInt8, columns: int) -> UInt8:
    count, height, width, channels = frames.shape
    rows = math.ceil(count / columns)
    sprite = np.zeros((rows * height, columns * width, channels), np.uint8)
    for number, frame in enumerate(frames):
        y, x = divmod(number, columns)
        sprite[y * height : (y + 1) * height, x * width : (x + 1) * width] = frame
    return sprite


def _save(path: Path, sprite: UInt8) -> None:
    picture = Image.fromarray(sprite[..., 0] if sprite.shape[2] == 1 else sprite)
    # For lossless WebP "quality" is effort: 75 would save 1 % more for half as much time again, 100 4 % for 14 times.
    picture.convert("RGB").save(path, "WEBP", lossless=True, quality=50, method=4)


def read_depth(folder: Path, kind: str) -> Float32:
    """(N, h, w) depth as decoded from the "coarse" or "fine" sprites."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    width, height, columns = manifest["frame_width"], manifest["frame_height"], manifest["columns"]
    frames = []
    for sprite in manifest["sprites"]:
        pixels = np.asarray(Image.open(folder / sprite[kind]).convert("RGB")).astype(np.uint16)
        levels = pixels[..., 0] if kind == "coarse" else pixels[..., 0] * 256 + pixels[..., 1]
        for number in range(sprite["frames"]):
            y, x = divmod(number, columns)
            frames.append(levels[y * height : (y + 1) * height, x * width : (x + 1) * width])
    depth: Float32 = (np.stack(frames) * np.float32(manifest[kind]["step"])).astype(np.float32)
    return depth

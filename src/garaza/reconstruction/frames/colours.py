"""From whatever a camera recorded to 8-bit sRGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from garaza.reconstruction.prediction import UInt8

# Numbers of ISO/IEC 23091-2 (H.273).
_PQ, _HLG = 16, 18
_MATRIX_BT2020 = {9, 10}
_MATRIX_BT601 = {4, 5, 6, 7}
_MATRIX_BT709 = {1}

# ITU-R BT.2407: linear light, BT.2020 primaries to BT.709 primaries.
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)


def is_high_dynamic_range(frame: VideoFrame) -> bool:
    """The frame's numbers are PQ or HLG light, which would look flat and grey as they are."""
    return frame.color_trc in {_PQ, _HLG}


def to_rgb(
    frame: VideoFrame, reformatter: VideoReformatter, width: int, height: int, *, deep: bool = False
) -> NDArray[Any]:
    """The frame as (height, width, 3) RGB, uint8, or uint16 if `deep`. Size is as stored, before turning.

    The matrix and range are the stream's own; where it doesn't say, BT.709 from 720 lines on and BT.601 below, and
    limited range unless the pixel format says otherwise (as players do).
    """
    converted = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="rgb48le" if deep else "rgb24",
        src_colorspace=_matrix(frame),
        dst_colorspace=Colorspace.ITU709,
        src_color_range=_range(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
        threads=1,
    )
    return converted.to_ndarray()


def _matrix(frame: VideoFrame) -> Colorspace:
    if frame.colorspace in _MATRIX_BT2020:
        return Colorspace.BT2020
    if frame.colorspace in _MATRIX_BT709:
        return Colorspace.ITU709
    if frame.colorspace in _MATRIX_BT601:
        return Colorspace.ITU601
    return Colorspace.ITU709 if min(frame.width, frame.height) >= 720 else Colorspace.ITU601


def _range(frame: VideoFrame) -> ColorRange:
    full = frame.color_range == ColorRange.JPEG or "yuvj" in frame.format.name or frame.format.is_rgb
    return ColorRange.JPEG if full else ColorRange.MPEG


def tone_map(picture: NDArray[np.uint16], transfer: int) -> UInt8:
    """8-bit sRGB of a 16-bit picture in PQ (ITU-R BT.2100) or HLG with BT.2020 primaries.

    Light up to reference white (203 cd/m², BT.2408) is kept as it is, scaled so that white stays white; highlights
    above it are rolled off.
    """
    codes = np.arange(65536, dtype=np.float32) / np.float32(65535)
    nits = _pq_to_nits(codes) if transfer == _PQ else _hlg_to_nits(codes)
    light = nits[picture] / 203.0
    light = np.maximum(light @ _TO_BT709.T, 0.0)
    peak = light.max(axis=-1, keepdims=True)
    # Extended Reinhard on the brightest channel keeps hues; 1000 cd/m² maps to white.
    white = 1000.0 / 203.0
    rolled = peak * (1 + peak / white**2) / (1 + peak) * 1.25
    light *= np.minimum(rolled, 1.0) / np.maximum(peak, 1e-6)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-9), 1 / 2.4) - 0.055)
    return np.asarray(np.clip(np.rint(255 * encoded), 0, 255), dtype=np.uint8)


def _pq_to_nits(code: NDArray[np.float32]) -> NDArray[np.float32]:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.power(code, 1 / m2)
    return np.asarray(10000 * np.power(np.maximum(root - c1, 0) / (c2 - c3 * root), 1 / m1), dtype=np.float32)


def _hlg_to_nits(code: NDArray[np.float32]) -> NDArray[np.float32]:
    # The system gamma of a 1000 cd/m² display, taken per channel: exact for greys, and a table for all.
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return np.asarray(1000 * np.power(scene, 1.2), dtype=np.float32)

"""From light to the pixels that a phone records: exposure, white balance, vignetting, noise, tone curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tools.sample_room.patches import Array
from tools.sample_room.scene import Float32


@dataclass(frozen=True, slots=True)
class Film:
    """How one clip is exposed."""

    exposure: float
    """Factor on linear light."""
    phases: Array
    """(4,) of the drifts of exposure and white balance."""
    vignetting: float = 0.16
    """Loss in the corners, as a share."""
    read_noise: float = 0.0016
    shot_noise: float = 0.0065

    def gains(self, progress: float) -> Array:
        """(3,) factors on red, green and blue at this part (0..1) of the clip: the phone's automatics at work."""
        p = self.phases
        exposure = self.exposure * 2 ** (
            0.16 * np.sin(2 * np.pi * 1.2 * progress + p[0]) + 0.05 * np.sin(2 * np.pi * 3.3 * progress + p[1])
        )
        warmth = 0.022 * np.sin(2 * np.pi * 0.9 * progress + p[2]) + 0.008 * np.sin(2 * np.pi * 2.7 * progress + p[3])
        return exposure * np.array([1 + warmth, 1.0, 1 - warmth])


def tone_curve() -> NDArray[np.float32]:
    """(4096,) from linear light 0..4 to the recorded value 0..255: sRGB with a soft shoulder instead of clipping."""
    x = np.linspace(0, 4, 4096)
    knee = 0.55
    x = np.where(x < knee, x, knee + (1 - knee) * np.tanh((x - knee) / (1 - knee) * 0.85))
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)
    # A little contrast around the middle, as phones add.
    y += 0.10 * (y - 0.5) * y * (1 - y) * 2
    return (np.clip(y, 0, 1) * 255).astype(np.float32)


@njit(nogil=True, cache=True)
def develop(light, gains, vignette, noise, read_noise, shot_noise, saturation, curve, out):
    """Fill `out` (h, w, 3) uint8 from linear `light`.

    Args:
        vignette: (h, w) factor.
        noise: (h, w, 3) unit normal, float32.
    """
    for r in range(light.shape[0]):
        for c in range(light.shape[1]):
            grey = 0.0
            for k in range(3):
                value = light[r, c, k] * gains[k] * vignette[r, c]
                value += noise[r, c, k] * np.sqrt(read_noise * read_noise + shot_noise * shot_noise * max(value, 0.0))
                light[r, c, k] = value
                grey += value / 3.0
            for k in range(3):
                value = grey + saturation * (light[r, c, k] - grey)
                x = min(max(value, 0.0), 3.999) * (4095.0 / 4.0)
                i = int(x)
                low = curve[i]
                high = curve[min(i + 1, 4095)]
                out[r, c, k] = np.uint8(low + (x - i) * (high - low) + 0.5)


def vignette(ray_x: Float32, ray_y: Float32, loss: float) -> Float32:
    """(h, w) factors, 1 in the middle and 1 - `loss` in the corners."""
    square = ray_x**2 + ray_y**2
    return (1 - loss * square / square.max()).astype(np.float32)

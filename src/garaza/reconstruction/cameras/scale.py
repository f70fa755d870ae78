"""How many metres a unit of the model is: guessed from how people film rooms, or known from a length."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

CAMERA_HEIGHT, CAMERA_HEIGHT_SIGMA = 1.45, 0.16
"""Metres above the floor at which people hold a phone while filming, and the relative spread of that."""
CEILING_HEIGHT, CEILING_HEIGHT_SIGMA = 2.55, 0.11
"""Metres from floor to ceiling: most rooms have 2.3 to 3.2."""
DISTANCE, DISTANCE_SIGMA = 1.2, 0.6
"""Metres from which things without a floor are photographed; hardly more than an order of magnitude."""

_HEIGHTS = {"ceiling": (1.5, 15.0), "camera": (0.2, 3.5)}


@dataclass(frozen=True, slots=True)
class Scale:
    """What a unit of the model means, and how far that is to be trusted."""

    metric: bool
    """True only where a length was measured by somebody; an estimate is never called metric."""
    metres_per_unit: float
    source: str
    """"known_length", "given_factor" (somebody said what a unit is), "engine", "assumed_camera_height",
    "assumed_room_height" (camera and ceiling together) or "assumed_distance" (no floor was recognised)."""
    uncertainty: float
    """Relative, one standard deviation."""


@dataclass(frozen=True, slots=True)
class KnownLength:
    """A length that somebody knows, as `parse` reads it."""

    kind: str
    """"ceiling": from the floor to the ceiling; "camera": from the floor to the camera."""
    metres: float

    @classmethod
    def parse(cls, text: str) -> KnownLength:
        """Read "ceiling:2.5" or "camera:1.55", in metres.

        Raises:
            ValueError: in words for the person who typed it.
        """
        kind, *rest = text.strip().split(":")
        kind = kind.lower()
        if kind in _HEIGHTS and len(rest) == 1:
            return cls.height(kind, _number(rest[0]))
        msg = 'write "ceiling:2.5" or "camera:1.5", in metres'
        raise ValueError(msg)

    @classmethod
    def height(cls, kind: str, metres: float) -> KnownLength:
        """Of the ceiling or of the camera above the floor. Raises `ValueError` beyond what rooms and people have."""
        low, high = _HEIGHTS[kind]
        if not low <= metres <= high:
            msg = f"the {kind}'s height must be between {low} and {high} metres"
            raise ValueError(msg)
        return cls(kind, metres)


def estimate_scale(
    camera_height: float, ceiling_height: float | None, floor_found: bool, median_distance: float
) -> tuple[float, Scale]:
    """The factor that brings a model to estimated metres, and what to say of the model once it has been applied.

    Args:
        camera_height: of the typical camera above the floor, in the model's units.
        ceiling_height: of the ceiling above the floor; None if no ceiling was recognised.
        median_distance: from the cameras to what they see; used where no floor was recognised.
    """
    if not floor_found or camera_height <= 0:
        factor = DISTANCE / max(median_distance, 1e-9)
        return factor, Scale(False, 1.0, "assumed_distance", DISTANCE_SIGMA)
    by_camera = math.log(CAMERA_HEIGHT / camera_height)
    if ceiling_height is None or ceiling_height <= camera_height:
        return math.exp(by_camera), Scale(False, 1.0, "assumed_camera_height", CAMERA_HEIGHT_SIGMA)
    by_ceiling = math.log(CEILING_HEIGHT / ceiling_height)
    spread = math.hypot(CAMERA_HEIGHT_SIGMA, CEILING_HEIGHT_SIGMA)
    if abs(by_camera - by_ceiling) > 2.5 * spread:
        # They can't both be right: a hall, a child filming, or a shelf taken for the ceiling. People vary less.
        return math.exp(by_camera), Scale(False, 1.0, "assumed_camera_height", 1.5 * CAMERA_HEIGHT_SIGMA)
    # Both are guesses with a spread of their own: the product of two log-normal distributions.
    weight_camera, weight_ceiling = CAMERA_HEIGHT_SIGMA**-2, CEILING_HEIGHT_SIGMA**-2
    total = weight_camera + weight_ceiling
    factor = math.exp((by_camera * weight_camera + by_ceiling * weight_ceiling) / total)
    return factor, Scale(False, 1.0, "assumed_room_height", round(total**-0.5, 4))


def scale_from_known_length(known: KnownLength, camera_height: float | None, ceiling_height: float | None) -> Scale:
    """The scale of a model in which the known length was found.

    Args:
        camera_height: of the typical camera above the floor, in the model's present units; None if no floor was
            recognised.
        ceiling_height: the same for the ceiling; None if no ceiling was recognised.

    Raises:
        ValueError: the length isn't in the model, or would make the model absurdly large or small.
    """
    if known.kind == "ceiling":
        if ceiling_height is None:
            msg = "no ceiling was recognised in this model; give another length"
            raise ValueError(msg)
        measured, sigma = ceiling_height, 0.02
    else:
        if camera_height is None:
            msg = "no floor was recognised in this model; give another length"
            raise ValueError(msg)
        # The height is a typical one: hands go up and down by some centimetres while walking.
        measured, sigma = camera_height, 0.06
    if measured <= 0:
        msg = "this length can't be measured in this model; give another one"
        raise ValueError(msg)
    metres_per_unit = known.metres / measured
    if not 0.01 <= metres_per_unit <= 100:
        msg = "with this length the model would be a hundred times larger or smaller than it looks; check its unit"
        raise ValueError(msg)
    return Scale(True, metres_per_unit, "known_length", round(min(sigma, 0.5), 4))


def _number(text: str) -> float:
    # float() also takes "nan", "1_0" and "1e5": none of them is how people write a length.
    if not re.fullmatch(r"\s*-?\d{1,9}([.]\d{1,9})?\s*", text):
        msg = f"{text[:40]!r} is not a number like 2.5"
        raise ValueError(msg)
    return float(text)

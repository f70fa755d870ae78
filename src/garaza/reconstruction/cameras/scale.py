"""How large the model is. Geometry alone has no unit, so this is always said, and never guessed in silence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

ASSUMED_CAMERA_HEIGHT_M = 1.45
"""A phone held before the chest or the eyes of a standing adult."""
CAMERA_HEIGHT_UNCERTAINTY = 0.15
NO_FLOOR_UNCERTAINTY = 0.5
"""Relative: without a floor the height of the camera says little."""
KNOWN_LENGTH_UNCERTAINTY = 0.02
MIN_LENGTH_M, MAX_LENGTH_M = 0.02, 100.0


@dataclass(frozen=True, slots=True)
class Scale:
    """One unit of the model in metres, and how that is known."""

    metric: bool
    """Whether somebody measured. False: an estimate, to be shown as one."""
    metres_per_unit: float
    source: str
    """"assumed_camera_height", "assumed_distance" (no floor), "known_length", "given_factor" or "engine"."""
    uncertainty: float
    """Relative, one standard deviation."""


class LengthKind(StrEnum):
    """What a known length is the length of."""

    CEILING = "ceiling"
    """From the floor to the ceiling."""
    CAMERA = "camera"
    """From the floor to the camera, on average."""


@dataclass(frozen=True, slots=True)
class KnownLength:
    """A length that somebody measured."""

    kind: LengthKind
    metres: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "ceiling:2.5" or "camera:1.5".

        Raises:
            ValueError: with what is wrong, for a person.
        """
        name, _, value = text.partition(":")
        try:
            kind = LengthKind(name.strip().lower())
        except ValueError:
            msg = f"“{name[:40]}” is no length that can be known: say ceiling:2.5 or camera:1.5 (metres)"
            raise ValueError(msg) from None
        try:
            metres = float(value)
        except ValueError:
            msg = f"“{value[:40]}” is not a number of metres, as in {kind}:2.5"
            raise ValueError(msg) from None
        if not (math.isfinite(metres) and MIN_LENGTH_M <= metres <= MAX_LENGTH_M):
            msg = f"a length must be between {MIN_LENGTH_M} and {MAX_LENGTH_M:.0f} metres"
            raise ValueError(msg)
        return cls(kind, metres)

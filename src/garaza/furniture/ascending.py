"""Where numbers are among others that ascend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def places_in(ascending: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """A place for each of the wanted, and whether it is really its own."""
    if not len(ascending):
        return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return places, ascending[places] == wanted

"""How long to wait before trying again."""

from __future__ import annotations

import random


def backoff(failures: int, first: float, longest: float, factor: float = 2.0) -> float:
    """Seconds to wait after so many failures in a row: `first`, then `factor` times as long after each more.

    Up to a fifth more or less, so that those who failed together (a full disk, a server that went away) don't all come
    back together.
    """
    # Beyond 64 doublings the power would overflow, and any bound has long been reached.
    wait: float = min(first * factor ** min(failures - 1, 64), longest)
    return wait * random.uniform(0.8, 1.2)

"""The time of day as a value that tests can set."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Gives Unix time in seconds."""

system_clock: Clock = time.time

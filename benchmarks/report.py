"""What a benchmark says, and under which conditions it was measured."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, measured both ways."""

    what: str
    before: float
    """The plain way."""
    after: float
    """Garaza."""
    unit: str
    better: Literal["less", "more"] = "less"

    @property
    def ratio(self) -> float | None:
        """How many times better `after` is; below 1 it is worse. None: one of them is zero."""
        if not self.before or not self.after:
            return None
        return self.before / self.after if self.better == "less" else self.after / self.before


@dataclass(frozen=True, slots=True)
class Promise:
    """What the code is meant to hold, and whether it did."""

    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers that have no counterpart: a table of their own."""

    title: str
    headings: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark found."""

    measured: str
    """What was done, with its sizes, in a sentence."""
    rows: list[Row]
    promises: list[Promise]
    facts: list[Facts] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What to know before believing the numbers."""


def conditions() -> dict[str, str | int]:
    """The machine and the versions, as far as the numbers hang on them."""
    packages = ("starlette", "fastapi", "uvicorn", "sqlalchemy", "numpy")
    return {
        "cores": cores(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def cores() -> int:
    """Those that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def load_average() -> float:
    """Processes that ran or wanted to run in the last minute; above the number of cores, somebody waited."""
    return round(os.getloadavg()[0], 2)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them don't exceed (nearest rank: a value that occurred)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

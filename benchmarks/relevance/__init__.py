"""How well searches find what was meant: judged questions over the sample catalogue, and what is counted of answers.

Half of the questions is for tuning (`python -m benchmarks.relevance --tune`); the benchmark reports the other half,
which nobody has tuned on.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Report


def run(*, quick: bool, place: Path) -> Report:  # noqa: ARG001 - it is quick
    """See the module."""
    from benchmarks.relevance.comparing import compare  # noqa: PLC0415 - the judged set is read without a search, too

    return compare("held-out", place)

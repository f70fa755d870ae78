"""The same as `python -m benchmarks relevance`; with `--tune` on the half that one may tune on, question by question.

python -m benchmarks.relevance [--tune] [--worst N]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.__main__ import print_report
from benchmarks.relevance.comparing import OURS, compare, marks_of
from benchmarks.relevance.judged import load


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relevance")
    parser.add_argument("--tune", action="store_true", help="on the half for tuning")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="with --tune: the questions answered worst")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = compare("tuning" if given.tune else "held-out", Path(folder))
        print_report("relevance", report, Console())
        if given.tune and given.worst:
            questions = load("tuning")
            marks = asyncio.run(marks_of(questions, Path(folder)))[OURS].ndcg
            for mark, question in sorted(zip(marks, questions, strict=True), key=lambda pair: pair[0])[: given.worst]:
                print(f"{mark:.3f}  {question.sort:12} {question.text}")


if __name__ == "__main__":
    main()

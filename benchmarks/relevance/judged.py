"""The judged set: questions, the grades of products, and which half each question belongs to.

`python -m benchmarks.relevance.judged` writes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmarks.relevance.questions import QUESTIONS
from benchmarks.relevance.rules import Question
from tools.sample_catalogue.generate import catalogue

JUDGED = Path(__file__).with_name("judged.jsonl")
Half = Literal["tuning", "held-out"]


@dataclass(frozen=True)
class Judged:
    """A question with the products that answer it."""

    id: str
    sort: str
    half: Half
    text: str
    by_grade: dict[str, list[str]]
    """ASINs; all others are grade 0."""

    @cached_property
    def grades(self) -> dict[str, int]:
        return {asin: int(grade) for grade, asins in self.by_grade.items() for asin in asins}


def load(half: Half | None = None) -> list[Judged]:
    """Those of a half, or all. Tune on the tuning half only: what is reported is the other one's."""
    with JUDGED.open(encoding="utf-8") as lines:
        every = [Judged(**json.loads(line)) for line in lines]
    return [one for one in every if half in {None, one.half}]


def rows() -> Iterator[dict[str, Any]]:
    """The lines of the file, by the rules of the questions."""
    products = list(catalogue())
    halves = _halves(QUESTIONS)
    for question in QUESTIONS:
        by_grade: dict[str, list[str]] = {"3": [], "2": [], "1": []}
        for product, facts in products:
            if grade := question.grade(product, facts):
                by_grade[str(grade)].append(product.asin)
        yield {
            "id": id_of(question),
            "sort": question.sort,
            "half": halves[id_of(question)],
            "text": question.text,
            "by_grade": by_grade,
        }


def id_of(question: Question) -> str:
    return hashlib.blake2b(question.text.encode(), digest_size=5).hexdigest()


def _halves(questions: Sequence[Question]) -> dict[str, Half]:
    """Of each class half, by the order of their ids, which nobody chose."""
    sorts: dict[str, list[str]] = defaultdict(list)
    for question in questions:
        sorts[question.sort].append(id_of(question))
    halves: dict[str, Half] = {}
    for ids in sorts.values():
        halves |= {each: "held-out" if place % 2 else "tuning" for place, each in enumerate(sorted(ids))}
    return halves


if __name__ == "__main__":
    JUDGED.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows()), encoding="utf-8")

"""How well each way of searching answers the judged questions."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.relevance.judged import Half, Judged, load
from benchmarks.relevance.measures import interval, ndcg, recall, reciprocal_rank
from benchmarks.relevance.systems import System, garaza, plain_meaning, plain_words
from benchmarks.report import Facts, Promise, Report, Row
from garaza.furniture.embedding.models import bundled
from garaza.furniture.embedding.onnx import OnnxEncoder
from garaza.furniture.sample import products

MEANING, WORDS, OURS, OURS_WORDS = "meaning alone", "BM25 alone", "garaza", "garaza without its model"


@dataclass(frozen=True, slots=True)
class Marks:
    """Of one system, by question."""

    ndcg: list[float]
    rank: list[float]
    recall: list[float]


def compare(half: Half, place: Path) -> Report:
    """All systems, on one half of the questions."""
    questions = load(half)
    sample = list(products())
    marks = asyncio.run(marks_of(questions, place))
    differences = {
        other: interval([ours - theirs for ours, theirs in zip(marks[OURS].ndcg, marks[other].ndcg, strict=True)])
        for other in (MEANING, WORDS, OURS_WORDS)
    }
    return Report(
        measured=f"{len(questions)} {half} questions about {len(sample):,} products; the best of each is 1",
        rows=[
            Row(f"{name}, {other}", _mean(getattr(marks[other], key)), _mean(getattr(marks[OURS], key)), "", "more")
            for name, key in (("NDCG@10", "ndcg"), ("MRR", "rank"), ("recall@20", "recall"))
            for other in (MEANING, WORDS)
        ],
        promises=[
            Promise(f"words and meaning together find more than {other}, surely", differences[other][1] > 0)
            for other in (MEANING, WORDS)
        ],
        facts=[
            Facts(
                "NDCG@10 by class",
                ["class", "questions", *marks],
                [
                    *(_by_class(sort, numbers, marks) for sort, numbers in _classes(questions).items()),
                    _by_class("all", range(len(questions)), marks),
                ],
            ),
            Facts(
                "How much more garaza's NDCG@10 is by class (95 % interval, by bootstrap over its questions)",
                ["class", "questions", "than of", "mean", "from", "to", "behind beyond noise"],
                [
                    [sort, str(len(numbers)), other, *_difference(numbers, marks, other)]
                    for sort, numbers in _classes(questions).items()
                    for other in (MEANING, WORDS)
                ],
            ),
            Facts(
                "How much more garaza's NDCG@10 is (95 % interval, by bootstrap over questions)",
                ["than of", "mean", "from", "to"],
                [[other, *(f"{value:+.3f}" for value in found)] for other, found in differences.items()],
            ),
        ],
        notes=[
            "A class is behind where the whole of an interval is below 0; few questions make wide ones. With so many "
            "classes, one in forty such intervals lies below 0 by chance.",
            "Questions, products and judgements are our own: good for comparing, not for promises about others'.",
        ],
    )


async def marks_of(questions: Sequence[Judged], place: Path) -> dict[str, Marks]:
    sample = list(products())
    encoder = OnnxEncoder(bundled(), idle_seconds=600)
    systems: dict[str, System] = {
        MEANING: plain_meaning(sample, encoder),
        WORDS: plain_words(sample),
        OURS_WORDS: garaza(sample, None, place / "words"),
        OURS: garaza(sample, encoder, place / "both"),
    }
    marks = {name: await _answered(system, questions) for name, system in systems.items()}
    await encoder.close()
    return marks


async def _answered(system: System, questions: Sequence[Judged]) -> Marks:
    marks = Marks([], [], [])
    for question in questions:
        found = await system(question.text)
        marks.ndcg.append(ndcg(found, question.grades))
        marks.rank.append(reciprocal_rank(found, question.grades))
        marks.recall.append(recall(found, question.grades))
    return marks


def _classes(questions: Sequence[Judged]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, question in enumerate(questions):
        numbers[question.sort].append(number)
    return numbers


def _by_class(sort: str, numbers: Sequence[int], marks: Mapping[str, Marks]) -> list[str]:
    return [
        sort,
        str(len(numbers)),
        *(f"{_mean([one.ndcg[number] for number in numbers]):.3f}" for one in marks.values()),
    ]


def _difference(numbers: Sequence[int], marks: Mapping[str, Marks], other: str) -> list[str]:
    """Of the same questions, ours less theirs; and whether that is surely less than nothing."""
    ours, theirs = marks[OURS].ndcg, marks[other].ndcg
    found = interval([ours[number] - theirs[number] for number in numbers])
    return [*(f"{value:+.3f}" for value in found), "yes" if found[2] < 0 else "no"]


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)

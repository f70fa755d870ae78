"""The judged questions are what their rules make of the sample, and what is counted of answers is right."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks.relevance.judged import JUDGED, load, rows
from benchmarks.relevance.measures import RELEVANT, interval, ndcg, recall, reciprocal_rank
from garaza.furniture.sample import products


def test_the_file_is_what_the_rules_make() -> None:
    with JUDGED.open(encoding="utf-8") as lines:
        assert [json.loads(line) for line in lines] == list(rows())


def test_each_class_is_in_both_halves_alike() -> None:
    tuning, held_out = load("tuning"), load("held-out")
    assert len(tuning) + len(held_out) == len(load()) >= 150
    assert not {one.text for one in tuning} & {one.text for one in held_out}
    there, here = Counter(one.sort for one in tuning), Counter(one.sort for one in held_out)
    assert all(abs(there[sort] - here[sort]) <= 1 for sort in there | here)


def test_every_question_can_be_answered_and_failed() -> None:
    asins = {product.asin for product in products()}
    for one in load():
        relevant = sum(grade >= RELEVANT for grade in one.grades.values())
        assert 1 <= relevant <= 200, one.text
        assert asins.issuperset(one.grades)


def test_ndcg_counts_order_and_grade() -> None:
    grades = {"a": 3, "b": 2, "c": 1}
    assert ndcg(["a", "b", "c"], grades) == 1
    assert ndcg(["x", "y"], grades) == 0
    assert ndcg([], grades) == 0
    # By hand: (3 + 7 / log2(3)) / (7 + 3 / log2(3) + 1 / 2).
    assert ndcg(["b", "a"], grades) == pytest.approx(0.7896, abs=1e-4)
    assert ndcg(["x"] * 10 + ["a"], grades) == 0


def test_only_what_is_relevant_counts_for_rank_and_recall() -> None:
    grades = {"a": 3, "b": 2, "c": 1}
    assert reciprocal_rank(["c", "x", "b"], grades) == pytest.approx(1 / 3)
    assert reciprocal_rank(["c"], grades) == 0
    assert recall(["c", "b"], grades) == 0.5
    assert recall(["b", "a"], grades) == 1
    assert recall([str(number) for number in range(20)], {str(number): 2 for number in range(100)}) == 1


def test_an_interval_holds_the_mean_and_says_when_nothing_is_known() -> None:
    mean, low, high = interval([0.1, 0.2, 0.3] * 20)
    assert low < mean < high
    assert low > 0
    _, low, high = interval([-1, 1] * 5)
    assert low < 0 < high

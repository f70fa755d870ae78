"""No call asks the database more than its budget, whoever makes it, and however long the list is that it gives."""

from __future__ import annotations

from collections.abc import Iterable

from tests.database.budgets import BUDGETS, Budget
from tests.database.seed import LARGE
from tests.database.service import Call
from tests.database.tour.lists import SIZES
from tests.database.tour.whole import Tour

FOR_LONG_LISTS = {"GET /api/admin/jobs"}
"""Whose budget only the large database needs."""


def test_every_call_has_a_budget(tour: Tour) -> None:
    assert sorted(tour.routes ^ set(BUDGETS)) == []


def test_every_call_keeps_its_budget(tour: Tour) -> None:
    over = [
        f"{call.route} {dict(call.parameters)} asks {spent}, and may ask {BUDGETS[call.route]}:\n"
        + "\n".join(call.statements)
        for call in tour.calls
        if _is_more(spent := _spent(call), BUDGETS[call.route])
    ]
    assert not over, "\n\n".join(over)


def test_every_budget_is_needed(tour: Tour) -> None:
    """By some variant; so that what was won isn't lost unseen. What PostgreSQL alone needs is left alone elsewhere."""
    most: dict[str, Budget] = {}
    for call in tour.calls:
        most[call.route] = _at_most(most.get(call.route, Budget()), _spent(call))
    tight = {route: Budget(budget.reads, budget.writes) for route, budget in BUDGETS.items() if route in most}
    loose = {route: (most[route], budget) for route, budget in tight.items() if _is_more(budget, most[route])}
    assert {route: spent for route, spent in loose.items() if route not in FOR_LONG_LISTS or tour.size is LARGE} == {}


def test_a_page_costs_the_same_however_long_it_is(tour: Tour) -> None:
    short, long = SIZES
    counts: dict[tuple[str, str], dict[int, int]] = {}
    for call in tour.calls:
        size = call.parameters.get("page_size")
        if call.route in tour.lists and call.parameters.get("page") == 1 and size in SIZES:
            wanted = {name: value for name, value in call.parameters.items() if name != "page_size"}
            counts.setdefault((call.route, f"{call.who} {wanted}"), {})[int(size)] = len(call.statements)
    assert {route for route, _ in counts} == set(tour.lists)
    # One more where some of many rows want what the one doesn't: the places of scans that wait.
    assert {key: found for key, found in counts.items() if found[long] > found[short] + 1} == {}


def _spent(call: Call) -> Budget:
    tells = [one for one in call.statements if one.startswith("SELECT pg_notify")]
    reads = [one for one in call.statements if one.startswith(("SELECT", "WITH")) and one not in tells]
    return Budget(len(reads), len(call.statements) - len(reads) - len(tells), len(tells))


def _is_more(one: Budget, other: Budget) -> bool:
    return any(a > b for a, b in zip(_numbers(one), _numbers(other), strict=True))


def _at_most(one: Budget, other: Budget) -> Budget:
    return Budget(*map(max, _numbers(one), _numbers(other)))


def _numbers(budget: Budget) -> Iterable[int]:
    return budget.reads, budget.writes, budget.tells

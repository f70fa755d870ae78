"""What the application asks of its database: plans and budgets.

Every query is served by an index, whoever's rows it is about; and every index serves. No call asks more than its
budget, whoever makes it, and however long the list is that it gives. `tour` calls everything once, on a database with
many rows; plans and budgets are in one file because making it takes a while. Nothing is listed here by hand: a route
that isn't called, a line of SQL that didn't run, a list's filter without a value, or a table without rows fails a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from garaza.kit.models import Base
from garaza.kit.pagination import COUNTED_ROWS, DEEPEST_ROW, MAX_PAGE_SIZE
from tests.database.allowances import ALLOWED, SMALL_TABLES, Allowance
from tests.database.budgets import BUDGETS, Budget
from tests.database.conftest import KINDS, MakeTour
from tests.database.plans import Plan
from tests.database.recorder import Asked
from tests.database.seed import LARGE, SMALL
from tests.database.service import Call
from tests.database.tour.lists import SIZES
from tests.database.tour.whole import Tour

LIMIT = 1000
"""Rows that a query may sort, or read and throw away: as many as housekeeping takes at a time."""
DEEPEST = DEEPEST_ROW + MAX_PAGE_SIZE
"""Rows that a numbered page may reach. Sorting so many can be cheaper than walking along an index, and PostgreSQL knows
when."""
READ_LIMIT = 2 * (COUNTED_ROWS + DEEPEST)
"""Rows that a query may read: twice as many as the deepest of numbered pages, with its count, is made of."""


def test_no_query_reads_or_sorts_a_big_table(tour: Tour) -> None:
    found = [
        f"{asked.place} (of {asked.who}) {what} {table}, having read {plan.read}, sorted {plan.sorted} "
        f"and wasted {plan.wasted} rows:\n{asked.statement}\n{asked.parameters}\n{plan.text}"
        for asked, plan in tour.plans
        for what, table in _faults(plan)
        if _allowance(asked, what, table) is None
    ]
    assert not found, f"{len(found)} queries:\n\n" + "\n\n".join(found)


def _faults(plan: Plan) -> Iterator[tuple[str, str]]:
    """What it does, and with which table."""
    for table in plan.scanned - SMALL_TABLES:
        yield "scans", table
    if plan.read > READ_LIMIT:
        yield "reads", ""
    if plan.sorted > 2 * DEEPEST:
        yield "sorts", ""
    if plan.wasted > LIMIT + (plan.read - plan.wasted):
        yield "wastes", ""


def _allowance(asked: Asked, what: str, table: str) -> Allowance | None:
    wanted = (asked.place, what, table)
    fitting = (one for one in ALLOWED if (one.place, one.what, one.table) == wanted and one.who in {"", asked.who})
    return next(fitting, None)


@pytest.mark.slow
def test_every_allowance_is_needed(make_tour: MakeTour) -> None:
    used = {
        _allowance(asked, what, table)
        for kind in KINDS
        for asked, plan in make_tour(kind, LARGE).plans
        for what, table in _faults(plan)
    }
    assert [(one.place, one.what, one.table) for one in ALLOWED if one not in used] == []


def test_every_line_that_makes_sql_has_run(make_tour: MakeTour) -> None:
    """On one of the two: some lines are for one alone."""
    unseen = set.intersection(*(make_tour(kind, SMALL).unseen for kind in KINDS))
    assert sorted(unseen) == [], "extend tests/database/tour"


def test_every_route_was_called(tour: Tour) -> None:
    called = {call.route for call in tour.calls}
    # Its parts have names that the build chooses, and no SQL.
    page = {"GET /page/{name}", "HEAD /page/{name}"}
    assert sorted(tour.routes - called - page) == [], "extend tests/database/tour"


def test_every_index_serves_a_query(make_tour: MakeTour) -> None:
    served = {index for kind in KINDS for _, plan in make_tour(kind, SMALL).plans for index in plan.indexes}
    # Unique ones decide who was first.
    made = {index.name for table in Base.metadata.tables.values() for index in table.indexes if not index.unique}
    assert sorted(made - served) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_query_reads_does_not_grow_with_the_tables(make_tour: MakeTour, kind: str) -> None:
    """Twenty times the rows, and what pages reach is bounded: whatever reads much more reads without end."""
    small, large = (_most_read(make_tour(kind, size)) for size in (SMALL, LARGE))
    grown = {place: (small[place], read) for place, read in large.items() if read > 3 * small[place] + READ_LIMIT}
    assert {place: read for place, read in grown.items() if not _may_read(place)} == {}


def _may_read(place: str) -> bool:
    return any((one.place, one.what) == (place, "reads") for one in ALLOWED)


def _most_read(tour: Tour) -> dict[str, int]:
    most: dict[str, int] = {}
    for asked, plan in tour.plans:
        most[asked.place] = max(most.get(asked.place, 0), plan.read)
    return most


# Budgets -------------------------------------------------------------------------------------------------------


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


def test_no_call_has_everybody_wait_for_the_disk(tour: Tour) -> None:
    """Here because the tour is: files are opened, and processes started, by other threads than the event loop's."""
    assert {f"{call.route}: {touch}" for call in tour.calls for touch in call.touches} == set()


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

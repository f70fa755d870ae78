"""Everything that the application ever asks its database, once, on a database with many rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fastapi.routing import iter_route_contexts
from sqlalchemy import URL

from tests.database.places import Lines
from tests.database.plans import Plan, PostgresPlans, SqlitePlans
from tests.database.recorder import Asked
from tests.database.seed import ADMIN, HEAVY, ORDINARY, SMALL, Size
from tests.database.service import Call, Service, settings_for
from tests.database.tour import accounts, background, furniture, lists, operators, rooms, scans, uploads


@dataclass(frozen=True, slots=True)
class Tour:
    """What was seen."""

    calls: list[Call]
    routes: set[str]
    """All that the application has, be they called or not."""
    lists: list[str]
    plans: list[tuple[Asked, Plan]]
    size: Size
    unseen: set[str]
    """Lines of functions with SQL that haven't run."""


def make(url: URL, size: Size, data_dir: Path, template: Path, clip: bytes) -> Tour:
    """On a database that was seeded with so much. Blocks."""
    return asyncio.run(_make(Service(settings_for(url, data_dir), template, clip), url, size))


async def _make(service: Service, url: URL, size: Size) -> Tour:
    lines = Lines()
    try:
        with lines, service.recorder:
            await _whole(service)
        asked = [one for one in service.recorder.asked.values() if not _adds(one)]
        if url.get_backend_name() == "sqlite":
            plans = SqlitePlans(url)
            seen = [(one, plans.plan(one)) for one in asked]
            plans.close()
        else:
            server_plans = PostgresPlans(service.database.engine, small=size == SMALL)
            seen = [(one, await server_plans.plan(one)) for one in asked]
    finally:
        await service.close()
    listed = [route for route, _ in lists.lists_of(service)]
    return Tour(service.calls, routes_of(service), listed, seen, size, lines.missing())


async def _whole(service: Service) -> None:
    heavy = await service.sign_in(HEAVY, "heavy")
    ordinary = await service.sign_in(ORDINARY, "ordinary")
    admin = await service.sign_in(ADMIN, "admin")
    people = [heavy, ordinary]
    await lists.tour(service, people, admin)
    await accounts.tour(service, people, admin)
    await scans.tour(service, people)
    await uploads.tour(service, people)
    await rooms.tour(service, people)
    await furniture.tour(service, people, admin)
    await operators.tour(service, admin)
    await background.tour(service)


def _adds(asked: Asked) -> bool:
    """Whether it only adds rows, so that there is nothing to be planned."""
    rows = "FROM (VALUES" in asked.statement
    return asked.statement.startswith("INSERT") and (rows or "SELECT" not in asked.statement)


def routes_of(service: Service) -> set[str]:
    found = set()
    for route in iter_route_contexts(service.app.routes):
        if route.path is None:
            # What finds the others: `kit.route_index`.
            continue
        methods = getattr(route, "methods", None) or {"WS"}
        found |= {f"{method} {route.path}" for method in methods}
    return found

"""Whatever is sent, by whomever: it is answered as the description says, and never with an error of the service's own.

Requests are made by Schemathesis from the description, valid ones and invalid ones, with real things in many of them.
GARAZA_TEST_SEED=N makes others.
"""

from __future__ import annotations

import os
import re
import shutil
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import make_url

from garaza.kit.database import sqlite_url
from tests.accounts.conftest import migrated
from tests.api.stage import FOR_ADMINS, KNOWN, VIEWERS, Stage
from tests.api.whole import fake_probes, whole_service

SEED = int(os.environ.get("GARAZA_TEST_SEED", "1"))
FEATURES = ["accounts", "profile", "scans", "live", "rooms", "admin", "operations", "webhooks", "furniture"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PLACEHOLDER = "0" * 22
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def portal_and_stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> Iterator[tuple[BlockingPortal, Stage]]:
    folder = tmp_path_factory.mktemp("anything")
    with ExitStack() as open_things:
        if request.param == "sqlite":
            shutil.copy(request.getfixturevalue("empty_file"), folder / "garaza.db")
            url = sqlite_url(folder / "garaza.db")
        else:
            server = request.getfixturevalue("postgres")
            url = make_url(open_things.enter_context(server.database(server.template(migrated))))
        open_things.enter_context(fake_probes())
        portal = open_things.enter_context(start_blocking_portal())
        accounts = {"guest_scans_per_day": -1, "guest_storage_bytes": -1}
        service = whole_service(
            url, folder, template, accounts=accounts, jobs={"max_queued": 1_000_000}, furniture={"sample": True}
        )
        whole = open_things.enter_context(portal.wrap_async_context_manager(service))
        portal.call(whole.catalogue)
        yield portal, Stage(whole)


class Caller:
    """Sends what Schemathesis has made, with things that are there in the place of what it made up."""

    def __init__(self, portal: BlockingPortal, stage: Stage) -> None:
        self._portal = portal
        self._stage = stage
        self._root = str(stage.whole.data.root)

    def send(self, case: schemathesis.Case, viewer: str, filled: dict[str, str]) -> httpx2.Response:
        return self._portal.call(self._send, case, viewer, filled)

    async def _send(self, case: schemathesis.Case, viewer: str, filled: dict[str, str]) -> httpx2.Response:
        caller = await self._stage.viewer(viewer)
        for name, thing in filled.items():
            for place in places(case):
                if name in place:
                    place[name] = await self._stage.thing(thing)
        prepared = requests.Request(**case.as_transport_kwargs(base_url="http://garaza.test")).prepare()
        request = {"content": prepared.body, "headers": {**prepared.headers, **caller.authorization}}
        answer = await caller.client.request(str(prepared.method), str(prepared.url), **request)
        self._note(case, filled)
        return answer

    def _note(self, case: schemathesis.Case, filled: dict[str, str]) -> None:
        if case.method == "GET":
            return
        path = case.operation.path
        if path.startswith(("/api/auth", "/api/profile/plan", "/api/admin")):
            self._stage.forget()
        else:
            self._stage.forget(*filled.values())

    def check(self, case: schemathesis.Case, answer: httpx2.Response) -> None:
        """Raises for an answer that isn't as it should be."""
        case.validate_response(answer, checks=CHECKS)
        assert self._root not in answer.text


@st.composite
def calls(
    draw: st.DrawFn, operation: schemathesis.APIOperation, mode: GenerationMode
) -> tuple[schemathesis.Case, str, dict[str, str]]:
    """A request, who sends it, and what is put into it."""
    in_path = re.findall(r"\{(\w+)\}", operation.path)
    if mode is GenerationMode.POSITIVE:
        case = draw(operation.as_strategy(mode))
        candidates = [name for place in places(case) for name in place]
    else:
        # What is wrong is elsewhere, so that it gets as far as what is there.
        case = draw(operation.as_strategy(mode, path_parameters=dict.fromkeys(in_path, PLACEHOLDER)))
        candidates = in_path
    filled = {}
    for name in candidates:
        # Most of them, as hardly anything happens to what isn't there.
        if name.lower() in KNOWN and draw(st.integers(0, 3)) < 3:
            filled[name] = draw(st.sampled_from(KNOWN[name.lower()]))
    viewers = FOR_ADMINS if operation.path.startswith("/api/admin") else VIEWERS
    return case, draw(st.sampled_from(viewers)), filled


def places(case: schemathesis.Case) -> list[MutableMapping[str, Any]]:
    """Where a request has names with values."""
    found = (case.path_parameters, case.query, case.headers, case.body)
    return [place for place in found if isinstance(place, MutableMapping)]


def can_be_invalid(operation: schemathesis.APIOperation) -> bool:
    """Whether there is something that could be wrong beside the path, in which any text may stand."""
    return bool(list(operation.body) or list(operation.query))


def bombard(caller: Caller, operation: schemathesis.APIOperation, mode: GenerationMode, examples: int) -> None:
    """Send requests of one kind; raises for an answer that isn't as it should be."""

    @seed(SEED)
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(made=calls(operation, mode))
    def run(made: tuple[schemathesis.Case, str, dict[str, str]]) -> None:
        case, viewer, filled = made
        caller.check(case, caller.send(case, viewer, filled))

    run()


def bombard_all(portal: BlockingPortal, stage: Stage, feature: str, examples: int) -> None:
    """All calls of a feature, valid and invalid ones. Tells of each call that failed."""
    print(f"GARAZA_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    caller = Caller(portal, stage)
    schema = schemathesis.openapi.from_dict(stage.whole.app.openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    mine = [operation for operation in operations if feature in operation.tags]
    assert mine, feature
    assert {tag for operation in operations for tag in operation.tags} == set(FEATURES)
    failures = []
    for operation in mine:
        for mode in GenerationMode:
            if mode is GenerationMode.NEGATIVE and not can_be_invalid(operation):
                continue
            try:
                # What is wrong is mostly found out by the same few lines.
                bombard(caller, operation, mode, examples if mode is GenerationMode.POSITIVE else examples // 2)
            except Exception as error:  # noqa: BLE001 - all are told of together
                told = "".join(traceback.format_exception_only(error))
                failures.append(f"{operation.label} ({mode.value}): {told}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("feature", FEATURES)
def test_nothing_breaks_it(portal_and_stage: tuple[BlockingPortal, Stage], feature: str) -> None:
    bombard_all(*portal_and_stage, feature, 10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("feature", FEATURES)
def test_nothing_breaks_it_for_long(portal_and_stage: tuple[BlockingPortal, Stage], feature: str) -> None:
    bombard_all(*portal_and_stage, feature, 300)

"""The service's description keeps what clients that exist rely on; and a description that didn't would be noticed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from garaza.app import create_app
from garaza.settings import Settings
from tests.api.contract import CALLS, Call, Shape
from tests.api.document import FORMS, JSON, PROBLEM, differences, inlined

Operation = dict[str, Any]
OF_ITS_OWN = {"type": "of its own"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("api")))
    return inlined(app.openapi())


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_what_clients_rely_on_is_described(document: dict[str, Any], call: Call) -> None:
    assert differences(document, [call]) == []


def test_the_table_names_each_call_once() -> None:
    names = [call.name for call in CALLS]
    assert len(set(names)) == len(names)


# Would it be noticed? ------------------------------------------------------------------------------------------------


def changed(document: dict[str, Any], call: Call, change: Callable[[Operation], object]) -> list[str]:
    """What is found once one operation of the description has been changed."""
    path = next(path for path in document["paths"] if [*_fixed(path)] == [*_fixed(call.path)])
    operation = copy.deepcopy(document["paths"][path][call.method.lower()])
    change(operation)
    return differences({"paths": {path: {call.method.lower(): operation}}}, [call])


def _fixed(path: str) -> Iterator[str]:
    return ("{}" if part.startswith("{") else part for part in path.split("/"))


def fields(shape: Shape | None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each field of a shape is: the names that lead to it, with "[]" for what is in a list."""
    match shape:
        case tuple():
            for one in shape:
                yield from fields(one, path)
        case [inner]:
            yield from fields(inner, (*path, "[]"))
        case dict():
            for name, inner in shape.items():
                here = (*path, name.removesuffix("?"))
                yield here
                yield from fields(inner, here)


def owner_of(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of the object that has the last field of a path."""
    for one in schema.get("anyOf", [schema]):
        if path[0] == "[]" and "items" in one:
            return owner_of(one["items"], path[1:])
        if path[0] in one.get("properties", {}):
            return owner_of(one["properties"][path[0]], path[1:]) if len(path) > 1 else one
    raise LookupError(path)


def answer_schema(operation: Operation, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = operation["responses"][str(call.status)]["content"][JSON]["schema"]
    return found


def body_schema(operation: Operation) -> dict[str, Any]:
    content = operation["requestBody"]["content"]
    found: dict[str, Any] = next(content[kind]["schema"] for kind in (JSON, *FORMS) if kind in content)
    return found


@pytest.mark.parametrize("call", [call for call in CALLS if [*fields(call.answer)]], ids=lambda call: call.name)
def test_an_answer_that_lost_a_field_or_changed_it_is_noticed(document: dict[str, Any], call: Call) -> None:
    for path in fields(call.answer):
        name, where = path[-1], ".".join(path).replace(".[]", "[]")

        def lose(owner: dict[str, Any], name: str = name) -> None:
            del owner["properties"][name]

        def rename(owner: dict[str, Any], name: str = name) -> None:
            owner["properties"][f"{name}_"] = owner["properties"].pop(name)

        def retype(owner: dict[str, Any], name: str = name) -> None:
            owner["properties"][name] = OF_ITS_OWN

        def loosen(owner: dict[str, Any], name: str = name) -> None:
            owner["properties"][name] = {"anyOf": [owner["properties"][name], OF_ITS_OWN]}

        for change in (lose, rename, retype, loosen):
            found = changed(document, call, lambda it, c=change, p=path: c(owner_of(answer_schema(it, call), p)))
            assert any(where in text for text in found), (change.__name__, where)


@pytest.mark.parametrize("call", [call for call in CALLS if call.body or call.form], ids=lambda call: call.name)
def test_a_request_whose_field_is_not_taken_any_more_is_noticed(document: dict[str, Any], call: Call) -> None:
    for path in fields(call.body or call.form):

        def lose(owner: dict[str, Any], name: str = path[-1]) -> None:
            del owner["properties"][name]
            owner["required"] = [other for other in owner.get("required", []) if other != name]

        def retype(owner: dict[str, Any], name: str = path[-1]) -> None:
            owner["properties"][name] = OF_ITS_OWN

        def ask_for_more(owner: dict[str, Any]) -> None:
            owner.setdefault("required", []).append("captcha")

        before = differences(document, [call])
        for change in (lose, retype, ask_for_more):
            found = changed(document, call, lambda it, c=change, p=path: c(owner_of(body_schema(it), p)))
            assert [text for text in found if text not in before], (change.__name__, path)


def of(name: str) -> Call:
    return next(call for call in CALLS if call.name == name)


def drop_parameters(operation: Operation) -> None:
    operation["parameters"] = []


def ask_for_a_parameter(operation: Operation) -> None:
    new = {"name": "captcha", "in": "query", "required": True, "schema": {"type": "string"}}
    operation.setdefault("parameters", []).append(new)


def ask_for_a_header(operation: Operation) -> None:
    new = {"name": "X-Captcha", "in": "header", "required": True, "schema": {"type": "string"}}
    operation.setdefault("parameters", []).append(new)


def let_anybody_in(operation: Operation) -> None:
    operation["security"] = [*operation.get("security", []), {}]


def let_nobody_in(operation: Operation) -> None:
    operation["security"] = [{"Key": []}]


def answer_otherwise(operation: Operation) -> None:
    operation["responses"]["202"] = operation["responses"].pop("200")


def answer_with_text(operation: Operation) -> None:
    operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}


def answer_with_json(operation: Operation) -> None:
    operation["responses"]["200"]["content"] = {JSON: {"schema": {}}}


def say_errors_in_words(operation: Operation) -> None:
    del operation["responses"]["default"]["content"][PROBLEM]


def demand_a_body(operation: Operation) -> None:
    operation["requestBody"]["required"] = True


def another_default(operation: Operation) -> None:
    owner_of(body_schema(operation), ("max_frames",))["properties"]["max_frames"]["default"] = 64


def another_plan(operation: Operation) -> None:
    owner_of(answer_schema(operation, of("GET /api/auth/me")), ("plan",))["properties"]["plan"] = {
        "enum": ["free", "pro", "platinum"],
        "type": "string",
    }


def one_plan_less(operation: Operation) -> None:
    owner_of(body_schema(operation), ("plan",))["properties"]["plan"] = {"enum": ["free"], "type": "string"}


def leave_out_a_field(operation: Operation) -> None:
    owner_of(answer_schema(operation, of("GET /api/profile/stats")), ("plan",))["required"].remove("total_scans")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("GET /api/rooms", drop_parameters, "parameter page_size is missing"),
        ("POST /api/admin/cleanup", drop_parameters, "parameter dry_run is missing"),
        ("POST /api/process/{job_id}", drop_parameters, "header Idempotency-Key is missing"),
        ("GET /api/rooms", ask_for_a_parameter, "parameter captcha is asked for"),
        ("POST /api/auth/login", ask_for_a_header, "header x-captcha is asked for"),
        ("GET /api/auth/me", let_anybody_in, "a token is optional, and should be needed"),
        ("POST /api/auth/register", let_nobody_in, "a token is needed, and should be none"),
        ("GET /api/status/{job_id}", let_nobody_in, "a token is needed, and should be optional"),
        ("GET /api/profile", answer_otherwise, "there is no answer 200"),
        ("GET /api/profile", answer_with_text, "the answer isn't JSON"),
        ("GET /api/assets/{job_id}/{path}", answer_with_json, "the answer is application/json, and should be a file"),
        ("GET /api/profile", say_errors_in_words, "errors are not described"),
        ("POST /api/process/{job_id}", demand_a_body, "the body may not be left out"),
        ("POST /api/process/{job_id}", another_default, "body.max_frames doesn't default to 128"),
        ("GET /api/auth/me", another_plan, "answer.plan may be platinum, which is not among free, pro, enterprise"),
        ("PUT /api/profile/plan", one_plan_less, "body.plan may not be pro"),
        ("GET /api/profile/stats", leave_out_a_field, "answer.total_scans may be left out"),
    ],
)
def test_other_changes_are_noticed(
    document: dict[str, Any], name: str, change: Callable[[Operation], object], said: str
) -> None:
    assert f"{name}: {said}" in changed(document, of(name), change)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_that_has_gone_is_noticed(document: dict[str, Any], call: Call) -> None:
    others = copy.deepcopy(document)
    for item in others["paths"].values():
        item.pop(call.method.lower(), None)
    assert differences(others, [call]) == [f"{call.name}: there is no such call"]


def test_more_than_is_relied_on_is_nobodys_business(document: dict[str, Any]) -> None:
    def add(operation: Operation) -> None:
        owner = owner_of(answer_schema(operation, of("GET /api/profile/stats")), ("plan",))
        owner["properties"]["mood"] = {"type": "string"}
        operation.setdefault("parameters", []).append({"name": "mood", "in": "query", "schema": {"type": "string"}})

    assert changed(document, of("GET /api/profile/stats"), add) == []

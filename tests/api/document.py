"""Holding an OpenAPI description against a table of calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.api.contract import FILE, Call, Shape, Words

JSON = "application/json"
PROBLEM = "application/problem+json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
PROBLEM_FIELDS: Shape = {"type": "string", "title": "string", "status": "integer", "code": "string", "detail": "string"}

Schema = dict[str, Any]


def inlined(document: dict[str, Any]) -> dict[str, Any]:
    """The description with what it refers to in the place of references."""

    def inline(part: Any, within: tuple[str, ...] = ()) -> Any:
        if isinstance(part, list):
            return [inline(one, within) for one in part]
        if not isinstance(part, dict):
            return part
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return {key: inline(value, within) for key, value in part.items()}
        if reference in within:
            return {}
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        return inline(target, (*within, reference))

    found: dict[str, Any] = inline({"paths": document["paths"]})
    return found


def differences(document: dict[str, Any], calls: list[Call]) -> list[str]:
    """What is missing or otherwise in a description that has no references left; empty if it keeps all promises."""
    by_path = {_nameless(path): item for path, item in document["paths"].items()}
    found = []
    for call in calls:
        operation = by_path.get(_nameless(call.path), {}).get(call.method.lower())
        if operation is None:
            found.append(f"{call.name}: there is no such call")
        else:
            found += [f"{call.name}: {text}" for text in differences_of(operation, call)]
    return found


def _nameless(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def differences_of(operation: dict[str, Any], call: Call) -> Iterator[str]:
    """The same for one call."""
    yield from _token(operation.get("security", []), call)
    parameters = operation.get("parameters", [])
    yield from _query({p["name"]: p for p in parameters if p["in"] == "query"}, call)
    headers = {p["name"].lower(): p for p in parameters if p["in"] == "header"}
    yield from (f"header {name} is missing" for name in call.headers if name.lower() not in headers)
    yield from (f"header {name} is asked for" for name, header in headers.items() if header.get("required"))
    yield from _body(operation.get("requestBody"), call)
    yield from _answer(operation.get("responses", {}), call)


def _token(security: list[dict[str, Any]], call: Call) -> Iterator[str]:
    said = "none" if not security else "optional" if {} in security else "needed"
    # Which of those who are let in are admins isn't said there.
    wanted = "needed" if call.token == "admin" else call.token
    if said != wanted:
        yield f"a token is {said}, and should be {wanted}"


def _query(parameters: dict[str, Any], call: Call) -> Iterator[str]:
    for name, shape in call.query.items():
        if name not in parameters:
            yield f"parameter {name} is missing"
        else:
            yield from taken(parameters[name]["schema"], shape, f"parameter {name}")
    yield from (
        f"parameter {n} is asked for" for n, p in parameters.items() if p.get("required") and n not in call.query
    )


def _body(body: dict[str, Any] | None, call: Call) -> Iterator[str]:
    content = {} if body is None else body["content"]
    if call.form is not None:
        schema = next((content[kind]["schema"] for kind in FORMS if kind in content), None)
        shape = call.form
    elif call.body is not None:
        schema, shape = content.get(JSON, {}).get("schema"), call.body
    else:
        if body is not None and body.get("required"):
            yield "a body is asked for"
        return
    if schema is None or body is None:
        yield "the body is missing"
        return
    if call.optional_body and body.get("required"):
        yield "the body may not be left out"
    yield from taken(schema, shape, "body")
    for name, value in call.defaults.items():
        defaults = [part.get("properties", {}).get(name, {}).get("default") for part in _parts(schema)]
        if value not in defaults:
            yield f"body.{name} doesn't default to {value}"


def _answer(responses: dict[str, Any], call: Call) -> Iterator[str]:
    success = responses.get(str(call.status))
    if success is None:
        yield f"there is no answer {call.status}"
        return
    content = success.get("content", {})
    if call.answer is None:
        if content:
            yield "the answer has a body"
    elif call.answer == FILE:
        if not content or JSON in content:
            yield f"the answer is {', '.join(content) or 'nothing'}, and should be a file"
    elif JSON not in content:
        yield "the answer isn't JSON"
    else:
        yield from given(content[JSON]["schema"], call.answer, "answer")
    problem = responses.get("default", {}).get("content", {}).get(PROBLEM, {}).get("schema")
    if problem is None:
        yield "errors are not described"
    else:
        yield from given(problem, PROBLEM_FIELDS, "error")


# What is given: everything that the service may say, the client must understand --------------------------------------


def given(schema: Schema, shape: Shape, where: str) -> Iterator[str]:
    """How what the service says may differ from what clients read."""
    shapes = shape if isinstance(shape, tuple) else (shape,)
    for part in _parts(schema):
        # What is an object wants to be read as the object that clients know, not as the null that may come instead.
        alike = [one for one in shapes if _kind_of(one) == _kind(part)] or shapes
        yield from min((list(_given_one(part, one, where)) for one in alike), key=len)


def _given_one(schema: Schema, shape: Shape, where: str) -> Iterator[str]:
    match shape:
        case dict() if _kind(schema) == "object":
            yield from _given_object(schema, shape, where)
        case [inner] if _kind(schema) == "array":
            for items in _items(schema) or [{}]:
                yield from given(items, inner, f"{where}[]")
        case Words(known) if _kind(schema) == "string":
            for word in schema.get("enum", [schema.get("const")]):
                if word not in known:
                    yield f"{where} may be {word}, which is not among {', '.join(known)}"
        case _ if (_kind(schema), shape) != ("integer", "number"):
            yield from _otherwise(schema, shape, where)


def _given_object(schema: Schema, shape: dict[str, Any], where: str) -> Iterator[str]:
    properties, always = schema.get("properties", {}), schema.get("required", [])
    for name, inner, optional in _fields(shape):
        if name not in properties:
            yield f"{where}.{name} is missing"
            continue
        if not optional and name not in always:
            yield f"{where}.{name} may be left out"
        yield from given(properties[name], inner, f"{where}.{name}")


def _otherwise(schema: Schema, shape: Shape, where: str) -> Iterator[str]:
    if _kind(schema) != _kind_of(shape):
        yield f"{where} is {_kind(schema)}, and should be {_kind_of(shape)}"


# What is taken: everything that clients may say, the service must understand -----------------------------------------


def taken(schema: Schema, shape: Shape, where: str) -> Iterator[str]:
    """How what the service takes may differ from what clients send."""
    parts = _parts(schema)
    for one in shape if isinstance(shape, tuple) else (shape,):
        alike = [part for part in parts if _kind_of(one) == _kind(part)] or parts
        yield from min((list(_taken_one(part, one, where)) for part in alike), key=len)


def _taken_one(schema: Schema, shape: Shape, where: str) -> Iterator[str]:
    match shape:
        case dict() if _kind(schema) == "object":
            yield from _taken_object(schema, shape, where)
        case [inner] if _kind(schema) == "array":
            for items in _items(schema):
                yield from taken(items, inner, f"{where}[]")
        case Words(known) if _kind(schema) == "string":
            allowed = schema.get("enum", [schema["const"]] if "const" in schema else known)
            yield from (f"{where} may not be {word}" for word in known if word not in allowed)
        case _ if (shape, _kind(schema)) != ("integer", "number"):
            yield from _otherwise(schema, shape, where)


def _taken_object(schema: Schema, shape: dict[str, Any], where: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    sent = {name for name, _, optional in _fields(shape) if not optional}
    yield from (f"{where}.{name} is asked for" for name in schema.get("required", []) if name not in sent)
    for name, inner, _ in _fields(shape):
        if name not in properties:
            yield f"{where}.{name} is missing"
        else:
            yield from taken(properties[name], inner, f"{where}.{name}")


# Reading schemas -----------------------------------------------------------------------------------------------------


def _fields(shape: dict[str, Any]) -> Iterator[tuple[str, Shape, bool]]:
    for name, inner in shape.items():
        yield name.removesuffix("?"), inner, name.endswith("?")


def _items(schema: Schema) -> list[Schema]:
    """Of what may be in a list."""
    return [*schema.get("prefixItems", []), *([schema["items"]] if schema.get("items") else [])]


def _parts(schema: Schema) -> list[Schema]:
    """The schemas of which a value has one."""
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return [part for one in schema[choice] for part in _parts(one)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    if len(schema.get("allOf", [])) == 1:
        return _parts(schema["allOf"][0])
    return [schema]


def _kind_of(shape: Shape) -> str:
    match shape:
        case dict():
            return "object"
        case list():
            return "array"
        case Words():
            return "string"
    return str(shape)


def _kind(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    kinds = {names[type(value)] for value in values}
    return kinds.pop() if len(kinds) == 1 else "anything"

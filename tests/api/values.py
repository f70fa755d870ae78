"""Holding a JSON value against a shape of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.api.contract import Shape, Words

_KINDS = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
    dict: "object",
}


def misfits(value: Any, shape: Shape, where: str = "answer") -> Iterator[str]:
    """What is missing in a value, or is of another kind than clients expect."""
    match shape:
        case tuple():
            yield from min((list(misfits(value, one, where)) for one in shape), key=len)
        case dict() if isinstance(value, dict):
            yield from _misfits_in_object(value, shape, where)
        case [inner] if isinstance(value, list):
            for number, one in enumerate(value):
                yield from misfits(one, inner, f"{where}[{number}]")
        case Words(known):
            if value not in known:
                yield f"{where} is {value!r}, which is not among {', '.join(known)}"
        case _:
            kind = _KINDS[type(value)]
            wanted = shape if isinstance(shape, str) else _KINDS[type(shape)]
            if kind != wanted and (kind, wanted) != ("integer", "number"):
                yield f"{where} is {kind}, and should be {wanted}"


def _misfits_in_object(value: dict[str, Any], shape: dict[str, Any], where: str) -> Iterator[str]:
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name in value:
            yield from misfits(value[name], inner, f"{where}.{name}")
        elif name == key:
            yield f"{where}.{name} is missing"

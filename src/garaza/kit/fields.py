"""Some fields of an answer instead of all: `?fields=job_id,scale.metric`, checked against the answer's model.

In a route::

    Wanted = Annotated[Selection | None, Depends(fields_of(OwnScans))]

    @router.get("/jobs", response_model=OwnScans)
    async def own(wanted_fields: Wanted, response: Response) -> OwnScans | Response:
        return picked(OwnScans(...), wanted_fields, response)

Lists are looked through: `jobs.status` is that of each of them. What an answer leaves out it leaves out knowingly, so
that nothing else of it changes.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

MAX_LETTERS = 1000
MAX_FIELDS = 50

T = TypeVar("T")
_ANY: TypeAdapter[Any] = TypeAdapter(Any)

Tree = dict[str, Any]
"""By name: True for all of it, or the tree of what is wanted of it; in the form that pydantic takes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields that are wanted."""

    tree: Tree

    def within(self, name: str) -> Selection | None:
        """What is wanted of the entries of a list; None: all of them."""
        inner = self.tree.get(name, True)
        return None if inner is True else Selection(inner["__all__"])


def fields_of(model: type[BaseModel]) -> Callable[..., Awaitable[Selection | None]]:
    """A dependency that reads `fields`, for an answer of this model, or a list of such."""

    async def wanted(
        fields: str | None = Query(
            None, max_length=MAX_LETTERS, description=f"Names with commas between, {MAX_FIELDS} at most: only these."
        ),
    ) -> Selection | None:
        return None if fields is None else select_fields(model, fields)

    return wanted


def select_fields(model: type[BaseModel], text: str) -> Selection:
    """The fields of a model that a text names.

    Raises:
        RequestValidationError: it names one that there isn't, or too many.
    """
    names = text.split(",")
    if len(names) > MAX_FIELDS:
        _refuse(f"Name {MAX_FIELDS} fields at most.")
    tree: Tree = {}
    for name in names:
        _add(tree, model, name.strip().split("."), "")
    return Selection(tree)


def _add(tree: Tree, model: type[BaseModel], path: list[str], above: str) -> None:
    name, *rest = path
    known = model.model_fields
    if name not in known:
        there = ", ".join(above + one for one in known)
        _refuse(f"There is no such field. There are: {there}.")
    if not rest:
        tree[name] = True
        return
    inner, listed = _model_of(known[name].annotation)
    if inner is None:
        _refuse(f"{above}{name} has no fields that could be asked for one by one.")
    if tree.get(name) is True:
        _add({}, inner, rest, f"{above}{name}.")
        return
    below = tree.setdefault(name, {})
    _add(below.setdefault("__all__", {}) if listed else below, inner, rest, f"{above}{name}.")


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether in a list."""
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(iter(set(get_args(annotation)) - {type(None)}))
    listed = get_origin(annotation) is list
    if listed:
        (annotation,) = get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, listed
    return None, listed


def _refuse(message: str) -> NoReturn:
    raise RequestValidationError([{"loc": ("query", "fields"), "msg": message, "type": "fields", "input": None}])


def picked(answer: T, selection: Selection | None, response: Response | None = None) -> T | Response:
    """The answer, or the part of it that is wanted. `response`: the one whose headers are sent with it."""
    if selection is None:
        return answer
    tree = {"__all__": selection.tree} if isinstance(answer, list) else selection.tree
    body = _ANY.dump_json(answer, include=tree)
    return Response(body, media_type="application/json", headers=None if response is None else dict(response.headers))


def dumped(answer: BaseModel, selection: Selection | None) -> bytes:
    """As JSON, in one line."""
    return answer.model_dump_json(include=None if selection is None else selection.tree).encode()

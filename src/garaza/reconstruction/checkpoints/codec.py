"""Dataclasses of arrays as what an npz file holds: named arrays, and one that is the JSON of all that is no array.

Nothing is pickled: reading runs no code that the file brings along, and what comes out has the types asked for.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_REST = "rest"
_PLAIN = (bool, int, float, str)


def pack(**parts: object) -> dict[str, NDArray[Any]]:
    """The parts, each under its name, as arrays. Arrays in them are not copied.

    Args:
        parts: (nested) dataclasses, dictionaries by text, and lists, of arrays, numbers, text, enums and None.

    Raises:
        TypeError: a part holds something else.
    """
    arrays: dict[str, NDArray[Any]] = {}
    rest = {name: _pack(part, name, arrays) for name, part in parts.items()}
    return {_REST: np.frombuffer(json.dumps(rest).encode(), dtype=np.uint8), **arrays}


def unpack(arrays: Mapping[str, NDArray[Any]], name: str, kind: type[T]) -> T:
    """One part of what `pack` made. Of `arrays`, only those of this part are looked up.

    Args:
        kind: the part's type, whose annotations say the types of everything in it.

    Raises:
        LookupError, TypeError, ValueError: there is no such part, or it isn't of that kind.
    """
    rest = json.loads(arrays[_REST].tobytes())
    part: T = _unpack(rest[name], name, kind, arrays)
    return part


def _pack(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, _PLAIN):
        return value
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _pack(item, f"{path}.{key}", arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_pack(item, f"{path}.{row}", arrays) for row, item in enumerate(value)]
    msg = f"{path} is a {type(value).__name__}, which can't be kept"
    raise TypeError(msg)


def _unpack(value: Any, path: str, kind: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is np.ndarray:
        return arrays[path]
    if origin in {Union, types.UnionType}:
        (present,) = (argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else _unpack(value, path, present, arrays)
    if origin is dict:
        return {key: _unpack(item, f"{path}.{key}", arguments[1], arrays) for key, item in value.items()}
    if origin is list:
        return [_unpack(item, f"{path}.{row}", arguments[0], arrays) for row, item in enumerate(value)]
    if dataclasses.is_dataclass(kind):
        kinds = get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)]
        return cast("Any", kind)(**{n: _unpack(value[n], f"{path}.{n}", kinds[n], arrays) for n in names})
    return _unpack_plain(value, path, kind)


def _unpack_plain(value: Any, path: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind in _PLAIN:
        return value
    msg = f"{path} is to be a {kind}, which can't have been kept"
    raise TypeError(msg)

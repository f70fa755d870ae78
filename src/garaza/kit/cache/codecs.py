"""Values as bytes and back. Never by pickle: a shared store may hold what anybody has put there who can reach it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class Codec(Protocol[T]):
    """Both ways for one kind of values."""

    @property
    def version(self) -> str:
        """Of the form; bytes of another one are of no use. Without spaces."""
        ...

    def encode(self, value: T) -> bytes:
        """As bytes."""
        ...

    def decode(self, data: bytes) -> T:
        """The value again.

        Raises:
            ValueError: that isn't one.
        """
        ...


class JsonCodec(Generic[T]):
    """JSON of whatever pydantic knows: models, dataclasses, lists of them.

    Its version follows from the fields and their types, so that two releases which differ in these don't read what the
    other one wrote.
    """

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        schema = json.dumps(self._adapter.json_schema(mode="serialization"), sort_keys=True)
        self.version = hashlib.sha256(schema.encode()).hexdigest()[:12]

    def encode(self, value: T) -> bytes:
        """See `Codec`."""
        return self._adapter.dump_json(value)

    def decode(self, data: bytes) -> T:
        """See `Codec`."""
        return self._adapter.validate_json(data)

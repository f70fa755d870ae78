"""What all JSON answers share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Answer(BaseModel):
    """A document that is sent. Fields with defaults are always in it, and its description says so."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


def _is_none(value: object) -> bool:
    return value is None


Omitted = Annotated[T | None, Field(exclude_if=_is_none)]
"""Of a field, with None as its default, that isn't in the document where there is nothing to say; its description says
so."""

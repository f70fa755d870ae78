"""What all JSON answers share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A document that is sent. Fields with defaults are always in it, and its description says so."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

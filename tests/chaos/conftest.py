"""What tests of chaos share."""

from __future__ import annotations

from tests.service.fixtures import template

__all__ = ["template"]

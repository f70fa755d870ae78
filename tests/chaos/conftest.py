"""What tests of chaos share."""

from __future__ import annotations

from tests.service.fixtures import template

__all__ = ["template"]

# `python -m tools.chaos` is how it is run for now: rounds take a minute each on two cores.
collect_ignore = ["test_chaos.py"]

"""The service and its worker, whose reconstruction is the double: see `as_processes`."""

from __future__ import annotations

from tests.as_processes import run
from tests.service import double

if __name__ == "__main__":
    run("tests.service", double.work, "worker-alone")

"""The service and its worker, whose reconstruction is `work`: see `as_processes`."""

from __future__ import annotations

from tests.as_processes import run
from tests.chaos.work import work

if __name__ == "__main__":
    run("tests.chaos", work)

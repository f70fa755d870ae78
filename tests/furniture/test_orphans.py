"""What works for the service beside it ends with it, however that ends."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

_PATIENCE_MS = 60_000

# As `EdgeIndex.prepare` does; what it would write before is in the way here.
_MAKES_AN_INDEX = """
import asyncio, sys
from pathlib import Path
from types import SimpleNamespace
from garaza.furniture.index.edge import EdgeIndex
asyncio.run(EdgeIndex(Path(sys.argv[1]))._build(SimpleNamespace(folder=Path(sys.argv[1]))))
"""


def test_a_process_that_makes_an_index_ends_with_the_service(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    os.mkfifo(plan)
    with subprocess.Popen([sys.executable, "-c", _MAKES_AN_INDEX, tmp_path]) as service:
        # It is read by the process that makes the index, and by nobody else: this waits until it is.
        end = os.open(plan, os.O_WRONLY)
        service.kill()
        gone = select.poll()
        gone.register(end, 0)
        ((_, event),) = gone.poll(_PATIENCE_MS) or [(end, None)]
        os.close(end)
    assert event == select.POLLERR, "somebody still reads it"


def test_a_process_that_makes_a_snapshot_ends_with_the_service(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "garaza.furniture.search.child"]
    with (
        socket.create_server(("127.0.0.1", 0)) as database,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None
        url = f"postgresql+asyncpg://somebody@127.0.0.1:{database.getsockname()[1]}/garaza"
        wanted = {"url": url, "folder": str(tmp_path / "1"), "version": 1}
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        process.stdin.flush()
        database.settimeout(_PATIENCE_MS / 1000)
        asking, _ = database.accept()
        # It waits for an answer. What the system does for who dies:
        _, errors = process.communicate()
        asking.close()
    # By itself it would have ended later, and said that the database doesn't answer.
    assert (process.returncode, errors) == (1, b"")

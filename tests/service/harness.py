"""A real server process, and what tests do with it over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from websockets.sync.client import ClientConnection, connect

from tests.limits import GENEROUS_VARIABLES

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90
"""For things that must happen, on however slow a machine; passing tests never wait for it."""
NO_WORKER = {"GARAZA_JOBS__EMBEDDED_WORKER": "false"}
"""For services that nobody processes a scan with: a worker takes as long to start as they do."""

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], what: str) -> T:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answer := probe():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"did not happen: {what}")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it reaped or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A killed grandchild stays a zombie until init reaps it: that is as gone as can be.
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


class Server:
    """`serve` on a free port, with a double in the place of the reconstruction."""

    def __init__(self, data: Path, control: Path, template: Path, clip: bytes, **settings: str) -> None:
        self.data = data
        self.control = control
        self.clip = clip
        control.mkdir(exist_ok=True)
        fast = {
            "GARAZA_JOBS__POLL_SECONDS": "0.03",
            "GARAZA_JOBS__HEARTBEAT_SECONDS": "0.05",
            "GARAZA_JOBS__BACKOFF_SECONDS": "0.05",
            "GARAZA_LIVE__POLL_SECONDS": "0.02",
            "GARAZA_UPLOADS__MIN_FREE_BYTES": "0",
            "GARAZA_ACCOUNTS__GUEST_SCANS_PER_DAY": "-1",
            "GARAZA_ACCOUNTS__GUEST_STORAGE_BYTES": "-1",
            **GENEROUS_VARIABLES,
        }
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GARAZA_")},
            # Making a catalogue ready takes seconds.
            "GARAZA_FURNITURE__SAMPLE": "false",
            "GARAZA_FURNITURE__KEEP_MODEL": "false",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
            "GARAZA_TEST_CONTROL": str(control),
            "GARAZA_TEST_TEMPLATE": str(template),
            **fast,
            **settings,
        }
        self.start()

    def start(self, port: int = 0) -> None:
        """Start the process; returns once it listens. `port`: the one it had before, for clients that come back."""
        self.log = (self.control / "log").open("a")
        self.process = self.spawn("serve", "--port", str(port), stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Garaza is at http://127.0.0.1:"), (line, (self.control / "log").read_text())
        self.address = line.split()[-1]
        self.client = httpx2.Client(base_url=self.address, timeout=PATIENCE_SECONDS, trust_env=False)

    @property
    def port(self) -> int:
        """Where it listens, or listened last."""
        return int(self.address.rsplit(":", 1)[1])

    def spawn(self, command: str, *options: str, stdout: Any = None) -> subprocess.Popen[str]:
        """Another process on the same data directory."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.service", command, "--data-dir", str(self.data), *options],
            cwd=ROOT,
            env=self.environment,
            stdout=stdout,
            stderr=self.log,
            text=True,
        )

    def stop(self) -> int:
        """As an operator does; the exit code."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.client.close()
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return code

    # What clients do -------------------------------------------------------------------------------------------

    def upload(self, content: bytes | None = None, name: str = "room.mp4") -> httpx2.Response:
        return self.client.post("/api/upload", files={"file": (name, self.clip if content is None else content)})

    def new_scan(self) -> str:
        answer = self.upload()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    def process_scan(self, job_id: str, **request: Any) -> httpx2.Response:
        return self.client.post(f"/api/process/{job_id}", json=request)

    def status(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/status/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(self, job_id: str, phase: str) -> dict[str, Any]:
        """The status once it says `phase`."""

        def there() -> dict[str, Any] | None:
            status = self.status(job_id)
            return status if status["phase"] == phase else None

        return eventually(there, f"{job_id} {phase}")

    def finished_scan(self) -> str:
        job_id = self.new_scan()
        assert self.process_scan(job_id).status_code == 200
        self.until(job_id, "completed")
        return job_id

    def socket(self, job_id: str, query: str = "") -> ClientConnection:
        return connect(f"{self.address.replace('http', 'ws', 1)}/ws/{job_id}{query}", max_size=1 << 20)

    # What the double is told, and tells ------------------------------------------------------------------------

    def hold(self, job_id: str) -> None:
        """Make attempts of this job stop half-way, until `let_go`."""
        (self.control / f"{job_id}.hold").touch()

    def let_go(self, job_id: str) -> None:
        (self.control / f"{job_id}.hold").unlink()

    def attempts(self, job_id: str) -> list[dict[str, Any]]:
        """One entry for each attempt that has begun."""
        log = self.control / f"{job_id}.attempts"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def attempt(self, job_id: str, number: int) -> dict[str, Any]:
        """The entry of attempt `number`, counted from 1, once it has begun."""
        return eventually(lambda: self.attempts(job_id)[number - 1 : number], f"attempt {number}")[0]

    # What is on its disk ---------------------------------------------------------------------------------------

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.data / folder).iterdir())

    def results_of(self, job_id: str) -> list[str]:
        return self.names(f"results/{job_id}")

"""A real server program for tests: on a port of its own, taken away and given back at will, never left behind."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from tests.service.harness import PATIENCE_SECONDS, eventually, is_gone

HOST = "127.0.0.1"

IN_MEMORY = Path("/dev/shm")
"""Linux has it, and may forbid programs in it. Making a database there has been 25 times faster than on a slow disk."""

# Waits until its input ends, which the kernel sees to however the test process goes, and then clears away. Each line
# that it reads is the process that it is to end, or empty while there is none.
GUARD = """
while read -r line; do server=$line; done
if [ -n "$server" ]; then
    kill -s "$1" "$server"
    kill -s CONT "$server"
    for _ in $(seq 200); do kill -0 "$server" || break; sleep 0.05; done
fi
rm -rf "$2" "$3"
"""


class PortTaken(Exception):
    """Somebody was faster."""


class Daemon:
    """A server with folders of its own, from construction to `stop`, or to the end of the test process.

    `log`: the file that gets all that it says. `data` is the folder for what it writes, `folder` for all else.
    Subclasses say what to run (`prepare`, `command`), what it says when it can be used (`ready`), and the signals that
    end it in order (`leaves_by`) and at once, as its data is thrown away (`quits_by`). Between `kill` or `pause` and
    `restart` or `resume`, clients meet a dead or a silent server.
    """

    ready: ClassVar[str]
    leaves_by: ClassVar[signal.Signals]
    quits_by: ClassVar[signal.Signals]

    port: int

    def __init__(self, log: Path) -> None:
        self.log = log
        self.log.touch()
        self.folder = new_folder()
        self.data = new_folder(IN_MEMORY if has_room(IN_MEMORY) else None)
        self.identity: dict[str, Any] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", self.quits_by.name.removeprefix("SIG"), self.folder, self.data],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            # Ctrl-C is for the tests only, which still need their servers while they end.
            start_new_session=True,
        )
        try:
            self.prepare()
            self._start_somewhere()
        except BaseException:
            self._let_guard_clear_away()
            raise

    def prepare(self) -> None:
        """Make what it needs in its folders."""

    def command(self) -> list[str | Path]:
        """What runs it, in the foreground, on `port`."""
        raise NotImplementedError

    # Taking it away, and giving it back ------------------------------------------------------------------------

    def stop(self) -> None:
        """The end, whatever state it is in; its folders go too."""
        if self._guard.returncode is not None:
            return
        if self.process.poll() is None:
            self.resume()
        else:
            self._tell_guard("")
        # By the way that it goes when the tests crash, so that this way is known to work.
        self._let_guard_clear_away()

    def kill(self) -> None:
        """End all its processes at once, with no chance to finish anything."""
        family = self._freeze()
        for process in family:
            # Nothing that is frozen goes away, but what had ended before that does.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for process in family:
            eventually(lambda pid=process.pid: is_gone(pid), "end of a killed process")
        self._tell_guard("")

    def pause(self) -> None:
        """Fall silent: connections stay and new ones are made by the kernel, but nothing is answered."""
        self._freeze()

    def resume(self) -> None:
        """Go on after `pause`."""
        for process in reversed(self._family()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def restart(self) -> None:
        """Start again on the same port and data, in order if it runs, and after `kill` as well."""
        if self.process.poll() is None:
            self.resume()
            self.process.send_signal(self.leaves_by)
            self.process.wait(PATIENCE_SECONDS)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """What was started last, be it alive or not."""
        assert self._server is not None
        return self._server

    # Processes -------------------------------------------------------------------------------------------------

    def _start_somewhere(self) -> None:
        while True:
            self.port = free_port()
            with contextlib.suppress(PortTaken):
                return self._start()

    def _start(self) -> None:
        seen = self.log.stat().st_size

        def said() -> str:
            return self.log.read_bytes()[seen:].decode(errors="replace")

        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Neither the user's settings nor their language: what it says is read here.
                env={"LC_ALL": "C"},
                cwd="/",
                start_new_session=True,
                **self.identity,
            )
        self._tell_guard(str(self.process.pid))
        eventually(lambda: self.ready in said() or self.process.poll() is not None, f"start of {self.process.args}")
        if self.process.poll() is not None:
            self._tell_guard("")
            raise PortTaken(said()) if "Address already in use" in said() else AssertionError(said())

    def _family(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def _freeze(self) -> list[psutil.Process]:
        # The parent first: frozen, it can't start a child that the list would miss.
        _freeze(psutil.Process(self.process.pid))
        family = self._family()
        for process in family:
            _freeze(process)
        return family

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{line}\n".encode())
        self._guard.stdin.flush()

    def _let_guard_clear_away(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        # For the guard a process is there until its parent has heard of its end.
        if self._server is not None:
            self._server.wait(PATIENCE_SECONDS)
        self._guard.wait(PATIENCE_SECONDS)


def _freeze(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
        eventually(lambda: process.status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}, "a frozen process")


def new_folder(place: Path | None = None) -> Path:
    """A temporary one, in /tmp for root: pytest's are closed to all other users, and $TMPDIR may be."""
    return Path(tempfile.mkdtemp(prefix="garaza-test-", dir=place or ("/tmp" if os.geteuid() == 0 else None)))


def has_room(place: Path) -> bool:
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free > 2 << 30


def free_port() -> int:
    """A port that nobody has now, below those that Linux and macOS hand out by themselves.

    One from the kernel (port 0) could go to whoever asks next while its server is away.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port

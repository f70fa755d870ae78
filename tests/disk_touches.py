"""Files that the event loop's own thread touches, which everybody waits for, be it half a second::

with DiskTouches() as touches:
    await client.get("/api/profile")
assert touches.seen == []
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import garaza

_PACKAGE = str(Path(garaza.__file__).parent)
_EVENTS = {
    *("open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "os.truncate", "os.link"),
    *("os.symlink", "os.chmod", "os.utime", "shutil.rmtree", "shutil.copyfile", "subprocess.Popen"),
}
"""Of `sys.addaudithook`. Looking at a file's size is none, nor is flushing it."""
_MEMORY = ("/proc/", "/dev/null")
"""What is there is on no disk."""
_READ_ONCE = ("importlib", "linecache.py")
"""The code itself."""


class DiskTouches:
    """By the thread that entered this, inside the block."""

    def __init__(self) -> None:
        self._thread = 0
        self.seen: list[str] = []
        """What, and from which function of the application's."""

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        _watching.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _watching.remove(self)

    def note(self, event: str, what: object) -> None:
        # A number is a file that is open already.
        if threading.get_ident() != self._thread or isinstance(what, int) or str(what).startswith(_MEMORY):
            return
        places = list(_places(sys._getframe(2)))
        if not any(part in name for name, _ in places for part in _READ_ONCE):
            ours = [f"{Path(name).stem}.{function}" for name, function in places if name.startswith(_PACKAGE)]
            self.seen.append(f"{event} of {what} by {' < '.join(ours[:3])}")


def _places(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back


_watching: list[DiskTouches] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in _EVENTS:
        for one in _watching:
            one.note(event, arguments[0])


# For the life of the process: a hook can't be taken away.
sys.addaudithook(_audit)

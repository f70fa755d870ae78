"""A folder of checkpoints: one file for each finished stage that a later run need not do again.

Every checkpoint names the one that it builds on, by a number drawn when that was written. Cameras never come out the
same twice, so depth must not be continued on other cameras than its own, whichever files a crash has left.

Files appear whole, by a rename, for any crash of the process. They are not forced onto the disk, which would make
stages wait for it: a power cut may leave a file that has its name but not all of its content. Such a file is not
believed, because a zip archive, which npz files are, ends with its table of contents and has a CRC-32 of all it holds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from garaza.reconstruction.checkpoints.codec import pack, unpack
from garaza.reconstruction.checkpoints.key import Key, make_key
from garaza.reconstruction.options import Options
from garaza.reconstruction.progress import Monitor, Stage, StageCost

T = TypeVar("T")

_PARTIAL = ".partial"
_KEPT_FREE_BYTES = 500_000_000
"""On the disk, after a checkpoint: one that leaves no room for the result is worse than none."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What a checkpoint says of itself."""

    key: Key
    number: str
    """Its own."""
    after: str | None
    """The number of the checkpoint that it builds on; None: on none."""
    costs: list[StageCost]
    """Of all stages so far, as they were when the work was really done."""


def open_checkpoints(folder: Path | None, source: Path, options: Options, monitor: Monitor) -> Checkpoints:
    """The checkpoints of this source and these options in `folder`, which is made if it isn't there.

    None, or a folder that can't be used, makes checkpoints that keep nothing.
    """
    if folder is None:
        return Checkpoints(None, None, monitor)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"*{_PARTIAL}"):
            path.unlink(missing_ok=True)
        return Checkpoints(folder, make_key(source, options, monitor), monitor)
    except OSError as error:
        _log_loss(monitor, error)
        return Checkpoints(None, None, monitor)


class Checkpoints:
    """What one run finds and leaves. Nothing that goes wrong here makes the run fail."""

    def __init__(self, folder: Path | None, key: Key | None, monitor: Monitor) -> None:
        self._folder = folder
        self._key = key
        self._monitor = monitor
        self._last: str | None = None
        """The number of the checkpoint that this run has come to."""

    def once(self, stage: Stage, kind: type[T], message: str, work: Callable[[], T]) -> T:
        """What `work` makes: from an earlier run if it has finished this stage, else made now, and kept.

        Args:
            kind: of what `work` makes, see `codec.pack`.
            message: to begin the stage with, as for `Monitor.stage`.
        """
        value = self.load(stage, kind)
        if value is None:
            with self._monitor.stage(stage, message):
                value = work()
            self.save(stage, value)
        return value

    def load(self, stage: Stage, kind: type[T]) -> T | None:
        """What an earlier run kept of this stage, if it fits; then the monitor counts all stages up to it as done.

        Ask for stages in their order. A checkpoint that doesn't fit, or is damaged, is removed.
        """
        if self._folder is None:
            return None
        path = self._path(self._folder, stage)
        try:
            # numpy leaves a file open that it has opened itself and finds to be no archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                head = unpack(saved, "head", _Head)
                fits = head.key == self._key and head.after == self._last
                value = unpack(saved, "value", kind) if fits else None
        except FileNotFoundError:
            return None
        except Exception:  # noqa: BLE001 - there is no end to the ways in which a damaged file can be wrong
            value = None
        if value is None:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        self._last = head.number
        self._monitor.resume(stage, head.costs)
        return value

    def save(self, stage: Stage, value: object, *, complete: bool = False) -> None:
        """Keep what a stage has made. If the disk won't have it, this and all later stages are not kept.

        Args:
            value: see `codec.pack`.
            complete: no checkpoint of an earlier stage is needed beside this one; those are removed.

        Raises:
            TypeError: `value` holds something that can't be kept.
        """
        if self._folder is None or self._key is None:
            return
        number = secrets.token_hex(8)
        head = _Head(self._key, number, None if complete else self._last, list(self._monitor.costs))
        arrays = pack(head=head, value=value)
        # Named by its number: an attempt that is given up but not yet dead may be writing here too.
        partial = self._folder / f"{stage.value}.{number}{_PARTIAL}"
        try:
            _check_space(self._folder, sum(array.nbytes for array in arrays.values()))
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            partial.replace(self._path(self._folder, stage))
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            self._folder = None
            _log_loss(self._monitor, error)
            return
        self._last = number
        if complete:
            for earlier in list(Stage)[: list(Stage).index(stage)]:
                with contextlib.suppress(OSError):
                    self._path(self._folder, earlier).unlink()

    @staticmethod
    def _path(folder: Path, stage: Stage) -> Path:
        return folder / f"{stage.value}.npz"


def _check_space(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + _KEPT_FREE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _log_loss(monitor: Monitor, error: OSError) -> None:
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    monitor.log(f"What is done from here on can't be kept in case of an interruption: {why}")

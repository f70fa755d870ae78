"""A folder that appears only when it is complete."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESULT_FILE = "result.json"
"""What every result has in its folder, and nothing else is expected to have."""
_OF_FILE_MANAGERS = {".DS_Store", "desktop.ini", "Thumbs.db", ".directory"}
"""Left in folders by merely looking at them."""


def partial_folder(out: Path, pid: int) -> Path:
    """Where process `pid` gathers what will become `out`: beside it, so that one rename moves it."""
    return out.parent / f".{out.name}.{pid}.partial"


@contextmanager
def complete_or_nothing(out: Path) -> Iterator[Path]:
    """Yield an empty folder; when the block ends well it becomes `out`, otherwise it is removed.

    An earlier result at `out` is replaced; it is there, whole, until the new one is. Partial folders of dead
    processes (kill -9, power cut) for the same `out` are removed on the way.

    Raises:
        FileExistsError: `out` holds something that is not a result of ours.
    """
    out = out.absolute()
    refuse_foreign(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(out)
    partial = partial_folder(out, os.getpid())
    # In containers process numbers repeat: what has ours already was left by somebody dead.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        refuse_foreign(out)
        if out.exists():
            # Two renames, as no portable call swaps two folders: a crash between them leaves both, under hidden names.
            old = partial_folder(out, os.getpid()).with_suffix(".old")
            out.rename(old)
            partial.rename(out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_foreign(out: Path) -> None:
    """Raise `FileExistsError` unless `out` is free, empty, or an earlier result of ours and nothing else."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    if not (out / RESULT_FILE).is_file():
        msg = f"{out} exists and is not an earlier result"
        raise FileExistsError(msg)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    if foreign := sorted(files - _listed(out) - _OF_FILE_MANAGERS):
        msg = f"{out} also holds {foreign[0]}, which is no part of the earlier result and would be lost"
        raise FileExistsError(msg)


def _listed(out: Path) -> set[str]:
    """What the earlier result in `out` says that it consists of."""
    try:
        files = json.loads((out / RESULT_FILE).read_text(encoding="utf-8"))["files"]
        return {RESULT_FILE, *(str(file["path"]) for file in files)}
    except (ValueError, LookupError, TypeError):
        return {RESULT_FILE}


def check_place(out: Path) -> None:
    """Find out before the work whether its result could be put at `out`.

    Raises:
        FileExistsError: `out` holds something that is not a result of ours.
        OSError: nothing can be written there.
    """
    refuse_foreign(out)
    out = out.absolute()
    nearest = next(folder for folder in out.parents if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    probe = partial_folder(nearest / out.name, os.getpid())
    shutil.rmtree(probe, ignore_errors=True)
    probe.mkdir()
    probe.rmdir()


def _remove_stale(out: Path) -> None:
    for folder in _left_by_the_dead(out, "old"):
        # Its process died between the two renames: the earlier result is the only one there is.
        if not out.exists():
            folder.rename(out)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for folder in _left_by_the_dead(out, "partial"):
        shutil.rmtree(folder, ignore_errors=True)


def _left_by_the_dead(out: Path, suffix: str) -> Iterator[Path]:
    prefix = f".{out.name}."
    for folder in out.parent.iterdir():
        pid = folder.name.removeprefix(prefix).removesuffix(f".{suffix}")
        if folder.name == f"{prefix}{pid}.{suffix}" and pid.isdigit() and not _alive(int(pid)):
            yield folder


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

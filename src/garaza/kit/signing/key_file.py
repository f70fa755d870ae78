"""A file of signing keys: for this user alone, whole at any moment, and changed by one process at a time."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from garaza.kit.signing.keys import BadKeyError, read_base64, read_secret, to_base64
from garaza.kit.storage import sync_directory

KEYID = re.compile(r"[0-9A-Za-z._-]{1,64}")
LOCK_SECONDS = 60
_MAX_BYTES = 1 << 20
_FORMAT = 1

logger = logging.getLogger(__name__)


class SigningKeysError(Exception):
    """The keys can't be had, or can't be changed. The message is for whoever runs the service; it holds no secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, or the 32 bytes of a private key."""

    keyid: str
    value: bytes = field(repr=False)
    made_at: float
    """Unix seconds."""
    replaced_at: float | None = None
    """When it stopped signing."""


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys, the newest first."""

    tokens: tuple[Key, ...]
    messages: tuple[Key, ...]


Stamp = tuple[int, int, int]
"""Differs between any two versions of the file."""


class KeyFile:
    """See the module."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp | None:
        """Of the version that is there; None where the file can't be seen."""
        try:
            return _stamp(self.path.stat())
        except OSError:
            return None

    def read(self) -> tuple[Ring, Stamp]:
        """The keys, and the stamp of what they were read from.

        Raises:
            FileNotFoundError: there is no file.
            SigningKeysError: it holds something else.
        """
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAX_BYTES)
        if status.st_mode & 0o077:
            logger.warning("%s can be read by others. Take their rights away: chmod 600", self.path)
        try:
            return _parse(json.loads(content)), _stamp(status)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
            detail = f"{self.path} holds no signing keys that this version can read. Restore it, or move it away: new"
            raise SigningKeysError(f"{detail} ones are made then, and all logins end.") from None

    def write(self, ring: Ring) -> Stamp:
        """Replace the keys; afterwards they survive a power cut. Only inside `alone`.

        Raises:
            OSError: the place can't be written to.
        """
        content = {"format": _FORMAT, "tokens": _dump(ring.tokens), "messages": _dump(ring.messages)}
        fresh = self.path.with_name(self.path.name + ".new")
        # One that a crash left behind may have been given other rights.
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
            stamp = _stamp(os.fstat(file.fileno()))
        fresh.replace(self.path)
        sync_directory(self.path.parent)
        return stamp

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process from changing the file.

        Raises:
            SigningKeysError: another one has been changing it for a minute.
            OSError: the place can't be written to.
        """
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise SigningKeysError(f"Another process has held the lock of {self.path} for a minute.") from None
        try:
            yield
        finally:
            lock.release()


def _stamp(status: os.stat_result) -> Stamp:
    # Each version is another file, which exists beside the one that it replaces: two in a row never share an inode.
    return status.st_ino, status.st_mtime_ns, status.st_size


def _dump(keys: tuple[Key, ...]) -> list[dict[str, Any]]:
    return [{**asdict(key), "value": to_base64(key.value)} for key in keys]


def _parse(content: dict[str, Any]) -> Ring:
    if content["format"] != _FORMAT:
        raise ValueError
    ring = Ring(
        tokens=tuple(_parse_key(entry, read_secret(entry["value"]).value) for entry in content["tokens"]),
        messages=tuple(_parse_key(entry, read_base64(entry["value"])) for entry in content["messages"]),
    )
    if not ring.tokens or not ring.messages or any(len(key.value) != 32 for key in ring.messages):
        raise BadKeyError
    return ring


def _parse_key(entry: dict[str, Any], value: bytes) -> Key:
    if KEYID.fullmatch(entry["keyid"]) is None:
        raise ValueError
    replaced_at = entry["replaced_at"]
    return Key(
        keyid=entry["keyid"],
        value=value,
        made_at=float(entry["made_at"]),
        replaced_at=None if replaced_at is None else float(replaced_at),
    )

"""Copies in this process's memory: so many bytes at most, and those go first that nobody has asked for the longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

OVERHEAD_BYTES = 700
"""What an entry takes beside its key and its data, measured and rounded up."""
VALUE_BYTES = 1200
"""The same of a value beside the data that it was made of."""
_MOST_NAMES = 100_000
_LARGEST = 10
"""An entry may take one part in so many of the memory."""


@dataclass(slots=True)
class Entry:
    """A copy. Times are those of the cache's clock."""

    data: bytes | None
    """None: that there is no such thing."""
    names: tuple[str, ...]
    """What it is a copy of: outdated with any of these."""
    stamp: int
    """`MemoryTier.now` before it was found out."""
    made: float
    expires: float
    refresh: float
    """From when on it is found out anew, while it is still given out."""
    generation: object = None
    """What its subject's validator said before it was found out."""
    value: object = None
    """What the data says, once somebody wanted to know."""


class MemoryTier:
    """Entries by key. What is outdated stays until it is asked for or has to make room, and isn't given out."""

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._outdated: OrderedDict[str, int] = OrderedDict()
        """By name, when it was outdated last."""
        self._floor = 0
        """Whatever was found out before is outdated: then a name was, nobody knows any more which."""
        self.now = 0
        """Counts how often something was outdated."""
        self.bytes = 0
        self.evictions = 0
        """Entries that had to make room."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """The entry, if there is one that isn't outdated."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not self.is_current(entry.names, entry.stamp):
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep it, unless it would take a large part of all there is."""
        self.drop(key)
        size = _size(key, entry)
        if size > self._max_bytes // _LARGEST:
            return
        self._entries[key] = entry
        self.bytes += size
        self._make_room()

    def add_value(self, key: str, entry: Entry, value: object) -> None:
        """Keep with an entry that is here what its data says, so that it is read once."""
        if self._entries.get(key) is not entry or entry.value is not None:
            return
        entry.value = value
        self.bytes += _value_size(entry)
        self._make_room()

    def _make_room(self) -> None:
        while self.bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self.drop(next(iter(self._entries)))
            self.evictions += 1

    def drop(self, key: str) -> None:
        """Forget it, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= _size(key, entry)

    def is_current(self, names: Iterable[str], stamp: int) -> bool:
        """Whether none of the names was outdated since."""
        if stamp < self._floor:
            return False
        outdated = self._outdated
        # A loop, as this is asked for every copy that is given out.
        for name in names:  # noqa: SIM110
            if outdated.get(name, 0) > stamp:
                return False
        return True

    def outdate(self, names: Iterable[str]) -> None:
        """What is a copy of any of these, or is becoming one, isn't given out any more."""
        self.now += 1
        for name in names:
            self._outdated[name] = self.now
            self._outdated.move_to_end(name)
        while len(self._outdated) > _MOST_NAMES:
            _, number = self._outdated.popitem(last=False)
            self._floor = max(self._floor, number)

    def outdate_all(self) -> None:
        """The same for everything."""
        self.now += 1
        self._floor = self.now
        self._entries.clear()
        self._outdated.clear()
        self.bytes = 0


def _size(key: str, entry: Entry) -> int:
    return len(key) + len(entry.data or b"") + OVERHEAD_BYTES + _value_size(entry)


def _value_size(entry: Entry) -> int:
    return 0 if entry.value is None else len(entry.data or b"") + VALUE_BYTES

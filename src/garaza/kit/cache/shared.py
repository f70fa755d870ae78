"""Copies in a Redis or Valkey, for all processes that use it.

Each name that copies are made of has a token there, random and new whenever the name is outdated. A copy carries the
tokens that its names had before it was found out, and is good while they are still these: so one that was found out
from what a transaction has changed meanwhile is none, whenever it is stored. A token that is lost (evicted, or the
server began empty) is followed by another one, never by the same.

While a transaction that changes something is being committed, the tokens of its names are doubtful: nothing is kept
that was found out then. Whoever dies in the middle of it leaves doubts that end by themselves.
"""

from __future__ import annotations

import math
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from garaza.kit.shared_store import Script, SharedStore

EVERYTHING = "*"
"""A name that every copy is of."""
_DOUBT = b"?"
_DOUBT_MS = 30_000
"""Longer than committing can take."""
_TOKEN_SECONDS = 24 * 3600
"""Longer than any copy is kept."""

# KEYS: the copy, its lock, tokens. ARGV: a new token, a token's seconds, who locks, for how many ms (0: not at all).
_LOOK = Script("""
local tokens = redis.call('MGET', unpack(KEYS, 3))
for i = 1, #tokens do
  if not tokens[i] then
    tokens[i] = ARGV[1]
    redis.call('SET', KEYS[i + 2], ARGV[1], 'EX', ARGV[2])
  end
end
local wanted = table.concat(tokens, ' ') .. '\\n'
local copy = redis.call('GET', KEYS[1])
if copy and string.sub(copy, 1, #wanted) == wanted then
  return {wanted, string.sub(copy, #wanted + 1), redis.call('PTTL', KEYS[1]), 0}
end
local first = 0
if ARGV[4] ~= '0' and redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4]) then
  first = 1
end
return {wanted, '', 0, first}
""")

# KEYS: the copy, its lock, tokens. ARGV: the tokens as they were, the copy, its ms, who locked.
_STORE = Script("""
local tokens = redis.call('MGET', unpack(KEYS, 3))
for i = 1, #tokens do
  tokens[i] = tokens[i] or ''
end
local stored = 0
if table.concat(tokens, ' ') .. '\\n' == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
  stored = 1
end
if redis.call('GET', KEYS[2]) == ARGV[4] then
  redis.call('DEL', KEYS[2])
end
return stored
""")

# KEYS: a token and a word, for each name. ARGV: the new token, its ms. The word is there for who tracks it, no longer.
_TELL = Script("""
for i = 1, #KEYS, 2 do
  redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
  redis.call('SET', KEYS[i + 1], '1')
  redis.call('DEL', KEYS[i + 1])
end
return 1
""")


class CorruptError(ValueError):
    """What is stored is no copy of this kind."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is there, and what is needed to store something in its place."""

    tokens: bytes
    copy: bytes
    """Empty: none."""
    left_seconds: float
    """For how long it is good."""
    first: bool
    """Nobody else was finding it out: others wait for us now."""

    @property
    def doubtful(self) -> bool:
        """Whether something that it is a copy of is being changed."""
        return self.tokens.startswith(_DOUBT) or b" " + _DOUBT in self.tokens


class SharedTier:
    """See the module. Each call is one round trip; None or False says that the store can't be used now.

    Args:
        prefix: of all keys.
    """

    def __init__(self, store: SharedStore, prefix: str) -> None:
        self.store = store
        self._prefix = prefix
        self._me = secrets.token_hex(8)
        self.owes = False
        """Something was outdated, and couldn't be told: what is stored may be of before."""

    @property
    def words(self) -> str:
        """What keys begin with that are changed when something is outdated; the name follows."""
        return f"{self._prefix}w:"

    async def look(self, key: str, names: Sequence[str], lock_seconds: float) -> Look | None:
        """What is stored under a key, of these names. None while something is owed, too: it may be of before."""
        if self.owes:
            return None
        arguments: list[str | int] = [secrets.token_hex(8), _TOKEN_SECONDS, self._me, math.ceil(1000 * lock_seconds)]
        answer: Any = await self.store.run(_LOOK, self._keys(key, names), arguments)
        if answer is None:
            return None
        tokens, copy, left, first = answer
        return Look(tokens, copy, max(0, left) / 1000, bool(first))

    async def put(self, key: str, names: Sequence[str], look: Look, copy: bytes, seconds: float) -> bool:
        """Store it, if what it is a copy of hasn't changed since the look."""
        arguments: list[str | bytes | int] = [look.tokens, copy, max(1, int(1000 * seconds)), self._me]
        return await self.store.run(_STORE, self._keys(key, names), arguments) == 1

    async def tell(self, names: Iterable[str], *, doubt: bool = False) -> bool:
        """Outdate everything that is a copy of any of these. `doubt`: and keep nothing new until this is told again.

        What couldn't be told is owed, and made up for by outdating everything at the next opportunity.
        """
        wanted = {*names, *([EVERYTHING] if self.owes else [])}
        keys = [key for name in wanted for key in (self._token(name), self.words + name)]
        token = ("?" if doubt else "") + secrets.token_hex(8)
        told = await self.store.run(_TELL, keys, [token, _DOUBT_MS if doubt else 1000 * _TOKEN_SECONDS]) is not None
        if not doubt:
            self.owes = not told
        return told

    def _keys(self, key: str, names: Sequence[str]) -> list[str]:
        tokens = [self._token(name) for name in (EVERYTHING, *names)]
        return [f"{self._prefix}c:{key}", f"{self._prefix}l:{key}", *tokens]

    def _token(self, name: str) -> str:
        return f"{self._prefix}t:{name}"


def pack(version: str, data: bytes | None) -> bytes:
    """A copy as it is stored. `data` None: that there is no such thing."""
    body = b"" if data is None else data
    return b"%s %d %08x\n%s" % (version.encode("ascii"), data is not None, zlib.crc32(body), body)


def unpack(version: str, copy: bytes) -> bytes | None:
    """The data again.

    Raises:
        CorruptError: it is of another version, or damaged.
    """
    head, _, body = copy.partition(b"\n")
    for there in (True, False):
        if head == b"%s %d %08x" % (version.encode("ascii"), there, zlib.crc32(body)):
            return body if there else None
    raise CorruptError

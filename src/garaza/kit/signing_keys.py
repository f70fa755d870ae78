"""The keys that a service signs with: secrets for its tokens, and a key pair for its messages to others.

They are kept in a file that all processes of a machine share, or given as text where several machines have to agree.
The newest of a kind signs, and those before it go on verifying for a while.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from garaza.kit.clock import Clock, system_clock
from garaza.kit.signing.key_file import KEYID, Key, KeyFile, Ring, SigningKeysError, Stamp
from garaza.kit.signing.keys import (
    BadKeyError,
    new_private_key,
    new_secret,
    public_jwk,
    read_private_key,
    read_secret,
    thumbprint,
)

__all__ = ["LOOK_SECONDS", "SigningKeys", "SigningKeysError"]

LOOK_SECONDS = 5.0
"""How long a process may go on signing with a key that another one has replaced."""
MAX_GIVEN = 16

logger = logging.getLogger(__name__)


class SigningKeys:
    """See the module. Safe for threads. Every call may look at the file: microseconds, unless it has changed."""

    def __init__(
        self,
        path: Path,
        *,
        retire_after_seconds: float,
        given: str | None = None,
        given_private_key: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Read the keys; make the file if it isn't there. Blocks.

        Args:
            path: in a directory that is there. Not touched when both kinds of keys are given.
            retire_after_seconds: how long a key that was replaced goes on verifying: no less than what it has signed
                is good for.
            given: secrets for tokens instead of the file's, "kid:base64[,kid:base64…]"; the first signs, all verify.
            given_private_key: for messages instead of the file's, as `read_private_key` takes it.

        Raises:
            SigningKeysError: what is given or in the file is no set of keys. Such a file is never overwritten.
            OSError: the file can't be read or made.
        """
        self._file = KeyFile(path)
        self._keep_seconds = retire_after_seconds + LOOK_SECONDS
        self._clock = clock
        self._given_tokens = None if given is None else _read_given(given, clock())
        self._given_messages = None if given_private_key is None else _read_given_pair(given_private_key, clock())
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._looked_at = clock()
        if self._given_tokens is not None and self._given_messages is not None:
            self._ring = Ring(self._given_tokens, self._given_messages)
        else:
            self._use(*self._read_or_make())

    def signing(self) -> tuple[str, bytes]:
        """The secret that tokens are signed with: its kid and its bytes."""
        key = self._look().tokens[0]
        return key.keyid, key.value

    def verifying(self, kid: str) -> bytes | None:
        """The secret of a kid; None where there is none, or it has retired. Knows at once what another process made."""
        key = self._find(kid, self._look())
        if key is None and KEYID.fullmatch(kid):
            key = self._find(kid, self._look(at_once=True))
        return None if key is None else key.value

    def outgoing(self) -> tuple[str, Ed25519PrivateKey]:
        """The key that messages are signed with: its keyid, which is its RFC 7638 thumbprint, and the private key."""
        key = self._look().messages[0]
        return key.keyid, _pair_of(key)

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The keys by which others check our messages, as a JWK set (RFC 7517), the newest first."""
        keys = [key for key in self._look().messages if self._serves(key)]
        return {"keys": [public_jwk(_pair_of(key).public_key(), key.keyid) for key in keys]}

    def rotate(self) -> str:
        """Sign tokens with a new secret from now on. Blocks.

        Returns:
            Its kid.

        Raises:
            SigningKeysError: the secrets are given as text, or the file holds no keys any more.
            OSError: the file can't be read or written.
        """
        if self._given_tokens is not None:
            raise SigningKeysError("The secrets are given by a setting: put a new one first there, and keep the old.")
        ring = self._change(lambda ring, now: replace(ring, tokens=self._before(_new_secret(now), ring.tokens)))
        return ring.tokens[0].keyid

    def rotate_outgoing(self) -> str:
        """Sign messages with a new key pair from now on. Blocks.

        Returns:
            Its keyid.

        Raises:
            SigningKeysError: the key is given as text, or the file holds no keys any more.
            OSError: the file can't be read or written.
        """
        if self._given_messages is not None:
            raise SigningKeysError("The private key is given by a setting: change it there.")
        ring = self._change(lambda ring, now: replace(ring, messages=self._before(_new_pair(now), ring.messages)))
        return ring.messages[0].keyid

    def _look(self, *, at_once: bool = False) -> Ring:
        """The keys, read again if the file has changed since they were."""
        now = self._clock()
        # A clock that was set back counts as time gone by.
        if self._stamp is not None and (at_once or not 0 <= now - self._looked_at < LOOK_SECONDS):
            self._looked_at = now
            stamp = self._file.stamp()
            if stamp is not None and stamp != self._stamp:
                self._read_again(stamp)
        return self._ring

    def _read_again(self, seen: Stamp) -> None:
        with self._lock:
            try:
                self._use(*self._file.read())
            except (OSError, SigningKeysError):
                # Those who are logged in shall not pay for it; the next start refuses. Told once for each version.
                self._stamp = seen
                logger.exception("The signing keys can't be read again; the ones from before are used on")

    def _read_or_make(self) -> tuple[Ring, Stamp]:
        try:
            return self._file.read()
        except FileNotFoundError:
            pass
        with self._file.alone():
            try:
                # Made by another process in the meantime.
                return self._file.read()
            except FileNotFoundError:
                now = self._clock()
                ring = Ring((_new_secret(now),), (_new_pair(now),))
                return ring, self._file.write(ring)

    def _change(self, change: Callable[[Ring, float], Ring]) -> Ring:
        with self._lock, self._file.alone():
            try:
                ring, _ = self._file.read()
            except FileNotFoundError:
                raise SigningKeysError(f"{self._file.path} is gone. Restore it, or restart the service.") from None
            ring = change(ring, self._clock())
            self._use(ring, self._file.write(ring))
            return ring

    def _use(self, ring: Ring, stamp: Stamp) -> None:
        self._ring = Ring(self._given_tokens or ring.tokens, self._given_messages or ring.messages)
        self._stamp = stamp

    def _before(self, new: Key, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        """The new key, and those before it that still verify."""
        return (new, replace(keys[0], replaced_at=new.made_at), *filter(self._serves, keys[1:]))

    def _find(self, kid: str, ring: Ring) -> Key | None:
        return next((key for key in ring.tokens if key.keyid == kid and self._serves(key)), None)

    def _serves(self, key: Key) -> bool:
        return key.replaced_at is None or self._clock() <= key.replaced_at + self._keep_seconds


def _new_secret(now: float) -> Key:
    return Key(secrets.token_hex(8), new_secret().value, now)


def _new_pair(now: float) -> Key:
    return _of_pair(new_private_key(), now)


def _of_pair(pair: Ed25519PrivateKey, now: float) -> Key:
    return Key(thumbprint(pair.public_key()), pair.private_bytes_raw(), now)


def _pair_of(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key.value)


def _read_given(text: str, now: float) -> tuple[Key, ...]:
    entries = [entry.strip().partition(":") for entry in text.split(",")]
    if len(entries) > MAX_GIVEN:
        raise SigningKeysError(f"{MAX_GIVEN} secrets may be given, not {len(entries)}.")
    keys = []
    for place, (kid, _, value) in enumerate(entries, 1):
        if KEYID.fullmatch(kid) is None:
            raise SigningKeysError(
                f"Secret {place} needs a kid of up to 64 letters, digits, '.', '_' and '-': kid:base64."
            )
        try:
            keys.append(Key(kid, read_secret(value).value, now))
        except BadKeyError as error:
            raise SigningKeysError(f"Secret {place} can't be used. {error}") from None
    if len({key.keyid for key in keys}) < len(keys):
        raise SigningKeysError("Two of the secrets have the same kid.")
    return tuple(keys)


def _read_given_pair(text: str, now: float) -> tuple[Key, ...]:
    try:
        return (_of_pair(read_private_key(text), now),)
    except BadKeyError as error:
        raise SigningKeysError(f"The private key for messages can't be used. {error}") from None

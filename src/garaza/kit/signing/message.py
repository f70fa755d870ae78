"""What both directions share: a message as the library wants it, and the algorithm that belongs to a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPSignatureAlgorithm, algorithms

from garaza.kit.signing.keys import HmacSecret


class HeaderLines:
    """Header lines, repeated ones too, as the library reads them."""

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)


@dataclass(frozen=True, slots=True)
class Message:
    """A request as the library reads it."""

    method: str
    url: str
    headers: HeaderLines | dict[str, str]


def algorithm_of(key: Ed25519PrivateKey | Ed25519PublicKey | HmacSecret) -> type[HTTPSignatureAlgorithm]:
    """The one algorithm that a key is for. A message never chooses: else a public key could be used as a secret."""
    return algorithms.HMAC_SHA256 if isinstance(key, HmacSecret) else algorithms.ED25519

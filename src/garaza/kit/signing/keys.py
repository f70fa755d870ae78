"""Keys that sign messages: making them, telling their public half, reading what a person pasted."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MIN_SECRET_BYTES = 32
"""As many as the digest of HMAC-SHA256 has; less would be the weakest part."""
MAX_SECRET_BYTES = 1024
_MAX_TEXT = 10_000


class BadKeyError(ValueError):
    """What was given is no key that can be used here; the message says why, to a person, and repeats none of it."""


@dataclass(frozen=True, slots=True)
class HmacSecret:
    """A secret that both sides have, for hmac-sha256.

    Raises:
        BadKeyError: it is shorter than 32 bytes or longer than 1024.
    """

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not MIN_SECRET_BYTES <= len(self.value) <= MAX_SECRET_BYTES:
            raise BadKeyError(f"A secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes, not {len(self.value)}.")


SigningKey = Ed25519PrivateKey | HmacSecret
VerifyingKey = Ed25519PublicKey | HmacSecret


def new_private_key() -> Ed25519PrivateKey:
    """A new key pair."""
    return Ed25519PrivateKey.generate()


def new_secret() -> HmacSecret:
    """A new secret of 32 random bytes."""
    return HmacSecret(secrets.token_bytes(MIN_SECRET_BYTES))


def public_pem(key: Ed25519PublicKey) -> str:
    """The public key as PEM (SubjectPublicKeyInfo)."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode("ascii")


def private_pem(key: Ed25519PrivateKey) -> str:
    """The private key as PEM (PKCS #8), not encrypted."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii")


def public_jwk(key: Ed25519PublicKey, keyid: str) -> dict[str, str]:
    """The public key as a member of a JWK set (RFC 8037)."""
    return {**_essence(key), "kid": keyid, "use": "sig"}


def thumbprint(key: Ed25519PublicKey) -> str:
    """A name for the key that anybody can compute from it (RFC 7638): 43 letters, digits, - and _."""
    canonical = json.dumps(_essence(key), separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(canonical.encode("ascii")).digest())


def read_public_key(text: str) -> Ed25519PublicKey:
    """A public key as a person gives it.

    Args:
        text: PEM; a line of OpenSSH ("ssh-ed25519 AAAA…"); or base64 of the 32 bytes or of the DER form.

    Raises:
        BadKeyError: it is something else, or a key with which anybody could sign.
    """
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise BadKeyError("This is too long for a public key.")
    if "PRIVATE KEY" in text:
        raise BadKeyError("This is a private key. Keep it to yourself, and give the public key that belongs to it.")
    key = _load_public(text)
    if not isinstance(key, Ed25519PublicKey):
        raise BadKeyError("This is a key of another kind. Give an Ed25519 public key.")
    if _is_of_small_order(key):
        raise BadKeyError("Anybody could sign for this key. Give one that was made as an Ed25519 key pair.")
    return key


def read_private_key(text: str) -> Ed25519PrivateKey:
    """A private key as PEM (PKCS #8, not encrypted), or base64 of its 32 bytes.

    Raises:
        BadKeyError: it is something else.
    """
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise BadKeyError("This is too long for a private key.")
    try:
        if text.startswith("-----BEGIN"):
            key = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(read_base64(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyError("This is no Ed25519 private key: give PEM without a password, or base64.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKeyError("This is a private key of another kind. Give an Ed25519 private key.")
    return key


def read_secret(text: str) -> HmacSecret:
    """A secret from base64.

    Raises:
        BadKeyError: it is no base64, or too short or too long.
    """
    return HmacSecret(read_base64(text))


def read_base64(text: str) -> bytes:
    """Bytes from base64 of either alphabet, padded or not.

    Raises:
        BadKeyError: it is no base64.
    """
    letters = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:
        raise BadKeyError("This is no base64.") from None


def to_base64(value: bytes) -> str:
    """Base64 as `read_base64` reads it."""
    return base64.b64encode(value).decode("ascii")


def _load_public(text: str) -> object:
    try:
        if text.startswith("-----BEGIN"):
            return serialization.load_pem_public_key(text.encode())
        if text.startswith(("ssh-", "ecdsa-", "sk-")):
            return serialization.load_ssh_public_key(text.encode())
        value = read_base64(text)
        if len(value) == 32:
            return Ed25519PublicKey.from_public_bytes(value)
        return serialization.load_der_public_key(value)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKeyError("This is no public key that can be read: give PEM, an OpenSSH line or base64.") from None


_PRIME = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})


def _is_of_small_order(key: Ed25519PublicKey) -> bool:
    # The eight points whose order divides 8, told by their second coordinate: there are signatures that hold for them
    # whatever the message. A placeholder of zeros is one.
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    return y % _PRIME in _SMALL


def _essence(key: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")

"""What a share link carries: a signed note of which link it is, so that made-up and expired ones cost no query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from garaza.kit.clock import Clock
from garaza.kit.ids import is_id

AUDIENCE = "garaza:room-share"
"""What keeps a share token from being taken for any other one, and the other way round."""
MAX_LETTERS = 600
_SHAPE = re.compile(r"[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_ALGORITHM = "HS256"


class SecretRing(Protocol):
    """The secrets that tokens are signed with."""

    def signing(self) -> tuple[str, bytes]:
        """The newest one: its kid and its bytes."""

    def verifying(self, kid: str) -> bytes | None:
        """That of a kid; None where there is none."""


@dataclass(frozen=True, slots=True)
class ShareClaims:
    """What a token says."""

    share_id: str
    room_id: int
    expires_at: float


class ShareTokens:
    """Makes tokens and reads them. Making the same one again gives one that is as good."""

    def __init__(self, secrets: SecretRing, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock

    def make(self, claims: ShareClaims) -> str:
        """The token."""
        kid, secret = self._secrets.signing()
        body = {
            "aud": AUDIENCE,
            "jti": claims.share_id,
            "sub": str(claims.room_id),
            "exp": int(claims.expires_at),
        }
        return jwt.encode(body, secret, _ALGORITHM, headers={"kid": kid})

    def read(self, token: str) -> ShareClaims | None:
        """What a token says that was made here and hasn't expired; None for any other text."""
        if len(token) > MAX_LETTERS or _SHAPE.fullmatch(token) is None:
            return None
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            secret = self._secrets.verifying(kid) if isinstance(kid, str) else None
            if secret is None:
                return None
            # The time is compared here: pyjwt knows no clock but the system's.
            options: Any = {"require": ["aud", "exp", "jti", "sub"], "verify_exp": False}
            body = jwt.decode(token, secret, [_ALGORITHM], options, audience=AUDIENCE)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        claims = self._claims(body)
        return claims if claims is not None and claims.expires_at > self._clock() else None

    @staticmethod
    def _claims(body: dict[str, Any]) -> ShareClaims | None:
        match body:
            case {"jti": str(share_id), "sub": str(room_id), "exp": int(expires_at)} if is_id(
                share_id
            ) and _NUMBER.fullmatch(room_id):
                return ShareClaims(share_id, int(room_id), float(expires_at))
        return None

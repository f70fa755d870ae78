"""Who uploads, and what they want beside it."""

from __future__ import annotations

from dataclasses import dataclass

from garaza.accounts.principal import Principal
from garaza.uploads.repository import Owner


@dataclass(frozen=True, slots=True)
class Sender:
    """Who uploads."""

    account: Principal | None
    guest: str
    """Digest of the address that it comes from; counts where there is no account."""

    @property
    def owner(self) -> Owner:
        """Whose the upload is."""
        return Owner(None, self.guest) if self.account is None else Owner(self.account.user_id, None)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the client wants beside the upload itself."""

    upload_key: str | None = None
    """Idempotency key: the same one again, from the same sender, is the same upload."""
    webhook_url: str | None = None

"""Who makes a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from garaza.accounts.models import Role
from garaza.accounts.plans import Plan

NOBODY = 0
"""The user id of a machine. No account has it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An account that signed in, or a machine that signed its request. Times are Unix seconds."""

    user_id: int
    email: str
    username: str
    role: str
    plan: Plan
    is_active: bool
    created_at: float
    session_id: str | None = None
    jti: str | None = None
    token_expires_at: float | None = None
    machine: str | None = None
    """What a machine may do: "billing" or "admin". None: it is a person."""

    @property
    def is_admin(self) -> bool:
        """Whether everything may be seen and done."""
        return self.machine == "admin" if self.machine is not None else self.role == Role.ADMIN.value

    def signed(self, details: Mapping[str, Any]) -> dict[str, Any]:
        """Details of an activity, with who it was where that is nobody's account."""
        return {**details, "by": f"machine {self.username}"} if self.machine is not None else dict(details)

    @property
    def may_bill(self) -> bool:
        """Whether anybody's plan may be changed."""
        return self.is_admin or self.machine == "billing"


def machine(name: str, scope: str) -> Principal:
    """A machine with this scope, whose name is told in logs and activities."""
    return Principal(
        user_id=NOBODY,
        email="",
        username=name,
        role=Role.USER.value,
        plan=Plan.FREE,
        is_active=True,
        created_at=0.0,
        machine=scope,
    )

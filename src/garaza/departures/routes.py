"""HTTP in and out of closing one's account."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from garaza.accounts.dependencies import SignedIn
from garaza.accounts.schemas import PasswordText
from garaza.departures.service import Departures

MAX_BODY_BYTES = 1 << 14


class LeaveRequest(BaseModel):
    """That it is really the owner who wants this."""

    password: PasswordText


def make_router(departures: Departures) -> APIRouter:
    """The route of those who leave."""
    router = APIRouter(prefix="/api/auth", tags=["accounts"], max_body_size=MAX_BODY_BYTES)

    @router.delete("/me", status_code=204, summary="Close one's account, and delete everything it has")
    async def leave(viewer: SignedIn, wanted: LeaveRequest) -> None:
        """Scans, rooms, links and logins are gone at once; their files are removed in the moments after."""
        await departures.leave(viewer.user_id, wanted.password.get_secret_value())

    return router

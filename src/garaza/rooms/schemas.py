"""What goes over the wire about rooms."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from garaza.kit.answers import Answer
from garaza.kit.text import lines, one_line
from garaza.scans.schemas import AssetBody, LodAssets

NAME_LETTERS = 100
DESCRIPTION_LETTERS = 1000


def _name(text: str) -> str:
    name = one_line(text)
    if not 1 <= len(name) <= NAME_LETTERS:
        msg = f"a name has 1 to {NAME_LETTERS} letters"
        raise ValueError(msg)
    return name


def _description(text: str) -> str:
    description = lines(text)
    if len(description) > DESCRIPTION_LETTERS:
        msg = f"a description has {DESCRIPTION_LETTERS} letters at most"
        raise ValueError(msg)
    return description


# The bounds before are for what normalising costs; those inside are of what is kept.
Name = Annotated[str, Field(max_length=4 * NAME_LETTERS), AfterValidator(_name)]
Description = Annotated[str, Field(max_length=4 * DESCRIPTION_LETTERS), AfterValidator(_description)]


class RoomRequest(BaseModel):
    """A finished scan to be kept."""

    job_id: Annotated[str, Field(max_length=100)]
    name: Name
    description: Description | None = None


class RoomChange(BaseModel):
    """What is left out, or null, stays as it is."""

    name: Name | None = None
    description: Description | None = None


class RoomAssets(Answer):
    """The model, as a scan's result describes it."""

    model_asset: AssetBody
    lod_assets: LodAssets


class SharedRoomAnswer(Answer):
    """A room as whoever has a link to it sees it."""

    id: int
    name: str
    description: str
    frame_count: int
    point_count: int = Field(description="Vertices of the full model.")
    model_used: str
    original_width: int
    original_height: int
    file_size_bytes: int = Field(description="Of all its files.")
    file_size_display: str
    thumbnail_url: str | None = Field(description="null if its files were lost.")
    assets: RoomAssets | None = Field(description="null if its files were lost.")
    created_at: str = Field(description="ISO 8601, UTC.")
    updated_at: str = Field(description="ISO 8601, UTC.")


class RoomAnswer(SharedRoomAnswer):
    """A room as its owner sees it."""

    user_id: int
    job_id: str = Field(description="The scan that it was saved from, which may have gone since.")


class RoomList(Answer):
    """Rooms, newest first."""

    rooms: list[RoomAnswer]
    total: int | None = Field(description="null for pages by cursor.")
    page: int | None = Field(description="null for pages by cursor.")
    page_size: int
    total_pages: int | None = Field(description="null for pages by cursor.")
    next_cursor: str | None = Field(description="Goes on after this page; null at the end.")


class ShareRequest(BaseModel):
    """A link that is wanted."""

    expires_in_days: Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)] = 7


class ShareAnswer(Answer):
    """A link that opens one room to whoever has it, until it expires or is revoked."""

    id: str
    url: str
    token: str
    created_at: str = Field(description="ISO 8601, UTC.")
    expires_at: str = Field(description="ISO 8601, UTC.")

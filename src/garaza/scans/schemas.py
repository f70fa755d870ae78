"""What goes over the wire about scans. Names and meanings are those that existing clients know."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from garaza.kit.answers import Answer, Omitted
from garaza.reconstruction.cameras.scale import KnownLength
from garaza.reconstruction.quality import Quality
from garaza.webhooks.address import WebhookAddress

Coordinate = Annotated[float, Field(ge=-1e4, le=1e4, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]


class ProcessRequest(BaseModel):
    """How a scan is to be done."""

    max_frames: Annotated[int, Field(ge=8, le=512)] = 128
    engine: Annotated[str, Field(max_length=50)] = "geometric"
    quality: Quality = Quality.STANDARD
    known_length: Annotated[str, Field(max_length=200)] | None = None
    """As the command line's option: "ceiling:2.5" or "camera:1.5", in metres."""
    webhook_url: WebhookAddress | None = None
    """Who is told when the scan has ended."""

    @field_validator("known_length")
    @classmethod
    def _parse(cls, value: str | None) -> str | None:
        if value is not None:
            KnownLength.parse(value)
        return value


class ProcessAnswer(Answer):
    """The scan waits, or is being done."""

    status: str = "processing"
    job_id: str
    queue_position: int | None
    """One more than the jobs that run, or wait before it."""


class ProgressBody(Answer):
    """Where the work stands."""

    stage: str
    progress: float = Field(description="0 to 100, of the whole.")
    current_frame: Omitted[int] = None
    total_frames: Omitted[int] = None
    message: str


class FailureBody(Answer):
    """Why there is no model, for a person."""

    reason: str
    message: str
    advice: str
    details: dict[str, float | int | str] = Field(default_factory=dict)


class StatusAnswer(Answer):
    """A scan at this moment."""

    job_id: str
    status: Literal["uploaded", "processing", "completed", "failed", "cancelled"]
    phase: str = Field(description="As status, but with queued and running told apart.")
    progress: ProgressBody | None
    error: str | None
    failure: Omitted[FailureBody] = None
    attempts: int
    queue_position: int | None
    filename: str
    created_at: float
    started_at: Omitted[float] = None
    finished_at: Omitted[float] = None
    expires_at: Omitted[float] = None


class AttemptBody(Answer):
    """One try at a scan, and how it ended. Times are Unix seconds."""

    number: int = Field(description="Counted from 1 since the scan was last asked for.")
    began_at: float
    ended_at: float | None
    outcome: Literal["completed", "failed", "lost", "released", "cancelled"] | None = Field(
        description="lost: its worker was not heard of any more. released: it had to stop. Null: it goes on."
    )
    stage: str | None = Field(description="Where it was when it was last heard of.")
    failure: FailureBody | None


class EventBody(Answer):
    """Something that happened to a scan."""

    event_id: int = Field(description="Larger than those of all events of the scan before it.")
    kind: str
    at: float = Field(description="Unix seconds.")
    data: dict[str, Any]


class OwnScans(Answer):
    """A page of one's scans, newest first."""

    jobs: list[StatusAnswer]
    total: int | None
    page: int | None
    page_size: int
    total_pages: int | None
    next_cursor: str | None


def _describe_heavy_members(schema: dict[str, Any]) -> None:
    text = "With include=frames. Little-endian float32, row by row, height × width."
    member = {"type": "string", "contentEncoding": "base64", "description": text}
    schema["properties"].update(depth_map_b64=member, confidence_b64=member)


class FrameBody(Answer):
    """A registered keyframe. With `include=frames` also depth_map_b64 and confidence_b64."""

    model_config = ConfigDict(json_schema_extra=_describe_heavy_members)

    frame_index: int
    width: int
    height: int


class CameraParams(Answer):
    """One entry for each frame, in the same order."""

    extrinsics: list[list[list[float]]] = Field(description="N×3×4, world-to-camera, OpenCV axes, model units.")
    intrinsics: list[list[list[float]]] = Field(description="N×3×3, pixels of the depth maps.")


class VariantBody(Answer):
    """The same asset in another encoding."""

    kind: str
    filename: str
    url: str
    format: str
    file_size_bytes: int


class AssetBody(Answer):
    """A model that any glTF 2.0 viewer opens."""

    filename: str
    url: str
    format: str
    lod_level: str
    point_count: int = Field(description="Vertices.")
    face_count: int
    file_size_bytes: int
    variants: list[VariantBody]


class LodAssets(Answer):
    """The model in its three sizes."""

    preview: AssetBody
    medium: AssetBody
    full: AssetBody


class ScaleBody(Answer):
    """How large the model is, and how that is known."""

    metric: bool
    metres_per_unit: float
    source: str
    uncertainty: float = Field(description="Relative, one standard deviation.")


class FileBody(Answer):
    """Any file of the result."""

    path: str
    url: str
    media_type: str
    size_bytes: int


class ResultAnswer(Answer):
    """RESULT: a finished scan."""

    job_id: str
    frames: list[FrameBody]
    camera_params: CameraParams
    model_asset: AssetBody
    lod_assets: LodAssets
    original_width: int
    original_height: int
    model_used: str
    scale: ScaleBody
    room: dict[str, Any] | None
    poster_url: str
    files: list[FileBody]
    keyframes: int
    warnings: list[str]
    stages: list[dict[str, Any]]


class ScaleRequest(BaseModel):
    """Either a length known between two points of the model, or the factor itself."""

    model_config = ConfigDict(extra="forbid")

    points: tuple[Point, Point] | None = None
    """Two points in metres as the model shows them now."""
    length_m: Annotated[float, Field(gt=0.01, le=200)] | None = None
    """Their true distance, metres."""
    metres_per_unit: Annotated[float, Field(ge=1e-4, le=1e4)] | None = None


class ScaleAnswer(Answer):
    """The scale from now on."""

    job_id: str
    scale: ScaleBody


class DeleteAnswer(Answer):
    """Gone."""

    status: str = "deleted"

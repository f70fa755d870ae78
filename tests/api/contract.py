"""What clients that exist already call, send and read: a table that the service's own description is held against.

More may be sent and read than is written here. Nothing here may be missing, be called otherwise or be of another kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Words:
    """Text that is one of these."""

    known: tuple[str, ...]


Shape = str | dict[str, Any] | list[Any] | tuple[Any, ...] | Words
"""A kind of JSON value ("string", "integer", "number", "boolean", "object", "array", "null"), the fields of an object,
a list with what is in it, several shapes of which it has one, or words.

A field whose name ends with "?" may be left out.
"""

FILE = "file"
"""An answer that is no JSON."""
Token = Literal["none", "optional", "needed", "admin"]


@dataclass(frozen=True)
class Call:
    """One call. Names in braces in a path are for reading: clients fill them in by their place."""

    method: str
    path: str
    token: Token
    answer: Shape | None
    query: dict[str, Shape] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    body: dict[str, Shape] | None = None
    form: dict[str, Shape] | None = None
    """Fields of a form instead of a JSON body."""
    optional_body: bool = False
    """Whether clients may send none at all."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """What fields of the body mean that are left out."""
    status: int = 200

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


TEXT, COUNT, NUMBER, FLAG = "string", "integer", "number", "boolean"


def words(*known: str) -> Words:
    return Words(known)


def or_null(shape: Shape) -> Shape:
    return (shape, "null")


PLAN = words("free", "pro", "enterprise")

# Accounts --------------------------------------------------------------------------------------------------------

USER = {"id": COUNT, "email": TEXT, "username": TEXT, "is_active": FLAG, "plan": PLAN}
TOKENS = {"access_token": TEXT, "token_type": TEXT, "user": USER, "refresh_token": TEXT, "expires_in": COUNT}
STATS = {
    "scans_this_month": COUNT,
    "total_scans": COUNT,
    "storage_used": COUNT,
    "plan": PLAN,
    "plan_display": TEXT,
    "scans_limit": COUNT,
    "scans_reset_date": TEXT,
}
ACTIVITY = {"id": COUNT, "action": TEXT, "description": TEXT, "icon": TEXT, "time_ago": TEXT, "created_at": TEXT}
DONE = {"success": FLAG}

ACCOUNTS = [
    Call("POST", "/api/auth/register", "none", TOKENS, body={"email": TEXT, "username": TEXT, "password": TEXT}),
    Call("POST", "/api/auth/login", "none", TOKENS, body={"email": TEXT, "password": TEXT}),
    Call(
        "POST",
        "/api/auth/login/form",
        "none",
        TOKENS,
        form={"grant_type?": words("password"), "username": TEXT, "password": TEXT},
    ),
    Call("POST", "/api/auth/refresh", "none", TOKENS, body={"refresh_token": TEXT}),
    Call("GET", "/api/auth/me", "needed", USER),
    Call("POST", "/api/auth/logout", "needed", "object"),
]

PROFILE = [
    Call(
        "GET",
        "/api/profile",
        "needed",
        {
            "id": COUNT,
            "email": TEXT,
            "username": TEXT,
            "is_active": FLAG,
            "created_at": TEXT,
            "plan": PLAN,
            "plan_display": TEXT,
            "stats": STATS,
            "recent_activities": [ACTIVITY],
        },
    ),
    Call("GET", "/api/profile/stats", "needed", STATS),
    Call(
        "GET",
        "/api/profile/activities",
        "needed",
        [ACTIVITY],
        query={"limit": COUNT, "page": COUNT, "action": TEXT},
    ),
    Call("PUT", "/api/profile/plan", "needed", STATS, body={"plan": PLAN}),
    Call(
        "POST",
        "/api/profile/activity",
        "needed",
        {"success": FLAG, "activity_id": COUNT},
        body={"action": TEXT, "description?": TEXT, "metadata?": "object"},
    ),
    Call(
        "POST",
        "/api/profile/increment-scan",
        "needed",
        {"success": FLAG, "scans_this_month": COUNT, "total_scans": COUNT, "storage_used": COUNT},
        query={"storage_bytes": COUNT},
        body={"storage_bytes?": COUNT},
        optional_body=True,
    ),
    Call(
        "POST",
        "/api/profile/log-export",
        "needed",
        DONE,
        query={"format": TEXT},
        body={"format": TEXT},
        optional_body=True,
    ),
]

# Scans -----------------------------------------------------------------------------------------------------------

STATUS = {
    "job_id": TEXT,
    "status": words("uploaded", "processing", "completed", "failed", "cancelled"),
    "progress": or_null(
        {
            "stage": TEXT,
            "progress": NUMBER,
            "current_frame?": or_null(COUNT),
            "total_frames?": or_null(COUNT),
            "message": TEXT,
        }
    ),
    "error": or_null(TEXT),
    "attempts": COUNT,
    "queue_position": or_null(COUNT),
}
ASSET = {
    "filename": TEXT,
    "url": TEXT,
    "format": TEXT,
    "lod_level": TEXT,
    "point_count": COUNT,
    "file_size_bytes": COUNT,
    "variants": ["object"],
}
LEVELS = {"preview": ASSET, "medium": ASSET, "full": ASSET}
SCALE = {"metric": FLAG, "metres_per_unit": NUMBER, "source": TEXT, "uncertainty": NUMBER}
FRAME = {"frame_index": COUNT, "width": COUNT, "height": COUNT, "depth_map_b64?": TEXT, "confidence_b64?": TEXT}
RESULT = {
    "job_id": TEXT,
    "frames": [FRAME],
    "camera_params": {"extrinsics": [[[NUMBER]]], "intrinsics": [[[NUMBER]]]},
    "model_asset": ASSET,
    "lod_assets": LEVELS,
    "original_width": COUNT,
    "original_height": COUNT,
    "model_used": TEXT,
    "scale": SCALE,
    "room": or_null("object"),
}
CONDITIONS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
POINT = [NUMBER]

SCANS = [
    Call(
        "POST",
        "/api/upload",
        "optional",
        {"job_id": TEXT, "status": TEXT},
        headers=("Idempotency-Key",),
        form={"file": TEXT},
    ),
    Call(
        "POST",
        "/api/process/{job_id}",
        "optional",
        {"status": TEXT, "job_id": TEXT, "queue_position": or_null(COUNT)},
        headers=("Idempotency-Key",),
        body={"max_frames?": COUNT, "engine?": TEXT, "quality?": TEXT},
        optional_body=True,
        defaults={"max_frames": 128},
    ),
    Call("GET", "/api/status/{job_id}", "optional", STATUS),
    Call("GET", "/api/status", "optional", [STATUS], query={"ids": TEXT}),
    Call("GET", "/api/result/{job_id}", "optional", RESULT, query={"include": words("frames")}),
    Call("GET", "/api/assets/{job_id}/{path}", "optional", FILE, headers=CONDITIONS),
    Call("GET", "/api/jobs", "needed", {"jobs": [STATUS]}, query={"page": COUNT, "status": TEXT}),
    Call(
        "PUT",
        "/api/scans/{job_id}/scale",
        "optional",
        {"scale": SCALE},
        body={"points?": [POINT], "length_m?": NUMBER, "metres_per_unit?": NUMBER},
    ),
    Call("DELETE", "/api/job/{job_id}", "optional", {"status": TEXT}),
]

# Rooms -----------------------------------------------------------------------------------------------------------

ROOM = {
    "id": COUNT,
    "user_id": COUNT,
    "name": TEXT,
    "description": TEXT,
    "job_id": TEXT,
    "frame_count": COUNT,
    "point_count": COUNT,
    "model_used": TEXT,
    "original_width": COUNT,
    "original_height": COUNT,
    "file_size_bytes": COUNT,
    "file_size_display": TEXT,
    # Null when the files have been lost.
    "thumbnail_url": or_null(TEXT),
    "assets": or_null("object"),
    "created_at": TEXT,
    "updated_at": TEXT,
}
# Null only where the list was asked for by a cursor, which clients that read these fields don't.
PLACE_IN_LIST = {"page": or_null(COUNT), "page_size": COUNT, "total_pages": or_null(COUNT)}

ROOMS = [
    Call(
        "GET",
        "/api/rooms",
        "needed",
        {"rooms": [ROOM], "total": or_null(COUNT), **PLACE_IN_LIST},
        query={"page": COUNT, "page_size": COUNT},
    ),
    Call(
        "POST",
        "/api/rooms",
        "needed",
        ROOM,
        body={"job_id": TEXT, "name": TEXT, "description?": TEXT},
        status=201,
    ),
    Call("GET", "/api/rooms/{id}", "needed", ROOM),
    Call("PUT", "/api/rooms/{id}", "needed", ROOM, body={"name?": TEXT, "description?": TEXT}),
    Call("DELETE", "/api/rooms/{id}", "needed", None, status=204),
    Call("GET", "/api/rooms/{id}/assets/{filename}", "needed", FILE),
    Call("GET", "/api/rooms/{id}/thumbnail", "needed", FILE),
]

# Admin -----------------------------------------------------------------------------------------------------------

ADMIN_JOB = {"job_id": TEXT, "size_bytes": COUNT, "size_gb": NUMBER, "modified": TEXT, "age_hours": NUMBER}

ADMIN = [
    Call(
        "GET",
        "/api/admin/jobs",
        "admin",
        {"jobs": [ADMIN_JOB], "count": or_null(COUNT), **PLACE_IN_LIST},
        query={"page": COUNT, "page_size": COUNT},
    ),
    Call("GET", "/api/admin/disk-usage", "admin", "object"),
    Call("POST", "/api/admin/cleanup", "admin", "object", query={"max_age_hours": NUMBER, "dry_run": FLAG}),
    Call("GET", "/api/admin/memory", "admin", "object"),
    Call("POST", "/api/admin/clear-memory", "admin", "object"),
    Call("GET", "/api/admin/users", "admin", "object", query={"plan": PLAN, "is_active": FLAG, "page": COUNT}),
]

# Furniture -------------------------------------------------------------------------------------------------------

PRODUCT = {
    "title": TEXT,
    "brand": TEXT,
    "price": TEXT,
    "availability": TEXT,
    "categories": TEXT,
    "asin": TEXT,
    "url": TEXT,
    "imgUrl": TEXT,
    "images": [TEXT],
    "country": TEXT,
    "is_sponsored": FLAG,
    "sponsor_tier": or_null(TEXT),
}
FOUND = {**PRODUCT, "rank": COUNT, "similarity_score": NUMBER}
COUNTED = {"name": TEXT, "count": COUNT}

FURNITURE = [
    Call(
        "POST",
        "/api/furniture/search",
        "optional",
        {"query": TEXT, "results": [FOUND], "count": COUNT},
        body={"query": TEXT, "top_k?": COUNT, "user_country?": TEXT, "page?": COUNT, "sort?": TEXT},
        defaults={"top_k": 3},
    ),
    Call("GET", "/api/furniture/product/{asin}", "optional", PRODUCT),
    Call(
        "GET",
        "/api/furniture/brand/{brand}",
        "optional",
        {"brand": TEXT, "count": COUNT, "products": [PRODUCT]},
        query={"limit": COUNT, "page": COUNT},
    ),
    Call(
        "GET",
        "/api/furniture/category/{category}",
        "optional",
        {"category": TEXT, "count": COUNT, "products": [PRODUCT]},
        query={"limit": COUNT, "page": COUNT},
    ),
    Call(
        "GET",
        "/api/furniture/stats",
        "optional",
        dict.fromkeys(
            [
                "total_products",
                "unique_brands",
                "unique_categories",
                "products_with_price",
                "products_in_stock",
            ],
            COUNT,
        ),
    ),
    Call("GET", "/api/furniture/filters", "optional", {"brands": [COUNTED], "countries": [COUNTED]}),
    Call("GET", "/api/furniture/health", "optional", {"status": TEXT, "initialized": FLAG}),
]

CALLS = [*ACCOUNTS, *PROFILE, *SCANS, *ROOMS, *ADMIN, *FURNITURE]

"""A request for each call that is answered as it should be, with everything in it that the call takes."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2

from tests.accounts.house import PASSWORD
from tests.api.stage import Stage
from tests.api.whole import VIDEO

Fields = dict[str, Any]


@dataclass(frozen=True)
class Good:
    """Braces in a path, and "@…" in a field, stand for things on the stage."""

    method: str
    path: str
    things: dict[str, str] = field(default_factory=dict)
    query: Fields = field(default_factory=dict)
    body: Fields | None = None
    form: Fields | None = None
    content: bytes | None = None
    headers: Fields = field(default_factory=dict)
    viewer: str = "user"
    status: int | None = None
    """Where it can't be answered as it should be."""
    spends: tuple[str, ...] | None = ()
    """What isn't there any more afterwards; None: nothing is."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


SCAN = {"job_id": "user's finished scan"}
UPLOAD = {"upload_id": "user's upload"}
ROOM = {"room_id": "user's room"}
IMPORTS = "/api/admin/catalogue/imports"
IMPORT = {"import_id": "admin's import"}
PAGE = {"page": 1, "page_size": 20}
TUS = {"Tus-Resumable": "1.0.0"}
PART = {
    **TUS,
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": "0",
    "Upload-Checksum": f"sha1 {b64encode(hashlib.sha1(VIDEO[:100]).digest()).decode()}",
}
CONDITIONS = {
    "If-Match": "*",
    "If-Unmodified-Since": "Wed, 21 Oct 2015 07:28:00 GMT",
    "If-None-Match": '"x"',
    "If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Range": "bytes=0-9",
    "If-Range": '"x"',
}
LINES = {"Accept": "application/x-ndjson"}
UNCHANGED = {"If-Match": "*", "If-Unmodified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"}
BOX = {"points": [[0, 0, 0], [1, 1.5, 1]], "length_m": 2.5}
PRODUCT = {"asin": "a product"}
BOUNDS = [f"{end}_{what}" for end in ("min", "max") for what in ("price", "width_cm", "depth_cm", "height_cm")]
FOUND = {
    "query": "sofa",
    "top_k": 3,
    "user_country": "Croatia",
    "page": 1,
    "page_size": 5,
    "sort": "relevance",
    "facets": "true",
    "understand": "true",
    "without": "x",
}
NAMES = ["brands", "categories", "countries", "colors", "materials"]
NARROWED = {
    **dict.fromkeys(NAMES, "x"),
    **{f"not_{name}": "x" for name in NAMES if name != "countries"},
    "in_stock": "true",
}
SEARCH = {
    **FOUND,
    "facets": True,
    "understand": True,
    "without": ["x"],
    "filters": {
        **dict.fromkeys(BOUNDS, 500),
        **{name: [value] for name, value in NARROWED.items() if name != "in_stock"},
        "in_stock": True,
    },
}

GOOD = [
    Good("POST", "/api/auth/register", body={"email": "@new address", "username": "@new name", "password": PASSWORD}),
    Good("POST", "/api/auth/login", body={"email": "@user's address", "password": PASSWORD}),
    Good(
        "POST",
        "/api/auth/login/form",
        form={"grant_type": "password", "username": "@user's address", "password": PASSWORD},
    ),
    Good("POST", "/api/auth/refresh", body={"refresh_token": "@user's refresh token"}, spends=None),
    Good("GET", "/api/auth/me"),
    Good("DELETE", "/api/auth/me", body={"password": PASSWORD}, spends=None),
    Good("POST", "/api/auth/logout", spends=None),
    Good("POST", "/api/auth/logout-all", spends=None),
    Good("PUT", "/api/auth/password", body={"current_password": PASSWORD, "new_password": PASSWORD}, spends=None),
    Good("GET", "/api/auth/sessions"),
    Good("DELETE", "/api/auth/sessions/{session_id}", {"session_id": "user's login"}, spends=None),
    Good("GET", "/api/profile"),
    Good("GET", "/api/profile/stats"),
    Good("GET", "/api/profile/activities", query={"action": "login", "limit": 5, **PAGE}),
    Good("GET", "/api/profile/activities", query={"cursor": "@cursor of a time and a number"}),
    Good("PUT", "/api/profile/plan", body={"plan": "pro", "user_id": "@user's account"}, spends=None),
    Good(
        "POST",
        "/api/profile/activity",
        body={"action": "viewed", "description": "Saw it", "metadata": {"what": "a", "in": [1, {"b": 2.5}]}},
    ),
    Good("POST", "/api/profile/increment-scan", query={"storage_bytes": 5}),
    Good("POST", "/api/profile/increment-scan", body={"storage_bytes": 5}),
    Good("POST", "/api/profile/log-export", query={"format": "glb"}),
    Good("POST", "/api/profile/log-export", body={"format": "glb"}),
    Good(
        "POST",
        "/api/upload",
        query={"process": "false", "webhook_url": "https://example.org/scans"},
        form={"file": VIDEO.decode()},
        headers={"Idempotency-Key": "@new name"},
    ),
    Good(
        "PUT",
        "/api/upload",
        query={"process": "false", "webhook_url": "https://example.org/scans", "filename": "room.mp4"},
        content=VIDEO,
        headers={"Idempotency-Key": "@new name"},
    ),
    Good("OPTIONS", "/api/uploads"),
    Good(
        "POST",
        "/api/uploads",
        content=VIDEO[:100],
        headers={
            **PART,
            "Upload-Length": str(len(VIDEO)),
            "Upload-Metadata": "filename cm9vbS5tcDQ=,process ZmFsc2U=",
            "Idempotency-Key": "@new name",
        },
    ),
    Good("HEAD", "/api/uploads/{upload_id}", UPLOAD, headers=TUS),
    Good("PATCH", "/api/uploads/{upload_id}", UPLOAD, content=VIDEO[:100], headers=PART, spends=("user's upload",)),
    Good(
        "POST",
        "/api/uploads/{upload_id}",
        UPLOAD,
        content=VIDEO[:100],
        headers={**PART, "X-HTTP-Method-Override": "PATCH"},
        spends=("user's upload",),
    ),
    Good("DELETE", "/api/uploads/{upload_id}", UPLOAD, headers=TUS, spends=("user's upload",)),
    Good(
        "POST",
        "/api/process/{job_id}",
        {"job_id": "user's uploaded scan"},
        body={
            "max_frames": 64,
            "engine": "geometric",
            "quality": "draft",
            "known_length": "ceiling:2.5",
            "webhook_url": "https://example.org/scans",
        },
        headers={"Idempotency-Key": "mine"},
        spends=("user's uploaded scan",),
    ),
    Good("GET", "/api/status/{job_id}", SCAN),
    Good("GET", "/api/status", query={"ids": "@some scans"}),
    Good("GET", "/api/status", query={"ids": "@some scans", "fields": "job_id,progress.stage"}),
    Good("GET", "/api/result/{job_id}", SCAN, query={"include": "frames"}),
    Good("GET", "/api/result/{job_id}", SCAN, query={"fields": "job_id,model_asset.url"}),
    Good(
        "GET",
        "/api/assets/{job_id}/{path}",
        {**SCAN, "path": "model"},
        query={"v": "x"},
        headers={"Range": "bytes=0-9"},
    ),
    Good("GET", "/api/assets/{job_id}/{path}", {**SCAN, "path": "model"}, headers={"If-None-Match": '"x"'}),
    Good("GET", "/api/assets/{job_id}/{path}", {**SCAN, "path": "model"}, headers=UNCHANGED),
    Good(
        "GET",
        "/api/assets/{job_id}/{path}",
        {**SCAN, "path": "model"},
        headers={"If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"},
    ),
    Good(
        "GET",
        "/api/assets/{job_id}/{path}",
        {**SCAN, "path": "model"},
        headers={"Range": "bytes=0-9", "If-Range": '"x"'},
    ),
    Good("PUT", "/api/scans/{job_id}/scale", SCAN, body=BOX),
    Good("PUT", "/api/scans/{job_id}/scale", SCAN, body={"metres_per_unit": 1.25}),
    Good("DELETE", "/api/job/{job_id}", {"job_id": "user's uploaded scan"}, spends=("user's uploaded scan",)),
    Good("GET", "/api/jobs", query={"status": "completed", **PAGE}),
    Good("GET", "/api/jobs", query={"fields": "jobs.job_id"}),
    Good("GET", "/api/jobs", headers=LINES),
    Good("GET", "/api/jobs", query={"cursor": "@cursor of a time and a text"}),
    Good("POST", "/api/jobs/{job_id}/cancel", {"job_id": "user's queued scan"}, spends=("user's queued scan",)),
    Good("GET", "/api/jobs/{job_id}/attempts", SCAN),
    Good("GET", "/api/jobs/{job_id}/events", SCAN, query={"after": 0, "limit": 10}),
    Good("GET", "/api/jobs/{job_id}/webhooks", SCAN),
    Good("GET", "/api/jobs/{job_id}/video", SCAN, headers=CONDITIONS),
    Good("POST", "/api/live/ticket"),
    Good("GET", "/api/events", query={"last_event_id": "0", "log": "true"}, headers={"Last-Event-ID": "1~1"}),
    Good("GET", "/api/events", query={"job_id": "@user's finished scan"}),
    Good("GET", "/api/events", query={"ticket": "@user's ticket"}),
    Good("GET", "/api/rooms", query=PAGE),
    Good("GET", "/api/rooms", query={"fields": "rooms.name"}),
    Good("GET", "/api/rooms", headers=LINES),
    Good("GET", "/api/rooms", query={"cursor": "@cursor of a time and a number"}),
    Good("POST", "/api/rooms", body={"job_id": "@user's finished scan", "name": "Kitchen", "description": "Mine"}),
    Good("GET", "/api/rooms/{room_id}", ROOM),
    Good("GET", "/api/rooms/{room_id}", ROOM, query={"fields": "name"}),
    Good("PUT", "/api/rooms/{room_id}", ROOM, body={"name": "Kitchen", "description": "Mine"}),
    Good("PUT", "/api/rooms/{room_id}", ROOM, body={"name": "Kitchen"}, headers=UNCHANGED),
    Good("DELETE", "/api/rooms/{room_id}", ROOM, headers=UNCHANGED, spends=("user's room", "user's link")),
    Good("DELETE", "/api/rooms/{room_id}", ROOM, spends=("user's room", "user's link")),
    Good(
        "GET",
        "/api/rooms/{room_id}/assets/{filename}",
        {**ROOM, "filename": "model"},
        query={"v": "x"},
        headers=CONDITIONS,
    ),
    Good("GET", "/api/rooms/{room_id}/thumbnail", ROOM, query={"v": "x"}, headers=CONDITIONS),
    # And so that there are never too many.
    Good(
        "POST",
        "/api/rooms/{room_id}/shares",
        ROOM,
        body={"expires_in_days": 1.5},
        spends=("user's room", "user's link"),
    ),
    Good("GET", "/api/rooms/{room_id}/shares", ROOM),
    Good(
        "DELETE", "/api/rooms/{room_id}/shares/{share_id}", {**ROOM, "share_id": "user's link"}, spends=("user's link",)
    ),
    Good("GET", "/api/shared/{token}", {"token": "admin's token"}),
    Good(
        "GET",
        "/api/shared/{token}/assets/{filename}",
        {"token": "admin's token", "filename": "model"},
        query={"v": "x"},
        headers=CONDITIONS,
    ),
    Good("GET", "/api/shared/{token}/thumbnail", {"token": "admin's token"}, query={"v": "x"}, headers=CONDITIONS),
    Good("GET", "/api/admin/jobs", query={"status": "completed", **PAGE}, viewer="admin"),
    Good("GET", "/api/admin/jobs", query={"cursor": "@cursor of a time and a text"}, viewer="admin"),
    Good("GET", "/api/admin/disk-usage", viewer="admin"),
    Good("POST", "/api/admin/cleanup", query={"max_age_hours": 1.5, "dry_run": "false"}, viewer="admin", spends=None),
    Good("GET", "/api/admin/memory", viewer="admin"),
    Good("POST", "/api/admin/clear-memory", viewer="admin"),
    Good("GET", "/api/admin/users", query={"plan": "pro", "is_active": "true", **PAGE}, viewer="admin"),
    Good("GET", "/api/admin/users", query={"cursor": "@cursor of a number"}, viewer="admin"),
    Good("GET", "/api/admin/users/{user_id}", {"user_id": "user's account"}, viewer="admin"),
    Good(
        "PATCH",
        "/api/admin/users/{user_id}",
        {"user_id": "somebody's account"},
        body={"is_active": True, "role": "user", "plan": "pro"},
        viewer="admin",
        spends=("somebody",),
    ),
    Good(
        "DELETE",
        "/api/admin/users/{user_id}",
        {"user_id": "somebody's account"},
        viewer="admin",
        spends=("somebody", "somebody's account"),
    ),
    Good("GET", "/api/admin/activities", query={"action": "login", **PAGE}, viewer="admin"),
    Good("GET", "/api/admin/activities", query={"cursor": "@cursor of a number"}, viewer="admin"),
    Good(
        "POST",
        IMPORTS,
        query={"name": "chairs.csv", "replace": "true", "keep_sample": "true", "map": "Code=asin"},
        content=b"Code,title\nB000000001,Chair\n",
        viewer="admin",
        spends=("admin's import",),
    ),
    Good("POST", IMPORTS, form={"file": "asin,title\nB000000001,Chair\n"}, viewer="admin", spends=("admin's import",)),
    Good("GET", IMPORTS, query=PAGE, viewer="admin"),
    Good("GET", IMPORTS, query={"cursor": "@cursor of a time and a text"}, viewer="admin"),
    Good("GET", f"{IMPORTS}/{{import_id}}", IMPORT, viewer="admin"),
    Good("GET", f"{IMPORTS}/{{import_id}}/notes", IMPORT, query=PAGE, viewer="admin"),
    Good("GET", f"{IMPORTS}/{{import_id}}/notes", IMPORT, query={"cursor": "@cursor of two numbers"}, viewer="admin"),
    Good("DELETE", f"{IMPORTS}/{{import_id}}", IMPORT, viewer="admin", spends=("admin's import",)),
    Good("GET", "/health"),
    Good("GET", "/ready"),
    Good("GET", "/metrics", viewer="operator"),
    Good("GET", "/.well-known/garaza-webhook-keys"),
    Good("POST", "/api/furniture/search", body=SEARCH),
    Good("GET", "/api/furniture/search", query={**FOUND, **dict.fromkeys(BOUNDS, 500), **NARROWED}),
    Good("GET", "/api/furniture/suggest", query={"q": "sof", "limit": 8}),
    Good("GET", "/api/furniture/products", query={"asins": "NONE"}),
    Good("GET", "/api/furniture/stats"),
    Good("GET", "/api/furniture/filters"),
    Good("GET", "/api/furniture/health"),
    Good("GET", "/api/furniture/product/{asin}", PRODUCT),
    Good("GET", "/api/furniture/similar/{asin}", PRODUCT, query={"limit": 8}),
    Good("GET", "/api/furniture/brand/{brand}", {"brand": "a brand"}, query={"limit": 20, "page": 1}),
    Good("GET", "/api/furniture/category/{category}", {"category": "a category"}, query={"limit": 20, "page": 1}),
    Good("GET", "/api/furniture/pictures/{asin}.svg", PRODUCT, query={"v": "x"}),
    # The sample's are drawn; see tests/furniture for those that are elsewhere.
    Good("GET", "/api/furniture/pictures/{asin}/{place}", {**PRODUCT, "place": "no place"}, status=404),
]


async def send(
    stage: Stage,
    good: Good,
    *,
    path: dict[str, str] | None = None,
    query: Fields | None = None,
    body: object = None,
    form: Fields | None = None,
    headers: Fields | None = None,
    raw: bytes | None = None,
) -> httpx2.Response:
    """Make this call, with something else in the place of what is good. What stands in addresses is sent as it is."""
    caller = await stage.viewer(good.viewer)
    address = good.path
    for name, thing in good.things.items():
        text = (path or {}).get(name)
        address = address.replace(f"{{{name}}}", str(await stage.thing(thing)) if text is None else text)
    asked = "&".join(f"{n}={v}" for n, v in {**(await _filled(stage, good.query)), **(query or {})}.items())
    head: Fields = {**(await _filled(stage, good.headers)), **(headers or {}), **caller.authorization}
    content: bytes | None = None
    if good.content is not None:
        content = good.content if raw is None else raw
    elif good.form is not None and "file" in good.form:
        filled = {**good.form, **(form or {})}
        head["Content-Type"], content = "multipart/form-data; boundary=xyz", _multipart(filled["file"])
    elif good.form is not None:
        filled = {**(await _filled(stage, good.form)), **(form or {})}
        content = urlencode(filled, errors="surrogatepass").encode()
        head["Content-Type"] = "application/x-www-form-urlencoded"
    elif good.body is not None or body is not None:
        whole = await filled_body(stage, good) if body is None else body
        content = json.dumps(whole).encode() if raw is None else raw
        head["Content-Type"] = "application/json"
    url = f"{address}?{asked}" if asked else address
    answer = await caller.client.request(good.method, url, content=content, headers=head)
    if answer.status_code < 400:
        if good.spends is None:
            stage.forget()
        elif good.spends:
            stage.forget(*good.spends)
    return answer


async def filled_body(stage: Stage, good: Good) -> Fields:
    """The good body, with things in it."""
    return await _filled(stage, good.body or {})


async def _filled(stage: Stage, fields: Fields) -> Fields:
    return {
        name: await stage.thing(value[1:]) if isinstance(value, str) and value.startswith("@") else value
        for name, value in fields.items()
    }


def _multipart(content: object) -> bytes:
    head = '--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    return head.encode() + str(content).encode(errors="surrogatepass") + b"\r\n--xyz--\r\n"

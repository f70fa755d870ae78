"""Catalogues that operators send: what isn't taken is said, and leaves nothing behind."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from garaza.kit.database import sqlite_url
from garaza.kit.receiving import WRITE_BYTES
from tests.api.whole import Visitor, Whole, whole_service

pytestmark = pytest.mark.anyio

IMPORTS = "/api/admin/catalogue/imports"
MOST = 2 * WRITE_BYTES
GOOD = b"asin,title\nB1,Chair\n"
LONG = GOOD + b"B2,Table\n" * (MOST // 9 + 1)


@pytest.fixture
async def service(empty_file: Path, tmp_path: Path) -> AsyncIterator[Whole]:
    shutil.copy(empty_file, tmp_path / "garaza.db")
    furniture = {"max_import_bytes": MOST}
    async with whole_service(sqlite_url(tmp_path / "garaza.db"), tmp_path, tmp_path, furniture=furniture) as whole:
        yield whole


async def refused(service: Whole, admin: Visitor, **request: Any) -> tuple[int, str]:
    """And nothing is left of it."""
    answer = await admin.post(IMPORTS, **request)
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(service.data.incoming.iterdir()) == []
    assert (await admin.get(IMPORTS)).json()["imports"] == []
    return answer.status_code, answer.json()["code"]


async def in_parts(content: bytes) -> AsyncIterator[bytes]:
    """Whose length nobody says before."""
    for start in range(0, len(content), 1 << 16):
        yield content[start : start + (1 << 16)]


async def test_what_is_too_long_is_refused_however_it_is_sent(service: Whole) -> None:
    admin = await service.register(role="admin")
    too_large = (413, "file_too_large")
    assert await refused(service, admin, content=LONG) == too_large
    assert await refused(service, admin, content=in_parts(LONG)) == too_large
    assert await refused(service, admin, files={"file": ("chairs.csv", LONG)}) == too_large
    # The form as a whole may be longer than that.
    assert await refused(service, admin, files={"file": ("chairs.csv", LONG[: MOST + 1])}) == too_large


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08rubbish"])
async def test_what_is_no_catalogue_is_refused(service: Whole, content: bytes) -> None:
    admin = await service.register(role="admin")
    assert await refused(service, admin, content=content) == (415, "no_catalogue")
    assert await refused(service, admin, files={"file": ("chairs.csv", content)}) == (415, "no_catalogue")


async def test_a_form_without_a_file_is_refused(service: Whole) -> None:
    admin = await service.register(role="admin")
    assert (await refused(service, admin, files={"other": ("chairs.csv", GOOD)}))[0] == 400
    headers = {"Content-Type": "multipart/form-data"}
    assert (await refused(service, admin, content=GOOD, headers=headers))[0] == 400


async def test_a_disk_without_room_takes_nothing(service: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await service.register(role="admin")
    disk_full = (507, "disk_full")
    monkeypatch.setattr(service.data, "free_bytes", lambda: len(GOOD) - 1)
    assert await refused(service, admin, content=GOOD) == disk_full
    assert await refused(service, admin, files={"file": ("chairs.csv", GOOD)}) == disk_full
    # It fills up while the file comes.
    free = iter([MOST])
    monkeypatch.setattr(service.data, "free_bytes", lambda: next(free, -1))
    assert await refused(service, admin, content=in_parts(LONG[:MOST])) == disk_full
    monkeypatch.undo()
    assert (await admin.post(IMPORTS, content=GOOD)).status_code == 202


async def test_only_admins_send_and_only_what_can_be_meant(service: Whole) -> None:
    admin = await service.register(role="admin")
    assert (await service.guest().post(IMPORTS, content=GOOD)).status_code == 401
    assert (await (await service.register()).post(IMPORTS, content=GOOD)).status_code == 403
    for parameters in ({"map": "nothing"}, {"map": "a=b"}, {"replace": "perhaps"}, {"name": "n" * 300}):
        assert (await refused(service, admin, content=GOOD, params=parameters))[0] == 422
    for name in ("../../etc/passwd", "a\x00b.csv", "\ud800.csv".encode("utf-8", "surrogatepass"), "=cmd()"):
        answer = await admin.post(IMPORTS, content=GOOD, params={"name": name})
        assert answer.status_code in {202, 422}, (name, answer.text)
    for import_id in ("nothing", "%00", "..%2f..", "x" * 500):
        for method in ("GET", "DELETE"):
            assert (await admin.call(method, f"{IMPORTS}/{import_id}")).status_code in {404, 422}

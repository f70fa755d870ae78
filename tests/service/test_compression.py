"""What is compressed by the service as it is, and what isn't."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from garaza.app import create_app
from garaza.compressing import NEVER_COMPRESSED
from garaza.kit.compression import Compression
from garaza.settings import CompressionSettings, Settings
from tests.service.harness import Server

AS_IT_IS = {"Accept-Encoding": "identity"}
ZSTD = {"Accept-Encoding": "zstd"}
_SECRET_FIELDS = ("token", "secret", "password", "private_key", "api_key")
_NO_SECRETS = {"token_type"}


@pytest.fixture(scope="module")
def finished(server: Server) -> str:
    return server.finished_scan()


def test_the_description_is_sent_as_the_client_likes(server: Server) -> None:
    whole = server.client.get("/openapi.json", headers=AS_IT_IS)
    assert "content-encoding" not in whole.headers
    for coding in ("zstd", "br", "gzip"):
        answer = server.client.get("/openapi.json", headers={"Accept-Encoding": coding})
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == (coding, "Accept-Encoding")
        assert 5 * int(answer.headers["content-length"]) < len(whole.content)
        assert answer.json() == whole.json()
        again = {"Accept-Encoding": coding, "If-None-Match": answer.headers["etag"]}
        assert server.client.get("/openapi.json", headers=again).status_code == 304
    assert server.client.head("/docs").headers["etag"] == server.client.get("/docs").headers["etag"]


def test_depth_in_json_is_compressed_while_it_is_streamed(server: Server, finished: str) -> None:
    url = f"/api/result/{finished}?include=frames"
    whole, packed = server.client.get(url, headers=AS_IT_IS), server.client.get(url, headers=ZSTD)
    assert (packed.headers["content-encoding"], packed.json()) == ("zstd", whole.json())
    assert "content-length" not in packed.headers


def test_the_page_is_sent_as_it_was_built(server: Server) -> None:
    page = server.client.get("/", headers=AS_IT_IS)
    browser = server.client.get("/", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    if len(page.content) > 200:
        assert browser.headers["content-encoding"] == "br", "at its highest level it is the smallest"
    assert browser.content == page.content
    again = {"If-None-Match": browser.headers["etag"], "Accept-Encoding": "gzip, deflate, br, zstd"}
    assert server.client.get("/", headers=again).status_code == 304
    for path in server.client.get("/").text.split('"'):
        if path.startswith("/page/"):
            part = server.client.get(path, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
            assert part.headers["content-encoding"] == "br"


def test_a_file_of_a_result_is_sent_from_its_copy(server: Server, finished: str) -> None:
    result = server.client.get(f"/api/result/{finished}").json()
    listed = {file["path"]: file for file in result["files"]}
    url = listed["model.glb"]["url"]
    folder = next((server.data / "results" / finished).iterdir())
    assert (folder / "model.glb.zst").exists()
    assert not [path for path in listed if path.endswith((".zst", ".br"))], "copies aren't files of the result"
    whole, packed = server.client.get(url, headers=AS_IT_IS), server.client.get(url, headers=ZSTD)
    assert packed.content == whole.content == (folder / "model.glb").read_bytes()
    assert packed.headers["content-length"] == str((folder / "model.glb.zst").stat().st_size)
    assert packed.headers["etag"] == whole.headers["etag"][:-1] + '-zstd"'
    assert "accept-ranges" not in packed.headers
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    head = server.client.head(url, headers=ZSTD)
    for name in ("content-encoding", "content-length", "etag", "vary"):
        assert head.headers[name] == packed.headers[name]


def test_what_was_sent_from_a_copy_is_good_as_long_as_the_file_is(server: Server, finished: str) -> None:
    url = f"/api/assets/{finished}/model.glb"
    tag = server.client.get(url, headers=ZSTD).headers["etag"]
    again = server.client.get(url, headers={**ZSTD, "If-None-Match": tag})
    assert (again.status_code, again.headers["etag"], again.headers["vary"]) == (304, tag, "Accept-Encoding")


def test_ranges_are_of_the_file_as_it_is_or_as_it_was_begun(server: Server, finished: str) -> None:
    url = f"/api/assets/{finished}/model.glb"
    whole, packed = server.client.get(url, headers=AS_IT_IS), server.client.get(url, headers=ZSTD)
    part = server.client.get(url, headers={**ZSTD, "Range": "bytes=4-11", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content, part.headers["etag"]) == (206, whole.content[4:12], whole.headers["etag"])
    assert "content-encoding" not in part.headers
    # The first half was of the other coding: so is what follows.
    (copy,) = (server.data / "results" / finished).glob("*/model.glb.zst")
    asked = {**ZSTD, "Range": "bytes=4-11", "If-Range": packed.headers["etag"]}
    with server.client.stream("GET", url, headers=asked) as other:
        assert (other.status_code, b"".join(other.iter_raw())) == (206, copy.read_bytes()[4:12])
        assert (other.headers["content-encoding"], other.headers["etag"]) == ("zstd", packed.headers["etag"])
    # It isn't taken any more: the whole, as it is.
    asked["Accept-Encoding"] = "identity"
    assert server.client.get(url, headers=asked).content == whole.content


def test_a_result_from_before_there_were_copies_is_still_sent(server: Server) -> None:
    job_id = server.finished_scan()
    folder = next((server.data / "results" / job_id).iterdir())
    for path in [*folder.rglob("*.zst"), *folder.rglob("*.br")]:
        path.unlink()
    model = server.client.get(f"/api/assets/{job_id}/model.glb", headers=ZSTD)
    assert ("content-encoding" in model.headers, model.content) == (False, (folder / "model.glb").read_bytes())
    cameras = server.client.get(f"/api/assets/{job_id}/cameras.json", headers=ZSTD)
    assert (cameras.headers["content-encoding"], cameras.content) == ("zstd", (folder / "cameras.json").read_bytes())
    tag = {"If-None-Match": cameras.headers["etag"]}
    again = server.client.get(f"/api/assets/{job_id}/cameras.json", headers={**ZSTD, **tag})
    assert (again.status_code, again.headers["etag"]) == (304, cameras.headers["etag"])


def test_another_scale_has_copies_of_its_own(server: Server) -> None:
    job_id = server.finished_scan()
    before = next((server.data / "results" / job_id).iterdir())
    kept = {path.name: path.stat().st_ino for path in before.rglob("*.zst")}
    answer = server.client.put(f"/api/scans/{job_id}/scale", json={"metres_per_unit": 2.0})
    assert answer.status_code == 200, answer.text
    (after,) = (server.data / "results" / job_id).iterdir()
    now = {path.name: path.stat().st_ino for path in after.rglob("*.zst")}
    assert set(now) == set(kept)
    assert now["cameras.json.zst"] == kept["cameras.json.zst"], "that doesn't say metres"
    assert now["model.glb.zst"] != kept["model.glb.zst"]
    url = f"/api/assets/{job_id}/model.glb"
    assert server.client.get(url, headers=ZSTD).content == (after / "model.glb").read_bytes()


def _properties(schema: Any, schemas: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of all fields of a document, however deep."""
    if isinstance(schema, list):
        for part in schema:
            yield from _properties(part, schemas, seen)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
        if name and name not in seen:
            yield from _properties(schemas[name], schemas, seen | {name})
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _properties(part, schemas, seen)


def test_answers_with_secrets_are_never_compressed(tmp_path: Path) -> None:
    """Of what is documented, which is all that answers with JSON: a new route with a token in it is found here."""
    api = create_app(Settings(data_dir=tmp_path)).openapi()
    compression = Compression(lambda *_: None, never=NEVER_COMPRESSED)  # type: ignore[arg-type, return-value]
    found = set()
    for path, operations in api["paths"].items():
        for operation in operations.values():
            answers = json.loads(json.dumps(operation.get("responses", {})))
            fields = set(_properties(answers, api["components"]["schemas"])) - _NO_SECRETS
            if any(name in field for field in fields for name in _SECRET_FIELDS) or "{token}" in path:
                # A file of a shared room holds no link; how to get it does.
                if path.endswith(("/assets/{filename}", "/thumbnail")):
                    continue
                found.add(path)
                assert compression._never is not None
                assert compression._never(path.replace("{", "").replace("}", "")), path
    assert {"/api/auth/login", "/api/auth/refresh", "/api/rooms/{room_id}/shares", "/api/shared/{token}"} <= found
    for path in ("/api/result/x", "/api/rooms", "/api/rooms/7", "/api/shared/x/assets/report.html", "/api/jobs"):
        assert not compression._never(path), path


def test_it_can_be_left_out(tmp_path: Path) -> None:
    off = Settings(data_dir=tmp_path, compression=CompressionSettings(enabled=False))
    assert not [layer for layer in create_app(off).user_middleware if layer.cls is Compression]
    assert [layer for layer in create_app(Settings(data_dir=tmp_path)).user_middleware if layer.cls is Compression]


@pytest.mark.parametrize(
    "values", [{"zstd_level": 20}, {"zstd_level": 0}, {"brotli_quality": 1}, {"gzip_level": 4}, {"minimum_bytes": -1}]
)
def test_levels_have_bounds(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="CompressionSettings"):
        CompressionSettings(**values)  # type: ignore[arg-type]

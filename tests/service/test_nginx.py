"""nginx, with the file of `deploy`, sends files that the service has found. Skipped where there is no nginx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers.nginx import PREFIX, find_program, nginx
from tests.service.fixtures import StartServer
from tests.service.harness import Server

pytestmark = [
    pytest.mark.nginx,
    pytest.mark.skipif(find_program() is None, reason="there is no nginx here: apt-get install nginx-light"),
]


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server(GARAZA_FILES__ACCEL_PREFIX=PREFIX)


@pytest.fixture
def front(server: Server, tmp_path: Path) -> Iterator[httpx2.Client]:
    with nginx(server.address, server.data, tmp_path) as socket:
        transport = httpx2.HTTPTransport(uds=str(socket))
        headers = {"Accept-Encoding": "identity"}
        with httpx2.Client(transport=transport, base_url="http://localhost", headers=headers) as client:
            yield client


@pytest.mark.parametrize("accepted", ["identity", "zstd"])
def test_nginx_sends_what_the_service_would(server: Server, front: httpx2.Client, accepted: str) -> None:
    job_id = server.finished_scan()
    url = server.client.get(f"/api/result/{job_id}").json()["model_asset"]["url"]
    headers = {"Accept-Encoding": accepted}
    redirected = server.client.get(url, headers=headers)
    assert redirected.headers["x-accel-redirect"].startswith(f"{PREFIX}results/{job_id}/")
    assert redirected.content == b""
    (plain,) = server.data.glob(f"results/{job_id}/*/model.glb")
    sent = front.get(url, headers=headers)
    assert (sent.status_code, sent.content) == (200, plain.read_bytes())
    assert "x-accel-redirect" not in sent.headers
    for name in ("etag", "cache-control", "content-type", "last-modified", "x-content-type-options", "referrer-policy"):
        assert sent.headers[name] == redirected.headers[name], name
    assert sent.headers.get("content-encoding") == redirected.headers.get("content-encoding")
    assert sent.headers["content-security-policy"] == redirected.headers["content-security-policy"]
    assert len(sent.headers.get_list("etag")) == len(sent.headers.get_list("cache-control")) == 1
    assert "x-request-id" in sent.headers
    assert "ratelimit-policy" in sent.headers


def test_conditions_and_ranges_are_those_of_the_services_tag(server: Server, front: httpx2.Client) -> None:
    job_id = server.finished_scan()
    url = f"/api/assets/{job_id}/model.glb"
    whole = front.get(url)
    tag, modified, size = whole.headers["etag"], whole.headers["last-modified"], len(whole.content)
    for headers, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Match": tag}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": modified}, 200),
        ({"Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=0-9", "If-Range": tag}, 206),
        ({"Range": "bytes=0-9", "If-Range": modified}, 206),
        ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=0-9", "If-Match": tag}, 206),
        ({"Range": f"bytes={size}-"}, 416),
        ({"Range": "items=0-9"}, 200),
    ):
        answer = front.get(url, headers=headers)
        assert answer.status_code == status, headers
        if status == 206:
            assert (answer.content, answer.headers["etag"]) == (whole.content[:10], tag)
            assert answer.headers["content-range"] == f"bytes 0-9/{size}"
        elif status == 200:
            assert answer.content == whole.content
    head = front.head(url)
    assert (head.status_code, head.headers["etag"], head.headers["content-length"]) == (200, tag, str(size))
    several = front.get(url, headers={"Range": "bytes=0-9,100-109"})
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert whole.content[100:110] in several.content


def test_nobody_gets_at_files_by_that_name(server: Server, front: httpx2.Client) -> None:
    job_id = server.finished_scan()
    (place,) = server.data.glob(f"results/{job_id}/*/model.glb")
    below = place.relative_to(server.data).as_posix()
    for path in (f"{PREFIX}{below}", f"{PREFIX}garaza.db", f"/_garaza_files/../{PREFIX}garaza.db", "/_garaza_files"):
        assert front.get(path).status_code == 404
    forged = {"X-Accel-Redirect": f"{PREFIX}garaza.db", "X-Accel-Buffering": "yes"}
    answer = front.get("/health", headers=forged)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert front.get(f"/api/assets/{job_id}/../../garaza.db").status_code == 404

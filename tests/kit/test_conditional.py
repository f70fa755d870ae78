"""What a client has, or wants only as it was: files, parts of them, and JSON."""

from __future__ import annotations

import asyncio
import email.utils
import os
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message

from garaza.kit import files
from garaza.kit.blobs.local import place_of
from garaza.kit.compression import Compression
from garaza.kit.conditional import EntityTags, Validators, check_read, check_write
from garaza.kit.packed_files import pack_files
from garaza.kit.ranges import MAX_PARTS, wanted_parts
from garaza.kit.stored_files import stored_file_answer, version_of

CONTENT = b"".join(b'{"line": %d}\n' % number for number in range(400))
DIGEST = sha256(CONTENT).hexdigest()
TAG = f'"{DIGEST}"'
ZSTD_TAG = f'"{DIGEST}-zstd"'
SIZE = len(CONTENT)
MODIFIED = 1_700_000_000
DATE = email.utils.formatdate(MODIFIED, usegmt=True)
EARLIER = email.utils.formatdate(MODIFIED - 60, usegmt=True)
LATER = email.utils.formatdate(MODIFIED + 60, usegmt=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def make_place(folder: Path) -> Path:
    place = folder / "lines.json"
    place.write_bytes(CONTENT)
    pack_files(folder, ["lines.json"])
    os.utime(place, (MODIFIED, MODIFIED))
    return place


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_place(tmp_path)


def file_client(place: Path, version: str = "") -> httpx2.AsyncClient:
    async def serve(request: Request) -> Response:
        return await stored_file_answer(
            request.headers,
            place_of(place),
            digest=DIGEST,
            media_type="application/json",
            version=version,
            private=True,
        )

    app = Starlette(routes=[Route("/", serve)])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://there.test")


async def ask(place: Path, method: str = "GET", **headers: str) -> httpx2.Response:
    given = {"Accept-Encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with file_client(place) as client:
        return await client.request(method, "/", headers=given)


# The order of conditions ---------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": TAG}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": f'"a,b", {TAG}'}, 200),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": "rubbish"}, 412),
        ({"If-Match": TAG, "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Unmodified-Since": DATE}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        ({"If-None-Match": TAG}, 304),
        ({"If-None-Match": f"W/{TAG}"}, 304),
        ({"If-None-Match": f'"a,b" , W/"c",{TAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": DIGEST}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200),
        ({"If-Modified-Since": DATE}, 304),
        ({"If-Modified-Since": LATER}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": email.utils.formatdate(MODIFIED).replace("-0000", "+0100")}, 200),
        ({"If-Modified-Since": "Tue Nov 14 22:13:20 2023"}, 304),
        ({"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
        ({"If-Modified-Since": "x" * 5000}, 200),
        ({"If-Match": '"other"', "If-None-Match": TAG}, 412),
        ({"If-Match": TAG, "If-None-Match": TAG}, 304),
        ({"If-None-Match": TAG, "Range": "bytes=0-3"}, 304),
        ({"If-Match": '"other"', "Range": "bytes=0-3"}, 412),
        ({"Range": "bytes=0-3"}, 206),
        ({"Range": "bytes=0-3", "If-Range": TAG}, 206),
        ({"Range": "bytes=0-3", "If-Range": DATE}, 206),
        ({"Range": "bytes=0-3", "If-Range": f"W/{TAG}"}, 200),
        ({"Range": "bytes=0-3", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=0-3", "If-Range": LATER}, 200),
        ({"Range": "bytes=0-3", "If-Range": "rubbish"}, 200),
        ({"Range": f"bytes={SIZE}-"}, 416),
        ({"Range": f"bytes={SIZE}-", "If-Range": '"other"'}, 200),
        ({"Range": "items=0-3"}, 200),
    ],
)
async def test_conditions_are_looked_at_in_the_order_of_the_standard(
    place: Path, headers: dict[str, str], status: int
) -> None:
    async with file_client(place) as client:
        answer = await client.get("/", headers={"Accept-Encoding": "identity", **headers})
    assert answer.status_code == status
    if status == 200:
        assert answer.content == CONTENT
    elif status == 304:
        assert (answer.content, answer.headers["etag"]) == (b"", TAG)
    elif status == 416:
        assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.anyio
async def test_lines_of_a_header_are_one_list(place: Path) -> None:
    async with file_client(place) as client:
        lines = [("Accept-Encoding", "identity"), ("If-None-Match", '"other"'), ("If-None-Match", TAG)]
        assert (await client.get("/", headers=lines)).status_code == 304


@pytest.mark.anyio
async def test_asking_whether_it_is_still_the_same_looks_at_nothing_on_the_disk(tmp_path: Path) -> None:
    """There isn't even a file: the row knows the digest, and that is all that is asked."""
    answer = await ask(tmp_path / "nowhere.json", If_None_Match=TAG)
    assert (answer.status_code, answer.headers["etag"]) == (304, TAG)
    copy = await ask(tmp_path / "nowhere.json", If_None_Match=ZSTD_TAG, Accept_Encoding="zstd")
    assert (copy.status_code, copy.headers["etag"]) == (304, ZSTD_TAG)


@pytest.mark.anyio
async def test_a_304_says_what_a_cache_needs_and_nothing_else(place: Path) -> None:
    async with file_client(place, version_of(DIGEST)) as client:
        answer = await client.get("/", headers={"If-None-Match": TAG})
    assert dict(answer.headers) == {
        "etag": TAG,
        "cache-control": "private, max-age=31536000, immutable",
        "vary": "Accept-Encoding",
    }


@pytest.mark.anyio
@pytest.mark.parametrize("accepted", ["identity", "zstd", "br"])
async def test_head_says_what_get_says(place: Path, accepted: str) -> None:
    whole, head = [await ask(place, method, Accept_Encoding=accepted) for method in ("GET", "HEAD")]
    assert (head.status_code, head.content, dict(head.headers)) == (200, b"", dict(whole.headers))
    # Ranges are something of GET alone (14.2).
    assert (await ask(place, "HEAD", Range="bytes=0-3")).headers["content-length"] == str(SIZE)


# Parts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=10-", [(10, 1000)]),
        ("bytes=-1", [(999, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=990-5000", [(990, 1000)]),
        # Some say so that they want all that there is.
        ("bytes=0-18446744073709551615", [(0, 1000)]),
        ("bytes=-18446744073709551615", [(0, 1000)]),
        ("bytes=1-" + 4090 * "9", [(1, 1000)]),
        ("bytes=1-" + 4400 * "9", None),
        ("BYTES = 1 - 2", [(1, 3)]),
        ("bytes=0-1,,900-901", [(0, 2), (900, 902)]),
        ("bytes=900-901,0-1", [(900, 902), (0, 2)]),
        ("bytes=500-600,0-100,550-700", [(0, 101), (500, 701)]),
        ("bytes=0-9,10-19", [(0, 20)]),
        ("bytes=0-9,5000-", [(0, 10)]),
        ("bytes=0-9,-0", [(0, 10)]),
        ("bytes=" + ",".join(["0-"] * 90), [(0, 1000)]),
        ("bytes=" + ",".join(["0-"] * 101), None),
        ("items=0-1", None),
        ("", None),
    ],
)
def test_what_a_range_means(asked: str, parts: list[tuple[int, int]] | None) -> None:
    assert wanted_parts(asked, 1000) == parts


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1000-",
        "bytes=18446744073709551615-",
        "bytes=-0",
        "bytes=0-9,x",
        "bytes=٣-٤",
    ],
)
def test_what_cannot_be_had_is_refused(asked: str) -> None:
    with pytest.raises(HTTPException) as refused:
        wanted_parts(asked, 1000)
    assert (refused.value.status_code, refused.value.headers) == (416, {"Content-Range": "bytes */1000"})


def test_an_empty_file_has_no_parts() -> None:
    with pytest.raises(HTTPException):
        wanted_parts("bytes=0-", 0)


def test_who_asks_for_many_small_parts_gets_the_whole() -> None:
    scattered = [f"{1000 * number}-{1000 * number}" for number in range(MAX_PARTS + 1)]
    assert wanted_parts("bytes=" + ",".join(scattered), 10**6) is None
    assert len(wanted_parts("bytes=" + ",".join(scattered[1:]), 10**6) or []) == MAX_PARTS


def parts_of(answer: httpx2.Response) -> list[tuple[int, bytes]]:
    """The first byte and the content of each part of a multipart/byteranges."""
    boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
    assert int(answer.headers["content-length"]) == len(answer.content)
    before, *found, end = re.split(rb"(?:\A|\r\n)--" + re.escape(boundary), answer.content)
    assert (before, end) == (b"", b"--\r\n")
    parts = []
    for part in found:
        head, _, body = part.partition(b"\r\n\r\n")
        match = re.search(rb"\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)", head)
        assert match is not None
        assert b"\r\nContent-Type: application/json" in head
        first, last, size = map(int, match.groups())
        assert (len(body), size) == (last - first + 1, SIZE)
        parts.append((first, body))
    return parts


@pytest.mark.anyio
async def test_several_parts_come_in_one_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 7)
    answer = await ask(place, Range="bytes=0-9,1000-1019,-5")
    assert answer.status_code == 206
    assert parts_of(answer) == [(0, CONTENT[:10]), (1000, CONTENT[1000:1020]), (SIZE - 5, CONTENT[-5:])]


@pytest.mark.anyio
async def test_a_copy_that_was_begun_can_be_gone_on_with(place: Path) -> None:
    whole = place.with_name("lines.json.zst").read_bytes()
    async with file_client(place) as client:
        headers = {"Accept-Encoding": "zstd", "Range": "bytes=10-", "If-Range": ZSTD_TAG}
        async with client.stream("GET", "/", headers=headers) as answer:
            rest = b"".join([piece async for piece in answer.aiter_raw()])
    assert (answer.status_code, answer.headers["content-encoding"], rest) == (206, "zstd", whole[10:])
    assert (answer.headers["etag"], answer.headers["content-range"]) == (
        ZSTD_TAG,
        f"bytes 10-{len(whole) - 1}/{len(whole)}",
    )
    # Of another one, or without saying of which, it is the file as it is.
    other = await ask(place, Accept_Encoding="br", Range="bytes=10-", If_Range=ZSTD_TAG)
    assert (other.status_code, other.content, other.headers["etag"]) == (200, CONTENT, TAG)
    plain = await ask(place, Accept_Encoding="zstd", Range="bytes=10-")
    assert (plain.status_code, plain.content, plain.headers["etag"]) == (206, CONTENT[10:], TAG)


@pytest.mark.anyio
async def test_of_a_client_that_has_gone_the_rest_isnt_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 100)
    headers = {"ETag": TAG}
    answer = files.FileAnswer(
        lambda: files.open_file(place), size=SIZE, modified=MODIFIED, media_type="text/plain", headers=headers
    )
    left = asyncio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 3:
            left.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    await answer({"type": "http", "method": "GET", "headers": []}, receive, send)
    assert sum(len(message.get("body", b"")) for message in sent) < SIZE


# Whatever is sent ----------------------------------------------------------------------------------------------------

NUMBER = st.one_of(st.integers(0, SIZE + 10), st.sampled_from([0, 1, SIZE - 1, SIZE, 10**30])).map(str)
SPEC = st.one_of(st.builds("{}-{}".format, NUMBER, NUMBER), NUMBER.map("{}-".format), NUMBER.map("-{}".format))
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
RANGE = st.one_of(st.lists(SPEC, min_size=1, max_size=20).map(lambda specs: "bytes=" + ",".join(specs)), TEXT)
ONE_TAG = st.one_of(
    st.sampled_from([TAG, ZSTD_TAG, f'"{DIGEST}-br"', f"W/{TAG}", "*", '"other"', DATE, EARLIER, LATER]), TEXT
)
TAGS = st.lists(ONE_TAG, min_size=1, max_size=3).map(", ".join)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Range": RANGE,
        "If-Range": ONE_TAG,
        "If-Match": TAGS,
        "If-None-Match": TAGS,
        "If-Modified-Since": ONE_TAG,
        "If-Unmodified-Since": ONE_TAG,
        "Accept-Encoding": st.one_of(st.sampled_from(["zstd", "br", "gzip", "identity;q=0", "zstd, br;q=0.5"]), TEXT),
    },
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=HEADERS, method=st.sampled_from(["GET", "GET", "GET", "HEAD"]))
def test_whatever_is_asked_the_bytes_are_the_right_ones(
    tmp_path_factory: pytest.TempPathFactory, headers: dict[str, str], method: str
) -> None:
    place = tmp_path_factory.getbasetemp() / "fuzz" / "lines.json"
    if not place.exists():
        place.parent.mkdir()
        make_place(place.parent)

    async def fetch() -> tuple[httpx2.Response, bytes]:
        async with file_client(place) as client:
            request = client.build_request(method, "/", headers={"Accept-Encoding": "identity", **headers})
            answer = await client.send(request, stream=True)
            return answer, b"".join([piece async for piece in answer.aiter_raw()])

    answer, body = asyncio.run(fetch())
    assert answer.status_code in {200, 206, 304, 412, 416}
    if answer.status_code in {304, 412, 416} or method == "HEAD":
        assert method == "GET" or body == b""
        return
    coding = answer.headers.get("content-encoding")
    sent = place.with_name({None: "lines.json", "zstd": "lines.json.zst", "br": "lines.json.br"}[coding]).read_bytes()
    assert answer.headers["etag"] == (TAG if coding is None else f'"{DIGEST}-{coding}"')
    assert int(answer.headers["content-length"]) == len(body)
    if answer.status_code == 200:
        assert body == sent
    elif (one := answer.headers.get("content-range")) is not None:
        first, last, size = map(int, re.findall(r"\d+", one))
        assert (body, size) == (sent[first : last + 1], len(sent))
    else:
        answer._content = body
        for first, part in parts_of(answer):
            assert part == sent[first : first + len(part)]


# What is changed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"if-match": TAG}, False),
        ({"if-match": "*"}, False),
        ({"if-match": '"older"'}, True),
        ({"if-match": f"W/{TAG}"}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": f"W/{TAG}"}, True),
        ({"if-none-match": '"older"'}, False),
        ({"if-unmodified-since": EARLIER}, True),
        ({"if-unmodified-since": DATE}, False),
    ],
)
def test_what_may_be_changed(headers: dict[str, str], refused: bool) -> None:
    thing = Validators((TAG,), MODIFIED)
    if refused:
        with pytest.raises(HTTPException, match="412"):
            check_write(Headers(headers), thing)
    else:
        check_write(Headers(headers), thing)


def test_a_date_means_nothing_for_what_has_none() -> None:
    assert check_read(Headers({"if-modified-since": LATER}), Validators((TAG,))) is None


# JSON ----------------------------------------------------------------------------------------------------------------

made = FastAPI()
ROWS = [{"number": number} for number in range(500)]


@made.get("/rows")
async def rows() -> list[dict[str, int]]:
    return ROWS


@made.get("/own")
async def own(response: Response) -> dict[str, int]:
    response.headers.update({"ETag": '"mine"', "Cache-Control": "no-store", "X-Other": "1", "Link": "<x>"})
    return {"a": 1}


@made.get("/error")
async def error() -> Response:
    return JSONResponse({}, 404)


@made.get("/stream")
async def stream() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"[1,"
        yield b"2]"

    return StreamingResponse(pieces(), media_type="application/json")


@made.post("/rows")
async def post() -> dict[str, Any]:
    return {}


made.add_middleware(EntityTags)
made.add_middleware(Compression)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=made), base_url="http://there.test") as client:
        yield client


@pytest.mark.anyio
@pytest.mark.parametrize("accepted", ["identity", "zstd", "gzip"])
async def test_json_that_the_client_has_isnt_sent_again(client: httpx2.AsyncClient, accepted: str) -> None:
    headers = {"Accept-Encoding": accepted}
    first = await client.get("/rows", headers=headers)
    assert (first.json(), first.headers["cache-control"]) == (ROWS, "private, no-cache")
    again = await client.get("/rows", headers={**headers, "If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert set(again.headers) == {"etag", "cache-control", "vary"}
    assert (await client.get("/rows", headers={**headers, "If-None-Match": '"other"'})).status_code == 200


@pytest.mark.anyio
async def test_other_codings_have_other_tags(client: httpx2.AsyncClient) -> None:
    tags = {(await client.get("/rows", headers={"Accept-Encoding": c})).headers["etag"] for c in ("", "zstd", "gzip")}
    assert len(tags) == 3
    assert not any(tag.startswith("W/") for tag in tags)


@pytest.mark.anyio
async def test_what_the_route_says_itself_wins(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/own")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"mine"', "no-store")
    again = await client.get("/own", headers={"If-None-Match": '"mine"'})
    assert (again.status_code, set(again.headers)) == (304, {"etag", "cache-control", "link", "vary"})


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path"), [("GET", "/error"), ("GET", "/stream"), ("POST", "/rows")])
async def test_other_answers_have_none(client: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, headers={"If-None-Match": "*"})
    assert "etag" not in answer.headers
    assert answer.status_code in {200, 404}

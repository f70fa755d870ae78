"""Calls that are answered without FastAPI: to the byte as it answers them, and by the same rules."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from garaza.accounts.models import Role
from garaza.scans.at_once import AnswersAtOnce
from garaza.settings import CacheSettings
from tests.api.whole import StartWhole, Visitor, Whole
from tests.clock import SettableClock

pytestmark = pytest.mark.anyio

_OF_THE_MOMENT = {"x-request-id", "x-process-time", "server-timing", "date"}
_LEFT = re.compile(r";r=\d+;t=\d+")

Line = tuple[bytes, bytes]
Answer = tuple[int, list[tuple[str, str]], bytes]


class Given:
    """How many requests were answered at once."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        answer = AnswersAtOnce._answer

        def noting(middleware: AnswersAtOnce, scope: Any) -> Any:
            found = answer(middleware, scope)
            if found is not None:
                self.of[scope["path"].split("/")[2]] += 1
            return found

        self.noting = noting

    @property
    def count(self) -> int:
        return self.of.total()


@pytest.fixture
def at_once() -> Iterator[Given]:
    given = Given()
    with mock.patch.object(AnswersAtOnce, "_answer", given.noting):
        yield given


@contextmanager
def by_the_routes() -> Iterator[None]:
    """All is answered by FastAPI."""
    with mock.patch.object(AnswersAtOnce, "_answer", return_value=None):
        yield


async def ask(whole: Whole, method: str, path: str, headers: list[Line], body: bytes = b"") -> Answer:
    """The answer, but for what differs from one moment to the next, its headers in the order they were sent."""
    start: dict[str, Any] = {}
    content = b""
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"garaza.test"), *headers],
        "client": ("192.0.2.1", 50_000),
        "server": ("garaza.test", 80),
    }

    came = False

    async def receive() -> dict[str, Any]:
        nonlocal came
        if came:
            # Nobody leaves.
            await asyncio.Event().wait()
        came = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal content
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            content += message.get("body", b"")

    await whole.app(scope, receive, send)
    lines = [(name.decode(), _LEFT.sub("", value.decode())) for name, value in start["headers"]]
    # That there is such a header is compared; what it says is of this moment.
    lines = [(name, "" if name in _OF_THE_MOMENT else value) for name, value in lines]
    return start["status"], lines, content


def bearer(token: str | None) -> list[Line]:
    return [(b"authorization", f"Bearer {token}".encode())]


async def people(whole: Whole) -> dict[str, list[Line]]:
    """Ways to say who one is."""
    owner, other, gone = await whole.register("owner"), await whole.register("other"), await whole.register("gone")
    admin = await whole.register("admin", role=Role.ADMIN.value)
    closed = await whole.register("closed")
    assert (await gone.post("/api/auth/logout")).status_code == 200
    tokens = whole.app.state.accounts.tokens
    assert owner.token is not None
    claims = tokens.read(owner.token)
    old = tokens.issue(claims.user_id, claims.session_id, -100)
    return {
        "guest": [],
        "owner": bearer(owner.token),
        "other": bearer(other.token),
        "gone": bearer(gone.token),
        "admin": bearer(admin.token),
        "closed": bearer(closed.token),
        "old": bearer(old),
        "none": bearer("x.y.z"),
        "changed": bearer(owner.token[:-3] + "AAA"),
        "small": [(b"authorization", b"bearer  " + owner.token.encode() + b" ")],
        "empty": [(b"authorization", b"")],
        "basic": [(b"authorization", b"Basic eDp5")],
        "twice": [*bearer(owner.token), *bearer(other.token)],
        "odd": [(b"authorization", b"Bearer \xff\xfe")],
        "signed": [(b"signature-input", b"sig=()"), (b"signature", b"sig=::")],
        "signed too": [*bearer(owner.token), (b"signature-input", b'sig=("if-none-match")')],
    }


def conditions(tags: list[str]) -> list[list[Line]]:
    """Headers that ask for this or that, with tags that were given out among them."""
    known = [tag.encode() for tag in tags]
    each = [[(b"if-none-match", tag)] for tag in known]
    return [
        *[[]] * 10,
        *each * 2,
        # Of the file that is asked for most below.
        *each[:2] * 12,
        [(b"if-none-match", b"W/" + known[0])],
        [(b"if-none-match", b'"other", ' + known[-1])],
        [(b"if-none-match", b"*")],
        [(b"if-none-match", b'"other"')],
        [(b"if-none-match", b"nonsense")],
        [(b"if-none-match", b'"other"'), (b"if-none-match", known[0])],
        [(b"if-none-match", known[0]), (b"if-match", known[-1])],
        [(b"if-none-match", known[0]), (b"if-match", b'"other"')],
        [(b"if-none-match", known[0]), (b"if-unmodified-since", b"Sat, 01 Jan 2000 00:00:00 GMT")],
        [(b"if-none-match", known[0]), (b"if-modified-since", b"Sat, 01 Jan 2000 00:00:00 GMT")],
        [(b"if-modified-since", b"Sat, 01 Jan 2050 00:00:00 GMT")],
        [(b"if-none-match", known[0]), (b"range", b"bytes=0-3")],
        [(b"range", b"bytes=0-3")],
        [(b"range", b"bytes=0-3"), (b"if-range", known[0])],
    ]


_CODINGS: list[list[Line]] = [
    [],
    [(b"accept-encoding", b"gzip, deflate, br, zstd")],
    [(b"accept-encoding", b"gzip, deflate, br, zstd")],
    [(b"accept-encoding", b"br")],
    [(b"accept-encoding", b"identity;q=0, gzip")],
    [(b"accept-encoding", b"gzip"), (b"accept-encoding", b"zstd;q=0")],
]
_BODIES: list[tuple[list[Line], bytes]] = [
    *[([], b"")] * 30,
    ([(b"content-length", b"0")], b""),
    ([(b"content-length", b"5")], b"12345"),
    ([(b"content-length", b"5000000")], b"12345"),
    ([(b"content-length", b"x")], b""),
    ([(b"transfer-encoding", b"chunked")], b"12345"),
]


async def compared(whole: Whole, seed: int, count: int) -> None:
    """Many requests, each by the routes, then twice as it comes."""
    who = await people(whole)
    owner = Visitor("owner", whole.guest().client, 1, who["owner"][0][1].decode().removeprefix("Bearer "))
    mine, theirs = await whole.finished(owner), await whole.finished()
    waiting, uploaded = await whole.queued(owner), await whole.uploaded(owner)
    result = (await owner.get(f"/api/result/{mine}")).json()
    version = re.findall(r"v=([0-9a-f]+)", str(result))[0]
    files = ["model.glb", "point_cloud.ply", "result.json", "nothing.glb", "", "../x", "model.glb/"]
    paths = [f"/api/status/{job}" for job in (mine, theirs, waiting, uploaded, "x" * 22, "0", "", f"{mine}/", "status")]
    paths += [f"/api/status/{mine}?fields=status", f"/api/status?ids={mine}", "/api/status", f"/api/status/{mine}\n"]
    paths += [f"/api/assets/{job}/{file}" for job in (mine, theirs) for file in files]
    queries = (f"v={version}", "v=0", "v=", "v", f"v=0&v={version}", f"v={version}&x=1", "v=%30", "x")
    paths += [f"/api/assets/{mine}/model.glb?{query}" for query in queries]
    paths += [f"/api/assets/{waiting}/model.glb", f"/api/assets/{mine}", f"/api/assets//{mine}/model.glb"]
    hot = [f"/api/status/{mine}", f"/api/status/{theirs}", f"/api/assets/{mine}/model.glb?v={version}"] * 12
    tags: list[str] = []
    for path in (f"/api/assets/{mine}/model.glb", f"/api/assets/{theirs}/point_cloud.ply", f"/api/status/{mine}"):
        for codings in _CODINGS:
            _, lines, _ = await ask(whole, "GET", path, [*who["owner"], *codings])
            tags += [value for name, value in lines if name == "etag" and value not in tags]
    asked = conditions(tags)
    chance = random.Random(seed)
    for _ in range(count):
        method = chance.choice(["GET"] * 8 + ["HEAD", "POST"])
        name = chance.choice([*["guest", "owner", "owner"] * 6, *who])
        length, body = chance.choice(_BODIES)
        headers = [*who[name], *chance.choice(asked), *chance.choice(_CODINGS), *length]
        chance.shuffle(headers)
        request = (method, chance.choice([*hot, *paths]), headers, body)
        with by_the_routes():
            expected = await ask(whole, *request)
        for _ in range(2):
            assert await ask(whole, *request) == expected, request


async def test_answers_are_those_of_the_routes(whole: Whole, at_once: Given) -> None:
    await compared(whole, seed=1, count=500)
    # On PostgreSQL without a Redis there are no copies.
    hot = whole.database.dialect == "sqlite"
    assert (at_once.of["status"] > 50, at_once.of["assets"] > 20) == (hot, hot)


@pytest.mark.parametrize(
    "groups",
    [
        {"cache": CacheSettings(enabled=False)},
        {"conditional": {"enabled": False}},
        {"compression": {"enabled": False}},
        {"monitoring": {"enabled": False}, "rate_limits": {"enabled": False}},
        {"files": {"accel_prefix": "/files/"}},
    ],
    ids=["no copies", "no tags", "no compression", "no watching", "a proxy"],
)
async def test_whatever_is_set(start: StartWhole, at_once: Given, groups: dict[str, Any]) -> None:
    whole = await start(**groups)
    if whole.database.dialect != "sqlite":
        # There are no copies to answer from.
        return
    await compared(whole, seed=2, count=150)
    assert (at_once.count > 20) == ("cache" not in groups)


async def test_nothing_is_told_that_is_over(whole: Whole, at_once: Given, clock: SettableClock) -> None:
    """A scan that has changed, been deleted or run out, a login that has ended or a token that has."""
    ann = await whole.register()
    mine, theirs = await whole.finished(ann), await whole.finished()
    told = [f"/api/status/{mine}", f"/api/status/{theirs}"]
    for path in [*told, *told]:
        assert (await ann.get(path)).status_code == 200
    hot = whole.database.dialect == "sqlite"
    assert at_once.count == (2 if hot else 0)
    assert (await ann.call("DELETE", f"/api/job/{mine}")).status_code == 200
    assert (await ann.get(told[0])).status_code == 404
    clock.now += whole.settings.accounts.guest_hours * 3600 + 1
    ann = await whole.signed_in(ann)
    assert (await ann.get(told[1])).status_code == 404
    job = await whole.finished(ann)
    for _ in range(2):
        assert (await ann.get(f"/api/status/{job}")).status_code == 200
    older = replace(ann)
    clock.now += whole.settings.accounts.access_token_seconds + 60
    assert (await older.get(f"/api/status/{job}")).status_code == 401
    ann = await whole.signed_in(ann)
    for _ in range(2):
        assert (await ann.get(f"/api/status/{job}")).status_code == 200
    assert (await ann.post("/api/auth/logout")).status_code == 200
    assert (await ann.get(f"/api/status/{job}")).status_code == 401
    assert (await whole.guest().get(f"/api/status/{job}")).status_code == 404


async def test_a_copy_that_was_removed_by_hand_is_not_named_for_good(
    start: StartWhole, at_once: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await start(files={"accel_prefix": "/files/"})
    if whole.database.dialect != "sqlite":
        # There are no copies to answer from.
        return
    job_id = await whole.finished()
    (model,) = whole.data.results.glob(f"{job_id}/*/model.glb")
    copy = model.with_name("model.glb.zst")
    copy.unlink(missing_ok=True)
    copy.write_bytes(b"smaller")

    async def sent() -> str:
        answer = await whole.guest().get(f"/api/assets/{job_id}/model.glb", headers={"Accept-Encoding": "zstd"})
        assert answer.status_code == 200
        return answer.headers["x-accel-redirect"].rpartition("/")[2]

    assert {await sent() for _ in range(3)} == {copy.name}
    assert at_once.count == 2
    copy.unlink()
    monkeypatch.setattr("garaza.scans.at_once._SECONDS_TO_HAND_ON", -1.0)
    assert await sent() == model.name


async def test_they_are_counted_and_limited_as_others(start: StartWhole, at_once: Given) -> None:
    whole = await start(rate_limits={"polling_per_minute": 5})
    if whole.database.dialect != "sqlite":
        # There are no copies to answer from.
        return
    job_id = await whole.finished()
    guest = whole.guest()
    seen = [(await guest.get(f"/api/status/{job_id}")).status_code for _ in range(7)]
    assert (seen, at_once.count) == ([200] * 5 + [429] * 2, 4)
    told = (await whole.guest("127.0.0.1").get("/metrics")).text
    assert 'route="/api/status/{job_id}",status="200"} 5.0' in told

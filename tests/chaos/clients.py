"""What clients do meanwhile. They are patient: what gets no answer, or a 503, they ask again, word for word."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx2
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.chaos.world import World

PATIENCE_SECONDS = 150.0
_AGAIN_SECONDS = 0.2
_POLL_SECONDS = 0.4
_BOUNDARY = "chaos"
_SERVER_ERROR, _UNAVAILABLE = 500, 503
ENDED = {"completed", "failed", "cancelled"}


class Wish(StrEnum):
    """What a client wants of a scan that it has asked for."""

    RESULT = "result"
    CANCEL = "cancel"
    CANCEL_AND_ASK_AGAIN = "cancel and ask again"
    DELETE = "delete"


@dataclass
class Scan:
    """What a client wants, and what it knows of it."""

    wish: Wish
    real: bool
    of_account: bool
    upload_seconds: float
    """Over which the upload is stretched."""
    hold_seconds: float
    """For which the double is held up."""
    wish_after_seconds: float
    """From asking to changing one's mind."""
    repeats: bool
    """Everything is sent twice, with the same key."""
    job_id: str | None = None
    uploading: threading.Event = field(default_factory=threading.Event)
    """Set when the upload begins."""
    asked: threading.Event = field(default_factory=threading.Event)
    asks: int = 0
    """That were accepted."""
    cancels: int = 0
    deleted: bool = False
    phase: str = ""


class Line:
    """HTTP to the server of a world, for one thread."""

    def __init__(self, world: World, token: str | None = None) -> None:
        self._world = world
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx2.Client(base_url=world.server.address, timeout=60, trust_env=False, headers=headers)

    def once(self, method: str, path: str, **request: Any) -> httpx2.Response | None:
        """None: there was no answer."""
        began = time.monotonic()
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.TransportError as error:
            self._world.count(f"no answer ({type(error).__name__})")
            return None
        self._world.slowest = max(self._world.slowest, time.monotonic() - began)
        self._world.count(str(answer.status_code))
        if answer.status_code >= _SERVER_ERROR and answer.status_code != _UNAVAILABLE:
            self._world.say_wrong(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        if answer.status_code == _UNAVAILABLE and path != "/ready" and "retry-after" not in answer.headers:
            self._world.say_wrong(f"{method} {path}: 503 without Retry-After: {answer.text[:300]}")
        return answer

    def ask(self, method: str, path: str, make: Callable[[], dict[str, Any]] = dict) -> httpx2.Response:
        """The answer, whatever it takes. `make`: the rest of the request, anew each time."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            answer = self.once(method, path, **make())
            if answer is not None and answer.status_code != _UNAVAILABLE:
                return answer
            time.sleep(_AGAIN_SECONDS)
        msg = f"{method} {path} got no answer in {PATIENCE_SECONDS:.0f} s"
        raise AssertionError(msg)

    def expect(self, status: set[int], method: str, path: str, make: Callable[[], dict[str, Any]] = dict) -> Any:
        answer = self.ask(method, path, make)
        assert answer.status_code in status, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer

    def close(self) -> None:
        self._client.close()


class Client(threading.Thread):
    """Does one scan."""

    def __init__(self, world: World, scan: Scan, token: str) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._scan = scan
        self.max_frames: int | None = 12
        self._line = Line(world, token if scan.of_account else None)

    def run(self) -> None:
        try:
            self._do(self._scan)
        except Exception as error:  # noqa: BLE001 - told with all else
            self._world.say_wrong(f"a client of {self._scan.job_id}: {type(error).__name__}: {error}")
        finally:
            self._scan.asked.set()
            self._scan.uploading.set()
            self._line.close()

    def _do(self, scan: Scan) -> None:
        key = str(uuid.uuid4())
        scan.job_id = job_id = self._upload(key)
        if scan.repeats:
            assert self._upload(key) == job_id, "the same upload became another scan"
        if not scan.real:
            (self._world.control / f"{job_id}.double").touch()
            (self._world.control / f"{job_id}.hold").touch()
        self._process()
        if not scan.real:
            time.sleep(scan.hold_seconds)
            (self._world.control / f"{job_id}.hold").unlink()
        if scan.wish is not Wish.RESULT:
            time.sleep(scan.wish_after_seconds)
        if scan.wish is Wish.DELETE:
            # Asked again after an answer that got lost, it is gone.
            self._line.expect({200, 404}, "DELETE", f"/api/job/{job_id}")
            scan.deleted = True
            return
        if scan.wish in {Wish.CANCEL, Wish.CANCEL_AND_ASK_AGAIN}:
            answer = self._line.expect({200, 409}, "POST", f"/api/jobs/{job_id}/cancel")
            scan.cancels += answer.status_code == 200
            if answer.status_code == 200 and scan.wish is Wish.CANCEL_AND_ASK_AGAIN:
                self._process()
        self._follow()

    def _upload(self, key: str) -> str:
        def make() -> dict[str, Any]:
            headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Idempotency-Key": key}
            return {"content": self._parts(), "headers": headers}

        return str(self._line.expect({200}, "POST", "/api/upload", make).json()["job_id"])

    def _parts(self) -> Iterator[bytes]:
        self._scan.uploading.set()
        disposition = b'Content-Disposition: form-data; name="file"; filename="room.mp4"'
        yield b"--%s\r\n%s\r\n\r\n" % (_BOUNDARY.encode(), disposition)
        clip = self._world.server.clip
        size = len(clip) // 10 + 1
        for begin in range(0, len(clip), size):
            time.sleep(self._scan.upload_seconds / 10)
            yield clip[begin : begin + size]
        yield b"\r\n--%s--\r\n" % _BOUNDARY.encode()

    def _process(self) -> None:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        frames = {} if self.max_frames is None else {"max_frames": self.max_frames}
        wanted = {"json": {"quality": "draft", **frames}, "headers": headers}
        path = f"/api/process/{self._scan.job_id}"
        self._line.expect({200}, "POST", path, lambda: wanted)
        self._scan.asks += 1
        self._scan.asked.set()
        if self._scan.repeats:
            self._line.expect({200}, "POST", path, lambda: wanted)

    def _follow(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            status = self._line.expect({200}, "GET", f"/api/status/{self._scan.job_id}").json()
            self._scan.phase = status["phase"]
            if status["phase"] in ENDED:
                return
            time.sleep(_POLL_SECONDS)
        msg = f"it is still {self._scan.phase} after {PATIENCE_SECONDS:.0f} s"
        raise AssertionError(msg)


class Reader(threading.Thread):
    """Somebody who only looks, all the time, and takes no answer for an answer."""

    def __init__(self, world: World, scans: list[Scan], token: str) -> None:
        super().__init__(daemon=True)
        self._world, self._scans, self._token = world, scans, token
        self.over = threading.Event()

    def run(self) -> None:
        line = Line(self._world, self._token)
        with contextlib.closing(line):
            while not self.over.wait(0.8):
                ids = ",".join(scan.job_id for scan in self._scans if scan.job_id)
                for path in (f"/api/status?ids={ids}", "/api/profile/stats", "/ready", "/health", "/api/jobs"):
                    line.once("GET", path)


def some_scan(dice: random.Random) -> Scan:
    """For the double, and whatever comes to a client's mind."""
    return Scan(
        wish=dice.choices(list(Wish), [5, 2, 2, 2])[0],
        real=False,
        of_account=dice.random() < 0.6,
        upload_seconds=dice.choice([0.0, 0.0, 0.5]),
        hold_seconds=dice.uniform(0, 1.5),
        wish_after_seconds=dice.uniform(0, 2),
        repeats=dice.random() < 0.4,
    )


def real_scan(dice: random.Random) -> Scan:
    """For the real reconstruction."""
    return Scan(
        wish=Wish.RESULT,
        real=True,
        of_account=True,
        upload_seconds=0,
        hold_seconds=0,
        wish_after_seconds=0,
        repeats=dice.random() < 0.3,
    )


def register(world: World) -> str:
    """The token of the only account, which may have as many scans as it likes."""
    line = Line(world)
    who = {"email": "chaos@example.com", "username": "chaos", "password": "correct horse battery"}
    answer = line.expect({200, 201}, "POST", "/api/auth/register", lambda: {"json": who}).json()
    line.close()
    _make_unlimited(world)
    return str(answer["access_token"])


def _make_unlimited(world: World) -> None:
    """A free account has too few scans."""

    async def change() -> None:
        engine = create_async_engine(world.database_url)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE users SET plan = 'enterprise'"))
        await engine.dispose()

    asyncio.run(change())

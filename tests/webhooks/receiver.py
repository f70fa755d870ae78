"""Somebody else's server: takes messages, checks who signed them, and answers as the test has it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from garaza.kit.clock import Clock
from garaza.kit.signing.incoming import Incoming, Policy, SignatureRefused, verify
from tests.service.harness import PATIENCE_SECONDS

Jwks = Callable[[], Awaitable[dict[str, Any]]]
"""Asks for the published keys."""


@dataclass
class Received:
    """A request as it came, and what the receiver made of it."""

    request: Incoming
    refused: str | None

    @property
    def message(self) -> dict[str, Any]:
        return dict(json.loads(self.request.body))

    def header(self, name: str) -> str:
        [value] = [value for key, value in self.request.headers if key.lower() == name.lower()]
        return value


@dataclass
class Gauge:
    """How many requests are under way at several receivers, and were at most."""

    now: int = 0
    most: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, count: int) -> None:
        async with self._news:
            self.now += count
            self.most = max(self.most, self.now)
            self._news.notify_all()

    async def reached(self, count: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.now >= count)


@dataclass
class Receiver:
    """Refuses what isn't signed by a published key, and what it has seen before."""

    jwks: Jwks
    clock: Clock
    gauge: Gauge = field(default_factory=Gauge)
    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """Beginnings of the next answers: status and headers. Once there are none, 204."""
    hold: asyncio.Event | None = None
    """Answers only once it is set."""
    endless: bool = False
    """Answers without an end."""
    sent: int | None = None
    """Bytes of such an answer that went out before the other side hung up."""
    _nonces: set[str] = field(default_factory=set)
    _keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?to=me"

    @property
    def accepted(self) -> list[Received]:
        return [each for each in self.received if each.refused is None]

    async def until(self, count: int) -> None:
        """Wait for so many requests."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)

    async def until_hung_up(self) -> int:
        """How much of an endless answer was taken."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(lambda: self.sent is not None)
        assert self.sent is not None
        return self.sent

    async def replay(self, received: Received) -> str:
        """Somebody who listened in sends the same again: the first line of the answer."""
        request = received.request
        lines = [
            f"{request.method} {request.path}?{request.query} HTTP/1.1",
            *(f"{k}: {v}" for k, v in request.headers),
        ]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
        line = await reader.readline()
        writer.close()
        return line.decode().strip()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        await self.gauge.add(1)
        try:
            request = await _read(reader)
            refused = await self._check(request)
            async with self._news:
                self.received.append(Received(request, refused))
                self._news.notify_all()
            if self.hold is not None:
                await self.hold.wait()
            # The next request may come as soon as this one is answered.
            await self.gauge.add(-1)
            with contextlib.suppress(ConnectionError):
                await self._answer(writer, refused)
        finally:
            writer.close()

    async def _check(self, request: Incoming) -> str | None:
        policy = Policy(
            covered=frozenset({"content-type"}),
            tag="garaza-webhook",
            authorities=frozenset({f"127.0.0.1:{self.port}"}),
        )
        try:
            signed = await verify(request, self._find_key, policy, now=self.clock())
        except SignatureRefused as error:
            return error.reason.value
        if signed.nonce in self._nonces:
            return "replayed"
        self._nonces.add(signed.nonce)
        return None

    async def _find_key(self, keyid: str) -> Ed25519PublicKey | None:
        if keyid not in self._keys:
            for jwk in (await self.jwks())["keys"]:
                assert (jwk["kty"], jwk["crv"], jwk["use"]) == ("OKP", "Ed25519", "sig")
                raw = base64.urlsafe_b64decode(jwk["x"] + "=")
                self._keys[jwk["kid"]] = Ed25519PublicKey.from_public_bytes(raw)
        return self._keys.get(keyid)

    async def _answer(self, writer: asyncio.StreamWriter, refused: str | None) -> None:
        if self.endless:
            await self._without_end(writer)
            return
        head = "401 Unauthorized" if refused else self.answers.pop(0) if self.answers else "204 No Content"
        length = "" if head.startswith("204") else "Content-Length: 0\r\n"
        writer.write(f"HTTP/1.1 {head}\r\n{length}Connection: close\r\n\r\n".encode())
        await writer.drain()

    async def _without_end(self, writer: asyncio.StreamWriter) -> None:
        sent = 0
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            async with self._news:
                self.sent = sent
                self._news.notify_all()


async def _read(reader: asyncio.StreamReader) -> Incoming:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    found = {name.lower(): value for name, value in headers}
    path, _, query = target.partition("?")
    return Incoming(
        method=method,
        authority=found["host"],
        path=path,
        query=query,
        headers=headers,
        body=await reader.readexactly(int(found["content-length"])),
        scheme="http",
    )


@asynccontextmanager
async def receiving(jwks: Jwks, clock: Clock, gauge: Gauge | None = None) -> AsyncIterator[Receiver]:
    """One that listens, for a while."""
    receiver = Receiver(jwks, clock, gauge or Gauge())
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        server.close()
        await server.wait_closed()

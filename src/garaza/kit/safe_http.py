"""Requests to addresses that outsiders chose, which must not reach what only this machine or its network can.

A name is looked up once, all that it stands for is checked, and the connection goes to one of those very addresses: a
name that stands for something else a moment later changes nothing. The Host header and what TLS checks remain the
name. There are no redirects, no proxies or certificates from the environment, and every request has bounds in time and
in bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

from garaza.kit.public_addresses import AddressRefused, checked_url, is_public

_TRIED_ADDRESSES = 4

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the numeric addresses of a host's name and port.

Raises:
    OSError: there are none.
"""


class Failure(StrEnum):
    """Why there was no answer."""

    NAME = "name_not_found"
    CONNECT = "not_connected"
    TLS = "certificate"
    TIMEOUT = "timeout"
    NO_ANSWER = "no_answer"


_SENTENCES = {
    Failure.NAME: "The host's name can't be found.",
    Failure.CONNECT: "The host can't be reached, or refuses the connection.",
    Failure.TLS: "No secure connection came about: the host's certificate isn't good for its name, or out of date.",
    Failure.TIMEOUT: "The host didn't answer in time.",
    Failure.NO_ANSWER: "The host broke the connection off, or what it answered is no HTTP.",
}


class ConnectionFailed(Exception):
    """There was no answer; another time there may be. The message is for whoever gave the address."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(_SENTENCES[failure])
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host said."""

    status: int
    """Any; redirects are told, not followed."""
    headers: httpx2.Headers
    body: bytes
    """The beginning, as it was sent: a content coding that the host used unasked is not undone."""
    complete: bool
    """Whether that is the whole body."""


class SafeHttp:
    """See the module. An async context manager; for any number of requests at once.

    Raises nothing but AddressRefused and ConnectionFailed, whatever the address and whoever answers.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        timeout_seconds: float = 10.0,
        max_body_bytes: int = 1 << 16,
        https_only: bool = False,
        allow_private: bool = False,
        max_connections: int = 20,
        resolver: Resolver | None = None,
        public: Callable[[str], bool] = is_public,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Set up; the first reads the system's certificates.

        Args:
            timeout_seconds: for a whole request, from waiting for its turn to the last byte.
            max_body_bytes: of an answer; the rest is not read.
            https_only: refuse http.
            allow_private: call private addresses too.
            max_connections: at the same time; more requests wait.
            resolver: looks names up; the system's by default.
            public: decides about numeric addresses.
            ssl_context: whom to trust; the system's certificates by default.
        """
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._timeout = timeout_seconds
        self._max_body = max_body_bytes
        self._https_only = https_only
        self._allow_private = allow_private
        self._own_resolver = None
        if resolver is None:
            resolver = self._own_resolver = SystemResolver()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or _system_certificates(),
            max_connections=max_connections,
            # A connection is used once. Who answers at a name may change, and so may who asked.
            max_keepalive_connections=0,
            network_backend=_CheckedNetwork(
                resolver,
                (lambda _address: True) if allow_private else public,
            ),
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        max_body_bytes: int | None = None,
    ) -> Answer:
        """Send a request and read its answer.

        Args:
            url: put through `checked_url`. Whoever signs it signs what that gives.
            content: the body.
            max_body_bytes: instead of the client's.

        Raises:
            AddressRefused: the address isn't called.
            ConnectionFailed: there was no answer, or not all of what would have been read of it.
        """
        sent = httpx2.URL(checked_url(url, https_only=self._https_only, allow_private=self._allow_private))
        limit = self._max_body if max_body_bytes is None else max_body_bytes
        all_headers = httpx2.Headers({"Host": sent.netloc.decode("ascii"), **self._headers})
        all_headers.update(headers)
        if content or method not in {"GET", "HEAD"}:
            all_headers["Content-Length"] = str(len(content))
        target = httpcore2.URL(scheme=sent.raw_scheme, host=sent.raw_host, port=sent.port, target=sent.raw_path)
        with _told():
            async with (
                asyncio.timeout(self._timeout),
                self._pool.stream(
                    method,
                    target,
                    headers=all_headers.raw,
                    content=content,
                    # One address that swallows everything shall not use up the time of the others.
                    extensions={"timeout": {"connect": self._timeout / 2}},
                ) as response,
            ):
                body, complete = await _beginning(response, limit)
        return Answer(response.status, httpx2.Headers(response.headers), body, complete)

    async def aclose(self) -> None:
        """Give up all connections."""
        await self._pool.aclose()
        if self._own_resolver is not None:
            self._own_resolver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


@functools.cache
def _system_certificates() -> ssl.SSLContext:
    """One for all: reading them takes longer than anything else that a client needs."""
    return httpx2.create_ssl_context(trust_env=False)


class SystemResolver:
    """Looks names up as the system does, in a few threads of its own.

    A lookup can't be interrupted, and whoever chooses the name may make it take its time. It shall not keep the threads
    that everything else is done in.
    """

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """See `Resolver`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)

    def close(self) -> None:
        """Forget what hasn't begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections to hosts all of whose addresses are allowed."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool]) -> None:
        self._network = httpcore2.AnyIOBackend()
        self._resolver = resolver
        self._allowed = allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """See `httpcore2.AsyncNetworkBackend`."""
        addresses = await self._addresses(host, port)
        share = None if timeout is None else timeout / len(addresses)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def sleep(self, seconds: float) -> None:
        """See `httpcore2.AsyncNetworkBackend`."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found: Sequence[str] = [str(ip_address(host))]
        except ValueError:
            try:
                found = await self._resolver(host, port)
            except (OSError, UnicodeError):
                raise ConnectionFailed(Failure.NAME) from None
        if not found:
            raise ConnectionFailed(Failure.NAME)
        # One that isn't allowed refuses them all: nobody names both by mistake, and which is tried would be chance.
        if not all(map(self._allowed, found)):
            raise AddressRefused("The host's name stands for an address in a private network, which isn't called.")
        return found[:_TRIED_ADDRESSES]


async def _beginning(response: httpcore2.Response, limit: int) -> tuple[bytes, bool]:
    """The first bytes of a body, and whether they are all."""
    gathered = bytearray()
    async for part in response.aiter_stream():
        gathered += part
        if len(gathered) > limit:
            return bytes(gathered[:limit]), False
    return bytes(gathered), True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell the library's failures as ours."""
    try:
        yield
    except (TimeoutError, httpcore2.TimeoutException):
        raise ConnectionFailed(Failure.TIMEOUT) from None
    except httpcore2.ConnectError as error:
        tls = isinstance(error.__cause__ or error.__context__, ssl.SSLError)
        raise ConnectionFailed(Failure.TLS if tls else Failure.CONNECT) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise ConnectionFailed(Failure.NO_ANSWER) from error

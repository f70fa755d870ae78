"""Whoever chooses an address can't make us call what only we can reach, nor keep us waiting or reading without end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import httpcore2
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from garaza.kit.public_addresses import AddressRefused, checked_url, is_public
from garaza.kit.safe_http import ConnectionFailed, Failure, Resolver, SafeHttp, SystemResolver, _CheckedNetwork

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"
"""Both are this machine. In these tests the first one counts as public."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Host:
    """A server that keeps what it is sent, and answers as it is told."""

    def __init__(self, answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self.bodies.append(await reader.readexactly(int(length[0][15:])) if length else b"")
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(writer)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def host(
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]] = OK,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Host]:
    made = Host(answer)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, HERE, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def knows(*answers: Sequence[str]) -> tuple[Resolver, list[str]]:
    """A resolver that gives each of the answers in turn, the last one for ever; and the names it was asked for."""
    asked: list[str] = []

    async def resolve(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def client(
    *answers: Sequence[str],
    resolver: Resolver | None = None,
    timeout_seconds: float = 60,
    max_body_bytes: int = 1000,
    https_only: bool = False,
    allow_private: bool = False,
    ssl_context: ssl.SSLContext | None = None,
) -> SafeHttp:
    return SafeHttp(
        user_agent="test",
        resolver=resolver or knows(*(answers or ([HERE],)))[0],
        public=lambda address: address == HERE,
        timeout_seconds=timeout_seconds,
        max_body_bytes=max_body_bytes,
        https_only=https_only,
        allow_private=allow_private,
        ssl_context=ssl_context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.192", "192.0.2.1", "192.88.99.1",
        "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "100.100.100.200", "168.63.129.16",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
        "2002:a00:1::1", "2002:a9fe:a9fe::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1",
        "", "localhost", "2130706433", "127.1", "8.8.8.8.8", "008.8.8.8", "8.8.8.8/32",
    ],
)  # fmt: skip
def test_these_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8", "2002:808:808::1",
    ],
)  # fmt: skip
def test_these_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://127.1/", "http://0/", "http://017700000001/",
        "http://0177.0.0.1/", "http://127.0.0.1./", "http://127.0.0.1:80/", "http://127。0。0。1/", "http://①②⑦.0.0.1/",
        "http://[::ffff:127.0.0.1]/", "http://[::1]/", "http://[::]/", "http://[fe80::1%25eth0]/",
        "http://[64:ff9b::7f00:1]/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/",
        "http://localhost/", "http://localhost./", "http://LOCALHOST:8000/", "http://a.localhost/", "http://redis/",
        "http://printer.local/", "http://metadata.google.internal/", "http://router.lan/", "http://x.home.arpa/",
        "http://127.0.0.1%00.example.org/", "http://8.8.8.8.8/", "http://1.2.3.256/",
    ],
)  # fmt: skip
async def test_names_for_this_machine_are_refused_before_anything_is_sent(url: str) -> None:
    resolver, asked = knows([HERE])
    async with (
        host() as there,
        SafeHttp(user_agent="test", resolver=resolver, ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http,
    ):
        with pytest.raises(AddressRefused):
            checked_url(url)
        with pytest.raises(AddressRefused):
            await http.request("GET", url)
        with pytest.raises(AddressRefused):
            await http.request("GET", re.sub(r"^(http://[^/]+?)(:\d+)?/", rf"\1:{there.port}/", url))
        assert there.connections == 0
    assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "example.org", "//example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/",
        "javascript:alert(1)", "http://", "http:///path", "http://user@example.org/", "http://a:b@example.org/",
        "http://example.org\\@evil.org/", "http://example.org:0/", "http://example.org:65536/", "http://example.org:x/",
        "http://example.org:-1/", "http://a b.org/", "http://a..org/", "http://.example.org/", "http://-a.org/",
        "http://example.org/\r\nX: y", "http://ex%61mple.org/", f"http://{'a' * 64}.org/", f"http://{'a.' * 130}org/",
        f"http://example.org/{'a' * 3000}", f"http://example.org/{'é' * 1500}", "http://[::g]/", "http://[1:2]/",
        "http://[fe80::1%25eth0]/", "http://exa\x00mple.org/", "http://exam\u2028ple.org/", "http://\ud800.org/",
    ],
)  # fmt: skip
def test_what_is_no_address_on_the_web_is_refused(url: str) -> None:
    for allow_private in (False, True):
        with pytest.raises(AddressRefused) as caught:
            checked_url(url, allow_private=allow_private)
        assert str(caught.value).endswith(".") or "://" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTPS://EXAMPLE.org:443/A?b=C#d", "https://example.org/A?b=C"),
        ("http://example.org:80/", "http://example.org/"),
        ("http://example.org:8080/?", "http://example.org:8080/?"),
        ("https://bücher.example.org/ä b?q=|ü", "https://xn--bcher-kva.example.org/%C3%A4%20b?q=%7C%C3%BC"),
        ("https://example.org/100%?a=%zz%20", "https://example.org/100%25?a=%25zz%20"),
        ("https://example.org/[a]", "https://example.org/%5Ba%5D"),
        ("https://8.8.8.8:8443/x", "https://8.8.8.8:8443/x"),
        ("https://[2606:4700:0::1111]:1/x", "https://[2606:4700:0::1111]:1/x"),
        ("https://example.org./", "https://example.org./"),
        ("https://a_b.example.org/", "https://a_b.example.org/"),
    ],
)
def test_an_address_is_written_as_it_will_be_sent(url: str, sent: str) -> None:
    assert checked_url(url) == sent
    assert checked_url(sent) == sent


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.builds("http://{}/{}".format, st.text(max_size=30), st.text(max_size=30)),
        st.builds("https://example.org:{}/{}".format, st.text(max_size=6), st.text(max_size=60)),
        st.builds("http://[{}]/".format, st.text(alphabet="0123456789abcdef:.%", max_size=30)),
    )
)
def test_nothing_in_an_address_raises_anything_else(text: str) -> None:
    try:
        sent = checked_url(text)
    except AddressRefused:
        return
    assert sent.isascii()
    assert checked_url(sent) == sent
    assert str(httpx2.URL(sent)) == sent


def test_https_alone_may_be_asked_for() -> None:
    assert checked_url("https://example.org/", https_only=True)
    with pytest.raises(AddressRefused, match="https://"):
        checked_url("http://example.org/", https_only=True)


async def test_the_name_is_sent_and_the_checked_address_is_called() -> None:
    resolver, asked = knows([HERE])
    async with host() as there, client(resolver=resolver) as http:
        url = f"http://hooks.example.org:{there.port}/a?b=%20"
        answer = await http.request("POST", url, headers={"X-Own": "1"}, content=b"sent")
    assert (answer.status, answer.body, answer.complete) == (200, b"hello", True)
    assert asked == ["hooks.example.org"]
    head = there.requests[0].decode().lower()
    assert head.startswith("post /a?b=%20 http/1.1\r\n")
    assert f"\r\nhost: hooks.example.org:{there.port}\r\n" in head
    assert "\r\nuser-agent: test\r\n" in head
    assert "\r\nx-own: 1\r\n" in head
    assert there.bodies == [b"sent"]


@pytest.mark.parametrize(
    "answer",
    [[ELSEWHERE], [HERE, ELSEWHERE], [ELSEWHERE, HERE], [HERE, HERE, HERE, HERE, HERE, "::1"], [HERE, "nonsense"]],
)
async def test_one_private_address_refuses_the_name(answer: list[str]) -> None:
    async with host() as there, client(answer) as http:
        with pytest.raises(AddressRefused, match="private"):
            await http.request("GET", f"http://hooks.example.org:{there.port}/")
        assert there.connections == 0


async def test_a_name_that_changes_after_it_was_checked_changes_nothing() -> None:
    """DNS rebinding: public when it is checked, and private when it is asked again."""

    async def staying(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await asyncio.Event().wait()

    resolver, asked = knows([HERE], [ELSEWHERE])
    async with host(staying) as there, client(resolver=resolver) as http:
        url = f"http://hooks.example.org:{there.port}/"
        assert (await http.request("GET", url)).status == 200
        assert len(asked) == 1
        # No connection is kept, so that the next request is checked anew.
        with pytest.raises(AddressRefused):
            await http.request("GET", url)
        assert there.connections == 1
    assert len(asked) == 2


async def test_private_addresses_may_be_allowed() -> None:
    async with host() as there, client([HERE], allow_private=True) as http:
        assert (await http.request("GET", f"http://{HERE}:{there.port}/")).status == 200
        assert (await http.request("GET", f"http://redis:{there.port}/")).status == 200
        with pytest.raises(AddressRefused):
            await http.request("GET", f"http://user@{HERE}:{there.port}/")
        with pytest.raises(AddressRefused):
            await http.request("GET", f"http://127.1:{there.port}/")


async def test_a_literal_address_is_checked_without_a_lookup() -> None:
    async def never(_name: str, _port: int) -> Sequence[str]:
        raise AssertionError

    async with SafeHttp(
        user_agent="test",
        resolver=never,
        public=lambda _address: False,
        ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    ) as http:
        for literal in ("8.8.8.8", "[2606:4700::1111]"):
            with pytest.raises(AddressRefused):
                await http.request("GET", f"http://{literal}/")


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    resolver, _ = knows([ELSEWHERE, HERE])
    async with (
        host() as there,
        SafeHttp(
            user_agent="test",
            resolver=resolver,
            public=lambda _address: True,
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ) as http,
    ):
        assert (await http.request("GET", f"http://hooks.example.org:{there.port}/")).status == 200


async def test_one_address_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float | None]] = []

    async def swallow(
        _network: object, address: str, _port: int, seconds: float | None, *_more: object
    ) -> httpcore2.AsyncNetworkStream:
        tried.append((address, seconds))
        raise httpcore2.ConnectTimeout

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", swallow)
    addresses = ["8.8.8.8", "2606:4700::1111", "1.1.1.1", "1.0.0.1", "8.8.4.4"]
    async with SafeHttp(user_agent="test", resolver=knows(addresses)[0], timeout_seconds=80) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", "http://hooks.example.org/")
    assert caught.value.failure is Failure.TIMEOUT
    assert tried == [(address, 10) for address in addresses[:4]]


async def test_an_ipv6_address_is_named_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = httpcore2.AnyIOBackend.connect_tcp
    called: list[str] = []

    async def detour(
        network: httpcore2.AnyIOBackend, address: str, port: int, *_more: object
    ) -> httpcore2.AsyncNetworkStream:
        called.append(address)
        return await connect(network, HERE, port)

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", detour)
    async with host() as there, SafeHttp(user_agent="test") as http:
        await http.request("GET", f"http://[2606:4700:0::1111]:{there.port}/")
    assert called == ["2606:4700::1111"]
    assert f"\r\nhost: [2606:4700:0::1111]:{there.port}\r\n".encode() in there.requests[0].lower()


async def test_redirects_are_told_and_not_followed() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
    async with host(answer) as there, client() as http:
        told = await http.request("GET", f"http://hooks.example.org:{there.port}/")
        assert (told.status, told.headers["location"]) == (302, "http://127.0.0.1/")
        assert there.connections == 1


async def test_no_more_is_read_than_was_asked_for() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a" * 1000)
            await writer.drain()

    async with host(endless) as there, client(max_body_bytes=1500) as http:
        url = f"http://hooks.example.org:{there.port}/"
        answer = await http.request("GET", url)
        assert (answer.body, answer.complete) == (b"a" * 1500, False)
        answer = await http.request("GET", url, max_body_bytes=0)
        assert (answer.body, answer.complete) == (b"", False)


@pytest.mark.parametrize(("limit", "complete"), [(4, False), (5, True), (6, True)])
async def test_whether_the_body_is_complete_is_exact(limit: int, complete: bool) -> None:
    async with host() as there, client() as http:
        url = f"http://hooks.example.org:{there.port}/"
        answer = await http.request("GET", url, max_body_bytes=limit)
        assert (answer.body, answer.complete) == (b"hello"[:limit], complete)


async def test_what_comes_packed_is_not_unpacked() -> None:
    """A few bytes could become gigabytes."""
    packed = gzip.compress(b"a" * 100_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    async with host(head.encode() + packed) as there, client() as http:
        answer = await http.request("GET", f"http://hooks.example.org:{there.port}/")
    assert answer.body == packed
    assert b"\r\naccept-encoding: identity\r\n" in there.requests[0].lower()


async def test_who_never_ends_is_left() -> None:
    async def silent(_writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def trickling(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def many_heads(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    for answer in (silent, trickling, many_heads):
        async with host(answer) as there, client(timeout_seconds=0.3, max_body_bytes=1 << 20) as http:
            with pytest.raises(ConnectionFailed) as caught:
                await http.request("GET", f"http://hooks.example.org:{there.port}/")
            assert caught.value.failure is Failure.TIMEOUT


async def test_a_lookup_that_never_ends_is_left() -> None:
    async def forever(_name: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with client(resolver=forever, timeout_seconds=0.1) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", "http://hooks.example.org/")
    assert caught.value.failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    ("found", "failure"),
    [([], Failure.NAME), (socket.gaierror(-2, "unknown"), Failure.NAME), (UnicodeError("label"), Failure.NAME)],
)
async def test_a_name_that_is_not_found_is_told(found: list[str] | Exception, failure: Failure) -> None:
    async def resolve(_name: str, _port: int) -> Sequence[str]:
        if isinstance(found, Exception):
            raise found
        return found

    async with client(resolver=resolve) as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", "http://hooks.example.org/")
    assert caught.value.failure is failure


async def test_nobody_listening_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        async with client() as http:
            with pytest.raises(ConnectionFailed) as caught:
                await http.request("GET", f"http://hooks.example.org:{taken.getsockname()[1]}/")
    assert caught.value.failure is Failure.CONNECT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_told(answer: bytes) -> None:
    async with host(answer) as there, client() as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", f"http://hooks.example.org:{there.port}/")
    assert caught.value.failure is Failure.NO_ANSWER


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with host() as there, client() as http:
        assert (await http.request("GET", f"http://hooks.example.org:{there.port}/")).status == 200


async def test_many_requests_at_once_wait_for_each_other() -> None:
    resolver, _ = knows([HERE])
    async with (
        host() as there,
        SafeHttp(
            user_agent="test",
            resolver=resolver,
            public=lambda _address: True,
            max_connections=2,
            timeout_seconds=60,
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ) as http,
    ):
        url = f"http://hooks.example.org:{there.port}/"
        answers = await asyncio.gather(*(http.request("GET", url) for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20


async def test_the_system_resolves_without_a_network() -> None:
    resolver = SystemResolver()
    try:
        assert await resolver("127.0.0.1", 80) == ["127.0.0.1"]
        with pytest.raises(UnicodeError):
            await resolver("a" * 300, 80)
    finally:
        resolver.close()


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f.1", "0", "127.0.0.1", "::ffff:127.0.0.1"])
async def test_what_the_system_finds_is_checked_whatever_the_name_looks_like(name: str) -> None:
    resolver = SystemResolver()
    try:
        async with host() as there:
            with pytest.raises(AddressRefused):
                await _CheckedNetwork(resolver, is_public).connect_tcp(name, there.port)
            assert there.connections == 0
    finally:
        resolver.close()


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Callable[[str], ssl.SSLContext]]:
    """An authority's certificate, and the contexts of servers that it vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    now = dt.datetime.now(dt.UTC)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = (
        builder(name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "authority.pem"
    path.write_bytes(authority.public_bytes(serialization.Encoding.PEM))

    def server(host_name: str) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_name)])
        certificate = (
            builder(subject, own.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host_name)]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(key, hashes.SHA256())
        )
        both = tmp_path / f"{host_name}.pem"
        form = serialization.PrivateFormat.PKCS8
        secret = own.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        both.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context

    return path, server


async def test_tls_asks_for_the_name_and_checks_it(
    certificates: tuple[Path, Callable[[str], ssl.SSLContext]],
) -> None:
    authority, server = certificates
    context = server("hooks.example.org")
    named: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    trusting = ssl.create_default_context(cafile=authority)
    async with host(tls=context) as there, client(https_only=True, ssl_context=trusting) as http:
        assert (await http.request("GET", f"https://hooks.example.org:{there.port}/")).status == 200
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", f"https://other.example.org:{there.port}/")
        assert caught.value.failure is Failure.TLS
        with pytest.raises(AddressRefused):
            await http.request("GET", f"http://hooks.example.org:{there.port}/")
        assert len(there.requests) == 1
    assert named == ["hooks.example.org", "other.example.org"]


async def test_a_certificate_nobody_vouches_for_is_refused(
    certificates: tuple[Path, Callable[[str], ssl.SSLContext]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, server = certificates
    # Whoever sets this means it for other programs, or is somebody else.
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    resolver, _ = knows([HERE])
    async with (
        host(tls=server("hooks.example.org")) as there,
        SafeHttp(user_agent="test", resolver=resolver, public=lambda _address: True) as http,
    ):
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", f"https://hooks.example.org:{there.port}/")
        assert caught.value.failure is Failure.TLS
        assert there.requests == []


async def test_no_tls_where_there_should_be_is_told() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(OK)
        writer.close()

    server = await asyncio.start_server(plain, HERE, 0)
    async with server, client() as http:
        with pytest.raises(ConnectionFailed) as caught:
            await http.request("GET", f"https://hooks.example.org:{server.sockets[0].getsockname()[1]}/")
    assert caught.value.failure in {Failure.TLS, Failure.CONNECT}

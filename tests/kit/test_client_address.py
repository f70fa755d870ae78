"""Whose quota a request counts for."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from garaza.kit.client_address import digest_of, network_of


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_one_place_is_one_client(host: str, network: str) -> None:
    assert network_of(host) == network


def _connection(client: tuple[str, int] | None) -> HTTPConnection:
    return HTTPConnection({"type": "http", "client": client, "headers": []})


def test_the_digest_tells_places_apart_and_not_their_ports() -> None:
    assert digest_of(_connection(("192.0.2.7", 1))) == digest_of(_connection(("192.0.2.7", 2)))
    assert digest_of(_connection(("192.0.2.7", 1))) != digest_of(_connection(("192.0.2.8", 1)))
    assert len(digest_of(_connection(None))) == 64

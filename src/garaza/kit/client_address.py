"""Who sent a request, as far as its address tells."""

from __future__ import annotations

import hashlib
import ipaddress
from functools import lru_cache

from starlette.requests import HTTPConnection
from starlette.types import Scope

_IPV6_SITE_BITS = 64
"""What one household is given: its devices change their addresses within it every day."""


def network_of(host: str) -> str:
    """The address, or of an IPv6 address the /64 that it is in. Other text is its own name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False))
    return str(address)


def digest_of(connection: HTTPConnection | Scope) -> str:
    """`network_of` the client as 64 hexadecimal letters. Counts what comes from one place without writing down which.

    It isn't a secret: all IPv4 addresses are soon tried. It keeps addresses out of backups, logs and curious eyes.
    """
    client = connection.get("client")
    return digest_of_host(client[0] if client else "unknown")


@lru_cache(maxsize=4096)
def digest_of_host(host: str) -> str:
    """The same of an address as text."""
    return hashlib.sha256(network_of(host).encode()).hexdigest()

"""Which addresses outsiders may make a server call: those that anybody on the Internet could call, too."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote

import httpx2

MAX_URL = 2048

# What `ipaddress` takes for global, or does in some versions, and no service for the public lives at.
_NOT_PUBLIC_4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("168.63.129.16/32"),  # the host of a virtual machine at Azure
)
_NOT_PUBLIC_6 = (IPv6Network("2001::/23"), IPv6Network("3fff::/20"))  # protocol assignments, Teredo; documentation
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

_NAME = re.compile(
    r"(?=.{1,253}\.?$)(?:[a-z0-9_](?:[a-z0-9_-]{0,62}(?<!-))?\.)*[a-z0-9_](?:[a-z0-9_-]{0,62}(?<!-))?\.?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = re.compile(r"(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|lan|home\.arpa|onion)")
# RFC 3986; a percent sign only before two hexadecimal digits.
_NOT_IN_TARGET = re.compile(r"%(?![0-9A-Fa-f]{2})|[^0-9A-Za-z._~!$&'()*+,;=:@/?%-]")


class AddressRefused(Exception):
    """An address isn't called, now or later. The message says why, to whoever gave it."""


def checked_url(text: str, *, https_only: bool = False, allow_private: bool = False) -> str:
    """The address as it will be sent: percent-encoded, in ASCII, without fragment and without the scheme's own port.

    Looks nothing up: a name may still turn out to stand for a private address when it is called.

    Args:
        https_only: refuse http.
        allow_private: take addresses and names that only this machine or its network knows.

    Raises:
        AddressRefused: it can't be called, or is known already to be private.
    """
    if len(text) > MAX_URL:
        raise AddressRefused(f"The address is longer than {MAX_URL} characters.")
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise AddressRefused("This is no address that can be read. Give one as in https://example.org/path.") from None
    if url.scheme not in ({"https"} if https_only else {"http", "https"}):
        raise AddressRefused(f"The address has to begin with https://{'' if https_only else ' or http://'}.")
    if url.userinfo:
        raise AddressRefused("The address holds a user name or a password. Give it without.")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise AddressRefused("The port of the address is none.")
    host = _checked_host(url.raw_host.decode("ascii").lower(), allow_private=allow_private)
    port = "" if url.port in {None, {"http": 80, "https": 443}[url.scheme]} else f":{url.port}"
    target = _NOT_IN_TARGET.sub(lambda found: quote(found[0], safe=""), url.raw_path.decode("ascii"))
    sent = f"{url.scheme}://{host}{port}{target}"
    if len(sent) > 2 * MAX_URL:
        raise AddressRefused("The address is too long once it is percent-encoded.")
    return sent


def is_public(text: str) -> bool:
    """Whether a numeric IPv4 or IPv6 address belongs to the public Internet; anything else doesn't."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return _is_public_4(address) if isinstance(address, IPv4Address) else _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in network for network in _NOT_PUBLIC_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_4(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None and not _is_public_4(address.sixtofour):
        return False
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in network for network in _NOT_PUBLIC_6)


def _checked_host(host: str, *, allow_private: bool) -> str:
    private = AddressRefused("The address belongs to a private network, which is not called from here.")
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError:
            raise AddressRefused("The IPv6 address can't be read.") from None
        if "%" in host or not (allow_private or is_public(host)):
            raise private
        return f"[{host}]"
    if _NAME.fullmatch(host) is None:
        raise AddressRefused("The address has no host name that can be looked up.")
    name = host.removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # 127.1, 0x7f.1 and 2130706433 are all 127.0.0.1 to most systems, and to nobody who reads them.
        try:
            IPv4Address(name)
        except ValueError:
            raise AddressRefused("Give an IPv4 address as four decimal numbers.") from None
        if not (allow_private or is_public(name)):
            raise private
        return name
    if not allow_private and ("." not in name or _LOCAL_NAMES.fullmatch(name)):
        raise private
    return host

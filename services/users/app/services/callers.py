"""Who sends a request, as far as that is known without a token."""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Caller:
    address: str
    """What counts as one address: an IPv4 address, or the /64 network that one holder of an IPv6 address has."""
    user_agent: str | None
    """What the client calls itself, up to 255 printable characters."""
    has_gone: Callable[[], Awaitable[bool]]
    """Whether the client has closed the connection."""


def one_address(host: str) -> str:
    """What counts as one address. Anything else than an IP address, such as a socket's path, stays as it is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed, 64), strict=False))

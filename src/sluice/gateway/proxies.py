"""Whose word to take for a client's address.

Each proxy appends to `X-Forwarded-For` the address it was asked from. Only the proxies that the settings name are
believed, so the list is read from its end: the first address there that is no such proxy's is the client's; what
stands before it, the client may have made up.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from multidict import MultiMapping

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# 192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711
_ENTRY = re.compile(r"\[(?P<bracketed>[0-9A-Fa-f:.]+)\](:[0-9]+)?|(?P<v4>[0-9.]+)(:[0-9]+)?|(?P<v6>[0-9A-Fa-f:.]+)")


class TrustedProxies:
    """The proxies that are believed; without any, a client is who the connection comes from."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """Read addresses and networks (CIDR) that are separated by commas.

        Raises `ValueError` with a sentence about the first that is neither.
        """
        return cls(_network(entry.strip()) for entry in text.split(",") if text.strip())

    def client(self, peer: str, headers: MultiMapping[str]) -> str:
        """Give the client's address for a request with these headers that came from `peer`.

        An entry that is no address ends the search: its neighbour, a trusted proxy, is the nearest that is known.
        """
        if not self._networks:
            return peer
        nearest = _address(peer)
        if nearest is None or not self._trusts(nearest):
            return peer
        for entry in reversed(",".join(headers.getall("X-Forwarded-For", ())).split(",")):
            text = entry.strip(" \t")
            if not text:  # an empty element of a list means nothing (RFC 9110, 5.6.1)
                continue
            address = _address(text)
            if address is None:
                break
            nearest = address
            if not self._trusts(address):
                break
        return str(nearest)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError:
        raise ValueError(
            f"'{entry}' is neither an address nor a network such as 10.0.0.0/8 (with no bits set after its prefix)"
        ) from None


def _address(entry: str) -> Address | None:
    """Read an address with or without a port; an IPv4 address in IPv6's clothes (RFC 4291, 2.5.5.2) as what it is."""
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return None
    try:
        address = ip_address(found["bracketed"] or found["v4"] or found["v6"])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address

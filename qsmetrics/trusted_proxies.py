"""Whose word counts on where a request comes from: METRICS_TRUSTED_PROXIES."""

import ipaddress
import re
from dataclasses import dataclass

from qsmetrics.setting_types import comma_separated

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNIX_SOCKET = "unix"
# Some proxies add the port: 192.0.2.1:4711 or [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)


@dataclass(frozen=True)
class TrustedProxies:
    """The addresses of proxies. A peer without an address is one that came by a Unix socket."""

    networks: tuple[_Network, ...] = ()
    unix_socket: bool = False

    def __bool__(self) -> bool:
        return bool(self.networks) or self.unix_socket

    def include(self, peer: str) -> bool:
        if not peer:
            return self.unix_socket
        address = address_of(peer)
        return address is not None and self._hold(address)

    def client_behind(self, peer: str, forwarded_for: str) -> str:
        """Who asks: the last address in X-Forwarded-For that no trusted proxy has.

        Whatever stands before it, its sender made up. What is no address was not written by
        a proxy that means well, so the proxy that passed it on is taken for the client.
        """
        client = peer
        if not self.include(peer):
            return client
        for hop in reversed(forwarded_for.split(",")):
            address = address_of(hop)
            if address is None:
                return client
            client = str(address)
            if not self._hold(address):
                return client
        return client

    def _hold(self, address: _Address) -> bool:
        return any(address in network for network in self.networks)


def address_of(text: str) -> _Address | None:
    """The address, an IPv4 one also where it is written as IPv6; None when it is none."""
    text = text.strip(" \t")
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def trusted_proxies(text: str) -> TrustedProxies:
    """Comma-separated addresses and networks. ValueError says what to write instead."""
    names = comma_separated(text)
    networks = tuple(_network(name) for name in names if name.lower() != UNIX_SOCKET)
    return TrustedProxies(networks, unix_socket=len(networks) < len(names))


def _network(text: str) -> _Network:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        raise ValueError(
            "write the addresses or networks of your proxies, for example "
            "127.0.0.1,10.0.0.0/8,fd00::/8 (or `unix` for a Unix socket)."
        ) from None
    if network.prefixlen == 0:
        raise ValueError(
            "that network is the whole internet, and anybody could claim any address: "
            "write your proxies' own addresses."
        )
    return network

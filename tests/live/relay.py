"""A relay in front of the portal, which remembers what clients really sent."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

_HEAD = re.compile(rb"POST \S+ HTTP/1\.1\r\n((?:[^\r\n]+\r\n)*)\r\n")


class Relay(ThreadingTCPServer):
    """Passes bytes on, both ways, on as many connections as there are."""

    def __init__(self, portal: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.portal = portal
        self.streams: list[bytearray] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def sent(self) -> bytes:
        """All that clients sent, one connection after the other."""
        return b"".join(self.streams)

    def heads(self) -> list[dict[str, str]]:
        """The headers of each request."""
        return [dict(map(_pair, head.splitlines())) for head in _HEAD.findall(self.sent)]


class _Connection(BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        stream = bytearray()
        self.server.streams.append(stream)
        with socket.create_connection(self.server.portal) as portal:
            arguments = (portal, self.request, bytearray())
            back = threading.Thread(target=_pass_on, args=arguments)
            back.start()
            _pass_on(self.request, portal, stream)
            back.join()


@contextmanager
def relaying(host: str, port: int) -> Iterator[Relay]:
    with Relay((host, port)) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
            thread.join()


def _pass_on(source: Any, target: Any, seen: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            seen += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _pair(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.lower(), value.strip()

"""Peers that a portal must bear: each kind many times over, in a process of its own.

A kind is one coroutine, which is begun again whenever the portal has hung up on it.
"""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

from benchmarks.side_process import SideProcess

Kind = Callable[[socket.socket], Awaitable[None]]

_HEAD = b"POST /_qs/usage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
_EXPORT = b"GET /_qs/usage?format=csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_STATIC = (
    b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\n\r\n"
)
_LINE = b'{"model":"hostile"}\n'
_REST = 0.5  # seconds before a peer comes again
_DRIP = 1.0  # seconds between two bytes
_FOR_EVER = 3600.0
_SMALL_WINDOW = 4096


async def silent(peer: socket.socket) -> None:
    await _until_hung_up(peer)


async def half_head(peer: socket.socket) -> None:
    await _send(peer, _HEAD[:40])
    await _until_hung_up(peer)


async def dripping_head(peer: socket.socket) -> None:
    await _drip(peer, _HEAD + b"X: " + b"x" * 10_000)


async def dripping_body(peer: socket.socket) -> None:
    await _send(peer, _HEAD + b"Content-Length: 100000\r\n\r\n")
    await _drip(peer, _LINE * 5000)


async def dripping_chunks(peer: socket.socket) -> None:
    await _send(peer, _HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await _drip(peer, b"1\r\n\n\r\n" * 10_000)


async def half_large_body(peer: socket.socket) -> None:
    """More than a server would gather, and then a byte a second."""
    await _send(peer, _HEAD + b"Content-Length: 10000000\r\n\r\n" + _LINE * 5000)
    await _drip(peer, _LINE * 5000)


async def promised_body(peer: socket.socket) -> None:
    """Waits for "100 Continue", and then sends nothing."""
    await _send(peer, _HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
    await _until_hung_up(peer)


async def reader_that_stops(peer: socket.socket) -> None:
    await _send(peer, _EXPORT)
    await asyncio.sleep(_FOR_EVER)


async def reader_of_a_page_that_stops(peer: socket.socket) -> None:
    await _send(peer, _STATIC)
    await asyncio.sleep(_FOR_EVER)


async def reader_that_drips(peer: socket.socket) -> None:
    await _send(peer, _EXPORT)
    while await asyncio.get_running_loop().sock_recv(peer, 10):
        await asyncio.sleep(_DRIP)


async def asker_that_never_reads(peer: socket.socket) -> None:
    """Many requests on one connection."""
    await _send(peer, b"GET /_qs/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000)
    await asyncio.sleep(_FOR_EVER)


async def flood(peer: socket.socket) -> None:
    """Connects and leaves, again and again."""


KINDS: dict[str, Kind] = {
    kind.__name__.replace("_", " "): kind
    for kind in (
        silent, half_head, dripping_head, dripping_body, dripping_chunks, half_large_body,
        promised_body, reader_that_stops, reader_of_a_page_that_stops, reader_that_drips,
        asker_that_never_reads, flood,
    )
}  # fmt: skip


class HostilePeers(SideProcess):
    """`count` peers, evenly of the kinds of these names, from entry to exit."""

    def __init__(self, host: str, port: int, kinds: list[str], count: int) -> None:
        super().__init__(_work, host, port, kinds, count)

    def wait_until_here(self, seconds: float) -> None:
        """Until each has come once."""
        if not self._pipe.poll(seconds):
            raise TimeoutError("the portal does not let them in")
        self._pipe.recv()


def _work(host: str, port: int, kinds: list[str], count: int, pipe: Connection) -> None:
    asyncio.run(_come(host, port, kinds, count, pipe))


async def _come(host: str, port: int, kinds: list[str], count: int, pipe: Connection) -> None:
    missing = [count]

    def note_arrival() -> None:
        missing[0] -= 1
        if missing[0] == 0:
            pipe.send("here")

    async with asyncio.TaskGroup() as peers:
        for number in range(count):
            kind = KINDS[kinds[number % len(kinds)]]
            peers.create_task(_come_again_and_again(kind, (host, port), note_arrival))
            if number % 20 == 0:
                await asyncio.sleep(0.01)


async def _come_again_and_again(
    kind: Kind, address: tuple[str, int], note_arrival: Callable[[], None]
) -> None:
    is_new = True
    while True:
        with socket.socket() as peer:
            peer.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
            try:
                await asyncio.get_running_loop().sock_connect(peer, address)
                if is_new:
                    is_new = False
                    note_arrival()
                await kind(peer)
            except OSError:
                pass  # hung up on, or the portal is down just now
        await asyncio.sleep(_REST * random.uniform(0.5, 1.5))


async def _send(peer: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, data)


async def _drip(peer: socket.socket, data: bytes) -> None:
    """A byte at a time until the portal says something or has gone."""
    gone = asyncio.ensure_future(_until_hung_up(peer))
    try:
        for place in range(len(data)):
            await _send(peer, data[place : place + 1])
            done, _ = await asyncio.wait([gone], timeout=_DRIP)
            if done:
                return
    finally:
        gone.cancel()


async def _until_hung_up(peer: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(peer, 4096):
        pass

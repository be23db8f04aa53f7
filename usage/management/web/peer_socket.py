"""A socket that waits for its peer no longer than the least rates allow."""

import errno
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from usage.management.web import least_rate
from usage.management.web.least_rate import LeastRate

_LOOK_SECONDS = 1.0  # between two looks at whether others wait
_PATIENCE_WHEN_OTHERS_WAIT = 2.0
_BYTES_AT_ONCE = 131_072


class PeerTooSlow(TimeoutError):
    """The peer sent or read less than it must. Servers take it for a peer that left."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the peer is too slow")


class PeerSocket(socket.socket):
    """`others_wait` tells whether others wait for this peer's thread; `stalls` lets it be held
    by a peer that does not read, or raises PeerTooSlow."""

    others_wait: Callable[[], bool]
    stalls: Callable[["PeerSocket"], Any]

    def begin_request(self) -> None:
        self._reading = least_rate.of_a_body()
        self._writing = least_rate.of_an_answer()

    def receive(self, size: int = 4096) -> bytes | None:
        """What has come already; None if nothing has, and nothing at all from who has left."""
        try:
            return super().recv(size, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    @property
    def is_at_end(self) -> bool:
        """Whether the peer has closed, or hung up, though more may be left to read of it."""
        poll = select.poll()
        poll.register(self, getattr(select, "POLLRDHUP", 0))  # Linux's; others tell a reset
        return bool(poll.poll(0))

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        while True:
            try:
                data = super().recv(size, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLIN, self._reading, self.others_wait)
            else:
                self._reading.earn(len(data))
                return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        rest = self._send_some(memoryview(data))
        if not rest:
            return
        with self.stalls(self):
            while rest:
                self._wait(select.POLLOUT, self._writing, lambda: False)
                rest = self._send_some(rest)

    def say(self, data: bytes) -> None:
        """Send as much as goes at once: to peers that nobody waits for."""
        try:
            super().send(data, socket.MSG_DONTWAIT)
        except OSError:
            pass  # it left, or does not read

    def will_wait_no_longer_than(self, seconds: float) -> None:
        self._reading.shorten(seconds)

    def hang_up(self) -> None:
        """Wakes a thread that waits for the peer."""
        try:
            self.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has left

    def _send_some(self, data: memoryview) -> memoryview:
        """What could not be sent yet."""
        while data:
            try:
                sent = super().send(data[:_BYTES_AT_ONCE], socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            self._writing.earn(sent)
            data = data[sent:]
        return data

    def _wait(self, event: int, rate: LeastRate, others_wait: Callable[[], bool]) -> None:
        poll = select.poll()
        poll.register(self, event)
        waited = 0.0
        while (left := rate.seconds_left) > 0:
            began = time.monotonic()
            is_ready = poll.poll(1000 * min(left, _LOOK_SECONDS))
            seconds = time.monotonic() - began
            rate.spend(seconds)
            waited += seconds
            if is_ready:
                return
            if waited >= _PATIENCE_WHEN_OTHERS_WAIT and others_wait():
                break
        raise PeerTooSlow

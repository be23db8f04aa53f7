"""A connection: what has come on it, and until when it is waited for."""

import fcntl
import struct
import termios
import time
from typing import TYPE_CHECKING, Any

from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from usage.management.web import least_rate
from usage.management.web.arrival import Arrival
from usage.management.web.peer_socket import PeerSocket

if TYPE_CHECKING:
    from usage.management.web.lane import Lane

HEAD_SECONDS = 10.0  # from its first byte to its last
_LEAVING_SECONDS = 2.0  # for the answer to be read before the connection goes
_SECONDS_FOR_A_REST = 0.2  # of a body that nobody wanted
_MOST_IGNORED = 262_144  # bytes of it
_MUCH_UNREAD = 16_384
_PATIENT_SECONDS = 1.0


class _PeerRequest(Request):  # type: ignore[misc]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The main thread said "100 Continue" when the head had come.
        self._expected_100_continue = False


class _Parser(RequestParser):  # type: ignore[misc]
    mesg_class = _PeerRequest

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """A thread does not wait for the rest of a body that nobody wanted."""
        self.unreader.sock.will_wait_no_longer_than(_SECONDS_FOR_A_REST)
        try:
            return bool(super().finish_body(deadline, max_bytes))
        except TimeoutError:
            return False


class Peer(TConn):  # type: ignore[misc]
    """`lane` is the one by which it came to its thread, and `counted_for` whom it counts there."""

    def __init__(self, cfg: Any, sock: PeerSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.initialized = True  # with this parser
        self.parser = _Parser(cfg, sock, client)
        self._address = client[0] if isinstance(client, tuple) else ""
        self.arrival = Arrival()
        self.is_leaving = False
        self.lane: Lane | None = None
        self.is_for_health = False  # it came to the thread that answers nothing else
        self.counted_for = ""
        self._ignored = 0
        self._rate: least_rate.LeastRate | None = None
        self._seen = time.monotonic()

    @property
    def sender(self) -> str:
        """Whom its turns are counted for: an address and a token, posts apart from questions."""
        return f"{self._address} {self.arrival.kind} {self.arrival.authorization!r}"

    @property
    def may_keep_its_thread(self) -> bool:
        """For its next request; health's thread and those for large bodies are for that alone."""
        return not self.is_for_health and not (self.lane is not None and self.lane.is_for_one)

    @property
    def has_given_up(self) -> bool:
        """Left while its request waited for a thread; who waits shortly may have closed one way."""
        has_waited = time.monotonic() - self._seen > _PATIENT_SECONDS
        return has_waited and self.sock.is_at_end

    @property
    def has_much_unread(self) -> bool:
        """Whether answers wait in this machine for the peer to read them."""
        try:
            (unread,) = struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"    "))
        except OSError:  # of systems that cannot tell
            return False
        return bool(unread > _MUCH_UNREAD)

    def wait(self, idle_seconds: float) -> None:
        """The peer's next request is waited for, or the rest of it."""
        self._seen = time.monotonic()
        self._rate = None
        self.timeout = self._seen + (HEAD_SECONDS if self.arrival.has_begun else idle_seconds)

    def leave(self) -> None:
        self.is_leaving = True
        self.timeout = time.monotonic() + _LEAVING_SECONDS

    def take(self, data: bytes) -> None:
        """Bytes that have come; the time for more of them is counted from here."""
        now = time.monotonic()
        if not self.arrival.has_begun:
            self.timeout = now + HEAD_SECONDS
        self.arrival.add(data)
        if self.arrival.has_all_of_head:
            self._measure(now, len(data))
        self._seen = now

    def ignore(self, data: bytes) -> bool:
        """Bytes of a peer that is leaving; False when they are too many."""
        self._ignored += len(data)
        return self._ignored <= _MOST_IGNORED

    def hand_over(self) -> None:
        """What has come goes to the parser, in the thread that serves the peer."""
        self.parser.unreader.unread(bytes(self.arrival.data))
        self.arrival = Arrival()
        self.sock.begin_request()

    def take_back(self) -> None:
        """What the parser has read of the next request."""
        self.arrival = Arrival(self.parser.unreader.take_buffered())

    def _measure(self, now: float, size: int) -> None:
        if self._rate is None:
            self._rate = least_rate.of_a_body()
        else:
            self._rate.spend(now - self._seen)
            self._rate.earn(size)
        self.timeout = now + self._rate.seconds_left

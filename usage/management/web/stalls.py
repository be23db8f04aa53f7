"""Threads whose peers do not read: they take places of long requests, and lose them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from usage.long_requests import NoPlaceFree, ThreadPlace, ThreadPlaces
from usage.management.web.peer_socket import PeerSocket, PeerTooSlow

_LEAST_STALL = 1.0  # seconds; who pauses for less is only far away


class Stalls:
    """An answer that its peer does not read holds a thread only where an export could.

    Where none could, the peer that has stood still longest is hung up on, or else this one.
    """

    def __init__(self, places: ThreadPlaces) -> None:
        self._places = places
        self._since: dict[PeerSocket, float] = {}  # the longest first
        self._mutex = threading.Lock()

    @contextmanager
    def of(self, sock: PeerSocket) -> Iterator[None]:
        place = None if self._places.are_held_here else self._place()
        with self._mutex:
            self._since[sock] = time.monotonic()
        try:
            yield
        finally:
            with self._mutex:
                self._since.pop(sock, None)
            if place is not None:
                place.give_back()

    def _place(self) -> ThreadPlace | None:
        """None in the stead of somebody who is about to lose his."""
        try:
            return self._places.take()
        except NoPlaceFree:
            pass
        with self._mutex:
            sock, since = next(iter(self._since.items()), (None, time.monotonic()))
            if sock is None or time.monotonic() - since < _LEAST_STALL:
                raise PeerTooSlow
            del self._since[sock]
        sock.hang_up()
        return None

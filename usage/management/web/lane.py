"""Requests of one kind that wait for a thread, since their kind holds as many as it may."""

from collections.abc import Callable, Iterator

from usage.management.web.fair_queue import FairQueue
from usage.management.web.peer import Peer


class Lane:
    """`begin` tells whether one more may hold a thread, and counts it; `end` counts it out.

    Only the main thread comes here.
    """

    def __init__(self, begin: Callable[[], bool], end: Callable[[], None], most: int) -> None:
        self._begin, self._end = begin, end
        self._most = most
        self._waiting: FairQueue[Peer] = FairQueue()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, peer: Peer) -> Peer | None:
        """Who must go instead when too many wait: the newest of the sender with the most."""
        self._waiting.put(peer.sender, peer)
        return self._waiting.take_from_largest() if len(self._waiting) > self._most else None

    def begun(self) -> Iterator[Peer]:
        """Those who may have a thread now, in turns between senders."""
        while len(self._waiting) and self._begin():
            peer = self._waiting.take()
            peer.lane = self
            yield peer

    def leave(self, peer: Peer) -> None:
        peer.lane = None
        self._end()


class Share:
    """At most `most` at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def begin(self) -> bool:
        may_begin = self._count < self._most
        self._count += may_begin
        return may_begin

    def end(self) -> None:
        self._count -= 1

"""Requests of one kind that wait for a thread: their kind, or sender, holds as many as may be."""

from collections.abc import Iterator

from usage.management.web.fair_queue import FairQueue
from usage.management.web.peer import Peer
from usage.management.web.share import Share


class Lane:
    """Only the main thread comes here. At most `most` wait, with `most_bytes` altogether.

    Where it `is_for_one`, the thread that a peer gets by it is for one request.
    """

    def __init__(
        self, share: Share, *, most: int, most_bytes: int, is_for_one: bool = False
    ) -> None:
        self._share = share
        self.is_for_one = is_for_one
        self._most, self._most_bytes = most, most_bytes
        self._waiting: FairQueue[Peer] = FairQueue()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, peer: Peer) -> list[Peer]:
        """Who must go because too many wait: the newest of the senders with the most."""
        self._waiting.put(peer.sender, peer)
        self._bytes += len(peer.arrival.data)
        surplus = []
        while len(self._waiting) > self._most or self._bytes > self._most_bytes:
            surplus.append(self._waiting.take_from_largest())
            self._bytes -= len(surplus[-1].arrival.data)
        return surplus

    def begun(self) -> Iterator[Peer]:
        """Those who may have a thread now, in turns between senders."""
        while len(self._waiting):
            peer = self._waiting.take(self._share.begin)
            if peer is None:
                return
            self._bytes -= len(peer.arrival.data)
            peer.lane, peer.counted_for = self, peer.sender
            yield peer

    def leave(self, peer: Peer) -> None:
        peer.lane = None
        self._share.end(peer.counted_for)

"""Peers that hold no thread: how many there may be, and who goes first when there are more."""

import resource
import time
from collections.abc import Iterator

from usage.management.web.peer import Peer

MOST_PEERS = 4096
_MOST_BYTES = 32 * 2**20  # of what has come of their requests, together
_OTHER_FILES = 256  # of the process: the database for each thread, logs, code
_LOOK_SECONDS = 0.5


def raise_file_limit() -> int:
    """Let this process open a file for each peer, where the system permits; how many peers fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_PEERS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MOST_PEERS
    return max(16, min(MOST_PEERS, soft - _OTHER_FILES))


class WaitingRoom:
    """By silence: whoever has been silent longest is the first."""

    def __init__(self) -> None:
        self._peers: dict[Peer, int] = {}  # and the bytes that are held of each
        self._bytes = 0
        self._looked = 0.0

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, peer: Peer) -> bool:
        return peer in self._peers

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers))

    def add(self, peer: Peer) -> None:
        """Also one who is here, and has just said something."""
        self.remove(peer)
        size = len(peer.arrival.data)
        self._peers[peer] = size
        self._bytes += size

    def remove(self, peer: Peer) -> None:
        self._bytes -= self._peers.pop(peer, 0)

    def longest_silent(self) -> Peer | None:
        return next(iter(self._peers), None)

    def over_bytes(self) -> Peer | None:
        """Who has to go because more bytes are held than may be."""
        if self._bytes <= _MOST_BYTES:
            return None
        return next(peer for peer, size in self._peers.items() if size)

    def overdue(self) -> list[Peer]:
        """Those whose time is over; looked for a few times a second at most."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return []
        self._looked = now
        return [peer for peer in self._peers if peer.timeout <= now]

"""Room for posts in memory: when many large ones come at once, they take turns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from threading import Condition
from typing import Self

_ROW_BYTES = 300  # of a record, beside its text
_SAMPLE = 4096


@dataclass
class Room:
    """Bounds what large posts hold together. The oldest of them never waits, so all get on."""

    free: int = 2_000_000  # bytes that each post may take unasked
    shared: int = 8_000_000  # bytes that large posts, but for the oldest, may take together
    # Seconds in which none is done; then a post goes on, lest a slow client hold up all others.
    patience: float = 30.0
    _large: list["PostShare"] = field(default_factory=list)  # by age
    _changed: Condition = field(default_factory=Condition)

    def share(self) -> "PostShare":
        return PostShare(self)

    def admit(self, share: "PostShare") -> None:
        """Wait until the share may be as large as it has become."""
        with self._changed:
            if share not in self._large:
                self._large.append(share)
            while not (share.has_waited_enough or share is self._large[0] or self._has_space()):
                share.has_waited_enough = not self._changed.wait(self.patience)

    def leave(self, share: "PostShare") -> None:
        with self._changed:
            if share in self._large:
                self._large.remove(share)
                self._changed.notify_all()

    def _has_space(self) -> bool:
        return sum(share.size for share in self._large[1:]) <= self.shared


class PostShare:
    """What one post holds, from its first piece until its rows are stored."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0
        self.has_waited_enough = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.size > self._room.free:
            self._room.leave(self)

    def taken_by(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces of a body, each when there is room for what it decodes to."""
        for piece in pieces:
            self.size += _decoded_size(piece)
            if self.size > self._room.free:
                self._room.admit(self)
            yield piece


def _decoded_size(piece: bytes) -> int:
    """A guess, from how many rows begin at its beginning."""
    sample = piece[:_SAMPLE]
    return len(piece) + _ROW_BYTES * sample.count(b"{") * len(piece) // (len(sample) or 1)

"""Questions that take long are answered two at a time: together they would all be slow."""

import threading
from contextlib import ExitStack
from typing import Self

from usage.long_requests import NoPlaceFree, places

# About a quarter of a second: so many rows of sums, or a fifth as many of usage.
DEAR_FROM = 300_000
ROW, BUCKET = 5, 60  # what reading a row and answering a bucket cost, in rows of sums
PATIENCE_SECONDS = 10.0

_dear = threading.Semaphore(2)
_streamed = threading.Semaphore(1)  # among the dear ones


class Turn:
    """That of one answer, from before it is read until it is made, as far as it needs one.

    NoPlaceFree when others need theirs for so long that waiting would be of no use.
    """

    def __init__(self) -> None:
        self._held = ExitStack()
        self._has_any = False

    def take_for(self, cost: int) -> None:
        """Before reading what costs as much as so many rows of sums."""
        if cost >= DEAR_FROM and not self._has_any:
            self._take(_dear)

    def take_to_stream(self) -> None:
        """Before reading what is sent meanwhile, at the client's pace."""
        self._take(_streamed, _dear)

    def give_back(self) -> None:
        self._has_any = False
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def _take(self, *turns: threading.Semaphore) -> None:
        self._has_any = True
        self._held.callback(places.take().give_back)  # since the thread waits, too
        for each in turns:
            if not each.acquire(timeout=PATIENCE_SECONDS):
                raise NoPlaceFree
            self._held.callback(each.release)

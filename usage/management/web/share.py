"""How many threads requests of a kind, or of a sender, may hold."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class Share(Protocol):
    """`begin` counts one more if it may be."""

    def begin(self, sender: str) -> bool: ...
    def end(self, sender: str) -> None: ...


class Most:
    """At most so many at a time, whoever sends them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def begin(self, sender: str) -> bool:
        may_begin = self._count < self._most
        self._count += may_begin
        return may_begin

    def end(self, sender: str) -> None:
        self._count -= 1


class Allowed:
    """As many as somebody else allows."""

    def __init__(self, begin: Callable[[], bool], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end

    def begin(self, sender: str) -> bool:
        return self._begin()

    def end(self, sender: str) -> None:
        self._end()


class Both:
    """What two shares allow."""

    def __init__(self, first: Share, second: Share) -> None:
        self._first, self._second = first, second

    def begin(self, sender: str) -> bool:
        if not self._first.begin(sender):
            return False
        if self._second.begin(sender):
            return True
        self._first.end(sender)
        return False

    def end(self, sender: str) -> None:
        self._first.end(sender)
        self._second.end(sender)


class Halves:
    """A sender holds at most half of the threads, and all but two while there is no other.

    So whoever comes next finds a thread, and a place in the writer's queue.
    """

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._alone, self._half = max(1, threads - 2), max(1, threads // 2)
        self._held: Counter[str] = Counter()
        self._seen: dict[str, float] = {}  # the latest last
        self._clock = clock

    def begin(self, sender: str) -> bool:
        self._note(sender)
        if self._held[sender] >= (self._alone if len(self._seen) == 1 else self._half):
            return False
        self._held[sender] += 1
        return True

    def end(self, sender: str) -> None:
        self._held[sender] -= 1
        if not self._held[sender]:
            del self._held[sender]

    def _note(self, sender: str) -> None:
        now = self._clock()
        self._seen.pop(sender, None)
        self._seen[sender] = now
        while True:
            oldest = next(iter(self._seen))
            is_recent = now - self._seen[oldest] <= _REMEMBERED_SECONDS
            if is_recent and len(self._seen) <= _MOST_REMEMBERED:
                return
            del self._seen[oldest]

"""Requests that may hold a thread for long: exports and dear questions, all threads but two.

Whoever answers one takes a place first. What is stored, and health, need none.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from django.conf import settings

FREE_THREADS = 2  # always left to posts, health and quick questions
LEAST_THREADS = FREE_THREADS + 1  # so that one long request is possible


class NoPlaceFree(Exception):
    """As many long requests as may be are being answered already; the message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "as many exports and large questions as may be are being answered: try again shortly"
        )


class ThreadPlaces:
    """A place for each thread that a long request of this process may hold.

    Large bodies, which arrive as fast as their senders like, hold threads as well: together
    they leave one thread, and neither kind shuts the other out.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._holders: dict[ThreadPlace, int] = {}  # and the thread that took it
        self._bodies = 0
        self._mutex = threading.Lock()

    @property
    def taken(self) -> int:
        return len(self._holders)

    @property
    def are_held_here(self) -> bool:
        """Whether this very thread holds one."""
        with self._mutex:
            return threading.get_ident() in self._holders.values()

    def take(self) -> "ThreadPlace":
        """A place until it is given back; NoPlaceFree at once when there is none."""
        place = ThreadPlace(self)
        with self._mutex:
            if self.taken >= self.most or self.taken + self._bodies > self.most:
                raise NoPlaceFree
            self._holders[place] = threading.get_ident()
        return place

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A place for as long as the block lasts; NoPlaceFree at once when there is none."""
        place = self.take()
        try:
            yield
        finally:
            place.give_back()

    def begin_large_body(self) -> bool:
        """Whether one more may hold a thread now; it does until `end_large_body`."""
        with self._mutex:
            may_begin = self._bodies < self.most and self.taken + self._bodies <= self.most
            self._bodies += may_begin
            return may_begin

    def end_large_body(self) -> None:
        with self._mutex:
            self._bodies -= 1

    def _give_back(self, place: "ThreadPlace") -> None:
        with self._mutex:
            self._holders.pop(place, None)


class ThreadPlace:
    """One of the places; however often it is given back, that counts once."""

    def __init__(self, places: ThreadPlaces) -> None:
        self._places = places

    def give_back(self) -> None:
        self._places._give_back(self)


class WhileSent:
    """The pieces of an answer that holds a place until it is sent, or its reader is gone."""

    def __init__(self, pieces: Iterator[str], place: ThreadPlace) -> None:
        self._pieces = pieces
        self._place = place

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        self._pieces = iter(())  # what was read ahead need not wait for the garbage collector
        self._place.give_back()

    __del__ = close  # of an answer that nobody ever sent


places = ThreadPlaces(max(1, settings.METRICS_THREADS - FREE_THREADS))  # for the whole process

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


class Places:
    """A place for each thread that a long request of this process may hold."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken = 0
        self._mutex = threading.Lock()

    def take(self) -> "Place":
        """A place until it is given back; NoPlaceFree at once when there is none."""
        with self._mutex:
            if self._taken >= self.most:
                raise NoPlaceFree
            self._taken += 1
        return Place(self)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A place for as long as the block lasts; NoPlaceFree at once when there is none."""
        place = self.take()
        try:
            yield
        finally:
            place.give_back()

    def _give_back(self) -> None:
        with self._mutex:
            self._taken -= 1


class Place:
    """One of the places; however often it is given back, that counts once."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places

    def give_back(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            places._give_back()

    __del__ = give_back  # of an answer that nobody ever sent


class WhileSent:
    """The pieces of an answer that holds a place until it is sent, or its reader is gone."""

    def __init__(self, pieces: Iterator[str], place: Place) -> None:
        self._pieces = pieces
        self._place = place

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        self._place.give_back()


places = Places(max(1, settings.METRICS_THREADS - FREE_THREADS))  # for the whole process

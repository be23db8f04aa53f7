"""Short write locks: steps sized by how long the last one held the lock, with rests between."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

HELD_SECONDS = 0.05
# Other programs' writers, of plain SQL, look for SQLite's lock up to 0.1 s apart and do not queue:
# resting as long as it was held gives each look an even chance.
REST_PER_HELD = 1.0
_SHORTEST_REST = 0.01
_LONGEST_REST = 2.0
_TIMES_LONGER_ALONE = 10


class Pace:
    """How much to do in one write transaction, and when the next may begin."""

    def __init__(
        self, *, first: int, most: int, least: int = 1, held_seconds: float = HELD_SECONDS
    ) -> None:
        self.size = min(first, most)
        self._most, self._least = most, least
        self._held_seconds = held_seconds
        self._is_alone = False
        self._rests_until = 0.0

    def note(self, *, is_alone: bool) -> None:
        """Whether nobody else writes, so that larger steps harm nobody."""
        if self._is_alone and not is_alone:
            self.size = max(self._least, self.size // _TIMES_LONGER_ALONE)
        self._is_alone = is_alone

    @contextmanager
    def step(self) -> Iterator[None]:
        """One write transaction, after the rest that the one before it has earned the others."""
        time.sleep(max(0.0, self._rests_until - time.monotonic()))
        with transaction.atomic():
            began = time.monotonic()  # the lock is ours from here on
            yield
        held = time.monotonic() - began
        self._adapt(held)

    def _adapt(self, held: float) -> None:
        seconds = self._held_seconds * (_TIMES_LONGER_ALONE if self._is_alone else 1)
        fitting = int(self.size * seconds / max(held, 0.001))
        self.size = max(self._least, min(fitting, self.size * 2, self._most))
        if connection.vendor == "sqlite":  # elsewhere rows are locked, not the database
            earned = 0.0 if self._is_alone else held * REST_PER_HELD
            rest = min(max(_SHORTEST_REST, earned), _LONGEST_REST)
            self._rests_until = time.monotonic() + rest

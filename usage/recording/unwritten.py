"""What the ledger shall tell of posts that store nothing: held here, written once a second at most.

A post never fails for it. While the database is away it is held, bounded in number, and told later.
"""

import atexit
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial

from usage.database import pool
from usage.database.transactions import short_write_transaction
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.heard import Entry
from usage.recording import ledger

logger = logging.getLogger(__name__)

_EVERY = 1.0  # seconds
_LONGEST_REST = 10.0  # after trouble
_LOCK_WAIT = 0.5  # seconds
_LAST_LOCK_WAIT = 5.0  # at the end of the process
_MOST_ENTRIES = 2_000


class _Unwritten:
    def __init__(self) -> None:
        self.is_in_background = False
        self._be_empty()

    def _be_empty(self) -> None:
        """Also in a forked child: the parent writes its own."""
        self._process = os.getpid()
        self._counts: Counter[Entry] = Counter()
        self._change = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, counts: Mapping[Entry, int]) -> None:
        if self._process != os.getpid():
            self._be_empty()
        with self._change:
            self._hold(counts)
            if self.is_in_background and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                self._thread.start()
                atexit.register(partial(self.write_last, os.getpid()))
        if not self.is_in_background:
            self.write(_LOCK_WAIT)

    def forget(self) -> None:
        with self._change:
            self._counts.clear()

    def write(self, lock_seconds: float) -> bool:
        """Whether nothing waits any more."""
        with self._change:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return True
        try:
            with short_write_transaction(lock_seconds):
                ledger.add(counts)
        except DATABASE_TROUBLE as error:
            logger.info("what was passed over is told later: %s", trouble_of(error))
            with self._change:
                self._hold(counts)
            return False
        return True

    def write_last(self, process: int) -> None:
        """Before the process ends; not in one that was forked from it."""
        if process == os.getpid():
            with pool.beside_pool(_LAST_LOCK_WAIT):
                self.write(_LAST_LOCK_WAIT)

    def _hold(self, counts: Mapping[Entry, int]) -> None:
        for entry, count in counts.items():
            held = entry
            if entry not in self._counts and len(self._counts) >= _MOST_ENTRIES:
                held = ledger.other(entry)
            self._counts[held] += count

    def _run(self) -> None:
        """For as long as the process lives."""
        rest = _EVERY
        while True:
            time.sleep(rest)
            if not self._counts:
                continue
            with pool.beside_pool(_LOCK_WAIT):
                is_written = self.write(_LOCK_WAIT)
            rest = _EVERY if is_written else min(2 * rest, _LONGEST_REST)


_unwritten = _Unwritten()
note = _unwritten.note


def write_in_background() -> None:
    """From now on, on a thread of its own: what servers want, whose clients wait."""
    _unwritten.is_in_background = True


def forget() -> None:
    """What waits, after the tables were emptied."""
    _unwritten.forget()


def write_last() -> None:
    """Before a server's process ends."""
    _unwritten.write_last(os.getpid())

"""A buffer for callers that must not wait for the database: filled here, stored in the back."""

import atexit
import datetime as dt
import logging
import os
import threading
import time
from collections import deque
from typing import Any, Self

from django.db import connection

from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.recording.record import record_batch
from usage.records import UsageRecord, record_from

logger = logging.getLogger(__name__)


class BufferFull(Exception):
    """The database has not kept up for as long as the caller was willing to wait."""


class BufferClosed(Exception):
    """The buffer was closed; make a new one."""


class UsageBuffer:
    """Collects records and stores them in batches on a thread of its own.

    It stores when `flush_rows` rows wait, or when the oldest has waited `flush_seconds`. It
    holds at most `capacity` rows: when the database is slower than the callers, `add` waits.
    Closing it, or leaving the process, stores what is left.
    """

    def __init__(
        self,
        *,
        flush_rows: int = 100,
        flush_seconds: float = 1.0,
        capacity: int = 10_000,
        retry_seconds: float = 0.5,
        close_seconds: float = 30.0,
    ) -> None:
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds
        self._capacity = capacity
        self._retry_seconds = retry_seconds
        self._close_seconds = close_seconds
        self._give_up_at: float | None = None
        self._start_empty()

    def _start_empty(self) -> None:
        """Also in a forked child: the parent stores its own rows, and only it has the thread."""
        self._process = os.getpid()
        self._rows: deque[UsageRecord] = deque()
        self._oldest_at = 0.0
        self._taken = self._stored = self._flush_until = 0  # rows so far, and a flush's goal
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, *, wait_seconds: float | None = None, **fields: Any) -> None:
        """Take one row of the contract's fields; InvalidRow if it cannot be stored.

        Waits for room as long as it takes, or raises BufferFull after `wait_seconds`.
        """
        record = record_from(fields, dt.datetime.now(dt.UTC))
        if self._process != os.getpid():
            self._start_empty()
        with self._changed:
            has_room = self._changed.wait_for(
                lambda: len(self._rows) < self._capacity or self._is_closed, wait_seconds
            )
            if self._is_closed:
                raise BufferClosed("this buffer was closed: make a new one")
            if not has_room:
                raise BufferFull(f"{self._capacity} rows wait for the database already")
            if not self._rows:
                self._oldest_at = time.monotonic()
            self._rows.append(record)
            self._taken += 1
            self._start_thread()
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Store what is buffered now; whether all of it was stored in time."""
        with self._changed:
            goal = self._flush_until = self._taken
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stored >= goal or self._has_ended, timeout)
            return self._stored >= goal

    def close(self) -> int:
        """Store the rest and stop; how many rows could not be stored (logged as an error)."""
        with self._changed:
            if not self._is_closed:
                self._give_up_at = time.monotonic() + self._close_seconds
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            atexit.unregister(self.close)
        if self._rows:
            logger.error("%d buffered usage rows could not be stored", len(self._rows))
        return len(self._rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _is_closed(self) -> bool:
        return self._give_up_at is not None

    @property
    def _has_ended(self) -> bool:
        """Closed, and no thread is left to store anything."""
        return self._is_closed and (self._thread is None or not self._thread.is_alive())

    def _start_thread(self) -> None:
        """Started by the first row, so that a buffer made before a fork works after it."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="usage-buffer", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def _run(self) -> None:
        try:
            while self._wait_until_due():
                if not self._store_some() and not self._may_retry():
                    return
        finally:
            connection.close()

    def _wait_until_due(self) -> bool:
        """Sleep until rows are due; False when the buffer is closed and empty."""
        with self._changed:
            while not (self._is_closed or self._is_due()):
                age = time.monotonic() - self._oldest_at
                self._changed.wait(max(0.0, self._flush_seconds - age) if self._rows else None)
            return bool(self._rows)

    def _is_due(self) -> bool:
        if not self._rows:
            return False
        age = time.monotonic() - self._oldest_at
        enough = len(self._rows) >= self._flush_rows
        is_wanted = self._stored < self._flush_until
        return enough or is_wanted or age >= self._flush_seconds

    def _store_some(self) -> bool:
        """Store a batch; its rows leave the buffer only after the commit."""
        with self._changed:
            batch = list(self._rows)
        try:
            record_batch(batch)
        except DATABASE_TROUBLE as error:
            logger.warning("%d usage rows wait for the database: %s", len(batch), trouble_of(error))
            connection.close()
            return False
        with self._changed:
            for _ in batch:
                self._rows.popleft()
            self._stored += len(batch)
            self._oldest_at = time.monotonic()
            self._changed.notify_all()
        return True

    def _may_retry(self) -> bool:
        with self._changed:
            if self._give_up_at is not None and time.monotonic() >= self._give_up_at:
                return False
            self._changed.wait(self._retry_seconds)
            return True

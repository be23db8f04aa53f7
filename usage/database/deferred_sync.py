"""Short commits of work that is done again where the power fails before it is on the disk.

SQLite waits for its disk with each commit, and now and then a commit copies its log to the file as
well. Both make others wait for the lock, or for the disk, in the middle of many small commits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from usage.database import storage
from usage.database.sqlite_log import bytes_in_log

_LARGEST_LOG = 12 * 2**20  # bytes; others' commits copy it from 16 MiB on
_LARGEST_LOG_ALONE = 32 * 2**20  # fewer copies of pages that change again and again
_TRIED_AGAIN_AFTER = 2**20  # where somebody reads on, so that the log cannot begin anew


@contextmanager
def deferred_sync() -> Iterator[Callable[[], bool]]:
    """Commits within last once a later one of others waits for the disk, or the log is copied.

    What it gives is to be called between transactions: it copies the log when that is due, and
    says whether nobody else has written since the last time, who might have to wait.
    """
    file = storage.file()
    if file is None or connection.in_atomic_block:
        yield lambda: False
        return
    log = _Log(file.with_name(f"{file.name}-wal"))
    usual = {name: _pragma(name) for name in ("synchronous", "wal_autocheckpoint")}
    _pragma("synchronous = NORMAL")
    _pragma("wal_autocheckpoint = 0")
    seen = _pragma("data_version")

    def between() -> bool:
        nonlocal seen
        last, seen = seen, _pragma("data_version")
        is_alone = last == seen
        log.copy_from(_LARGEST_LOG_ALONE if is_alone else _LARGEST_LOG)
        return is_alone

    try:
        yield between
    finally:
        if connection.connection is not None:
            for name, value in usual.items():
                _pragma(f"{name} = {value}")


class _Log:
    """SQLite's, which begins anew with the first commit after all of it was copied."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tried_at: int | None = None  # its bytes when it was copied, in this round

    def copy_from(self, largest: int) -> None:
        """As much of it as nobody reads, where it is so large; nobody waits."""
        size = bytes_in_log(self._path)
        if self._tried_at is not None and size < self._tried_at:
            self._tried_at = None  # another round
        if self._tried_at is not None:
            largest = self._tried_at + _TRIED_AGAIN_AFTER
        if size >= largest:
            _pragma("wal_checkpoint(PASSIVE)")
            self._tried_at = size


def _pragma(text: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {text}")
        found = cursor.fetchone()
    return None if found is None else int(found[0])

"""Short commits of work that is done again where the power fails before it is on the disk.

SQLite waits for its disk with each commit, and now and then a commit copies its log to the file as
well. Both make others wait for the lock, or for the disk, in the middle of many small commits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from usage.database import storage

_LARGEST_LOG = 8 * 2**20  # bytes; other connections copy it from twice as many on
_LARGEST_LOG_ALONE = 4 * _LARGEST_LOG  # pages in the order of the file are copied more quickly


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
    log = file.with_name(f"{file.name}-wal")
    usual = {name: _pragma(name) for name in ("synchronous", "wal_autocheckpoint")}
    _pragma("synchronous = NORMAL")
    _pragma("wal_autocheckpoint = 0")
    seen = _pragma("data_version")

    def between() -> bool:
        nonlocal seen
        last, seen = seen, _pragma("data_version")
        is_alone = last == seen
        _copy(log, _LARGEST_LOG_ALONE if is_alone else _LARGEST_LOG)
        return is_alone

    try:
        yield between
    finally:
        if connection.connection is not None:
            for name, value in usual.items():
                _pragma(f"{name} = {value}")


def _copy(log: Path, largest: int) -> None:
    """As much of it as nobody reads; nobody waits."""
    if log.exists() and log.stat().st_size > largest:
        _pragma("wal_checkpoint(PASSIVE)")


def _pragma(text: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {text}")
        found = cursor.fetchone()
    return None if found is None else int(found[0])

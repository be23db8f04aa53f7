"""Giving the room of removed rows back to the disk; PostgreSQL's autovacuum needs no help."""

import time
from collections.abc import Iterator

from django.db import connection

from usage.database import storage
from usage.database.pace import Pace
from usage.database.transactions import busy_timeout

_NO_AUTO_VACUUM = 0
_FIRST_PAGES = 200
_MOST_PAGES = 5_000
_CHECKPOINT_TRIES = 20
_CHECKPOINT_WAIT = 0.05  # seconds


def file_bytes() -> int | None:
    """The size of the database's file; None where there is no such file."""
    file = storage.file()
    return file.stat().st_size if file is not None and file.is_file() else None


def give_back_space() -> Iterator[int]:
    """Shrink SQLite's file by its free pages; yields how many went in each step.

    A database that the portal made gives them back in short steps. One made by someone else
    is rewritten as a whole, once: that locks writers out meanwhile, and lets every later
    purge take the short steps.
    """
    if connection.vendor != "sqlite":
        return
    free = _pragma("freelist_count")
    if free and _pragma("auto_vacuum") == _NO_AUTO_VACUUM:
        yield _rewrite(free)
    else:
        yield from _give_back_in_steps()
    _empty_the_log()


def _give_back_in_steps() -> Iterator[int]:
    pace = Pace(first=_FIRST_PAGES, most=_MOST_PAGES)
    while free := _pragma("freelist_count"):
        pages = min(pace.size, free)
        with pace.step(), connection.cursor() as cursor:
            for _ in range(pages):  # Python's driver gives up after the first page of (N)
                cursor.execute("PRAGMA incremental_vacuum(1)")
        left = _pragma("freelist_count")
        if left >= free:  # the writers free pages faster than this, or auto_vacuum is FULL
            return
        yield free - left


def _rewrite(free: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
    return free - _pragma("freelist_count")


def _empty_the_log() -> None:
    """Bring the log's pages into the file, which shrinks by it, and cut the log to nothing.

    Cutting locks writers out while it waits for readers, so it waits briefly and tries again.
    """
    _pragma("wal_checkpoint(PASSIVE)")
    with busy_timeout(_CHECKPOINT_WAIT):
        for _ in range(_CHECKPOINT_TRIES):
            was_busy = _pragma("wal_checkpoint(TRUNCATE)")
            if not was_busy:
                return
            time.sleep(5 * _CHECKPOINT_WAIT)


def _pragma(text: str) -> int:
    """The first figure that it answers with."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {text}")
        return int((cursor.fetchone() or (0,))[0])

"""Changing many old rows so that nothing of what they held is left, whatever the engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def overwriting() -> Iterator[None]:
    """SQLite leaves what is removed in the file until something else is written over it."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete")
        before = cursor.fetchone()[0]
        cursor.execute("PRAGMA secure_delete = ON")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA secure_delete = {before}")
            if not connection.in_atomic_block:
                # The log holds pages from before; where readers are busy, later writes replace it.
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

"""One start at a time: two that set up the same database at once would trip over each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from qsmetrics import private_files
from usage.database import place

_ADVISORY_KEY = 7_331_081  # any number, as long as every portal takes the same


@contextmanager
def only_start() -> Iterator[None]:
    """Wait for other portals that are starting on this database, then keep them waiting."""
    file = place.file()
    if file is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_KEY])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_KEY])
        return
    flags = os.O_WRONLY | os.O_CREAT
    lock = os.open(file.with_name(".starting"), flags, private_files.FILE)
    with open(lock, "w"):  # noqa: PTH123
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

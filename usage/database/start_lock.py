"""One start at a time: two that set up the same database at once would trip over each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from qsmetrics import private_files

_ADVISORY_KEY = 7_331_081  # any number, as long as every portal takes the same


@contextmanager
def only_start() -> Iterator[None]:
    """Wait for other portals that are starting on this database, then keep them waiting."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_KEY])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_KEY])
        return
    folder = Path(str(connection.settings_dict["NAME"])).resolve().parent
    flags = os.O_WRONLY | os.O_CREAT
    with open(os.open(folder / ".starting", flags, private_files.FILE), "w") as file:  # noqa: PTH123
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

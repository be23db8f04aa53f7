"""The file of another portal, read as it stands at one moment."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as target
from django.db.migrations.recorder import MigrationRecorder

from usage.fingerprint import fingerprint
from usage.importing.metrics_db import CannotRead, sqlite_errors_explained
from usage.rollups.horizon import PURGED_BEFORE

PAGE = 10_000  # each is a transaction of the target's
_BEFORE_THE_FIRST = -(2**63)

Row = tuple[Any, ...]


def is_portal(file: sqlite3.Connection) -> bool:
    """Whether it is a portal's own database, which has sums; proxies keep rows only."""
    wanted = ("usage_rollups", "usage_series")
    found = file.execute("SELECT name FROM sqlite_master WHERE name IN (?, ?)", wanted)
    return len(found.fetchall()) == len(wanted)


class PortalFile:
    """A portal's file. Within `snapshot` all that is read is of one moment."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self.file = file

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """The portal may go on writing meanwhile; what it writes is for the next import."""
        with sqlite_errors_explained():
            self.file.execute("BEGIN")
            try:
                yield
            finally:
                self.file.execute("ROLLBACK")

    def require_same_version(self) -> None:
        """Tables are copied as they are, so they must be of the version that reads them."""
        applied = self.file.execute("SELECT name FROM django_migrations WHERE app = 'usage'")
        theirs = {name for (name,) in applied}
        ours = {
            name for app, name in MigrationRecorder(target).applied_migrations() if app == "usage"
        }
        if ours - theirs:
            raise CannotRead(
                "the file is of an older version: bring it up to date with "
                "`METRICS_STORAGE_PATH=FILE manage.py migrate`, without DATABASE_URL, then import"
            )
        if theirs - ours:
            raise CannotRead(
                "the file is of a newer version, or this portal's database is not set up: run "
                "`manage.py migrate` of that version here, then import"
            )

    def fingerprint(self) -> str:
        return fingerprint(self.file)

    def purged_before(self) -> dt.datetime | None:
        (text,) = self.file.execute(f"SELECT {PURGED_BEFORE}").fetchone()
        return None if text is None else moment_from_sqlite(text)

    def count(self) -> int:
        return int(self.file.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()[0])

    def pages(self, columns: tuple[str, ...]) -> Iterator[list[Row]]:
        """Every row: its id, then the columns."""
        select = (
            f"SELECT id, {', '.join(columns)} FROM usage_metrics "
            f"WHERE id > ? ORDER BY id LIMIT {PAGE}"
        )
        last = _BEFORE_THE_FIRST
        while page := self.file.execute(select, (last,)).fetchall():
            yield page
            last = page[-1][0]

    def dicts(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a small table."""
        cursor = self.file.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)


def moment_from_sqlite(text: str) -> dt.datetime:
    """A time as SQLite keeps it; ValueError when it is none."""
    found = dt.datetime.fromisoformat(text)
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)

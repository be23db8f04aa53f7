"""The old file: opened read-only, and its rows read page by page."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usage.records import IncomingRow

TABLE = "usage_metrics"
# Only what is ours is read: other columns may hold prompts.
COLUMNS = ("id", *IncomingRow.__struct_fields__)
_REQUIRED = ("timestamp", "model")
_PAGE = 2_000
_WAIT_SECONDS = 10.0
_BEFORE_THE_FIRST = -(2**63)

Row = dict[str, Any]


class CannotRead(Exception):
    """The old file, or the rest of it, is not to be had; says why and what to do."""


@dataclass(frozen=True)
class OldDatabase:
    """A file with a `usage_metrics` table, open for reading."""

    connection: sqlite3.Connection
    columns: tuple[str, ...]

    def count(self) -> int:
        with explained():
            return int(self.connection.execute(f"SELECT COUNT(*) FROM {TABLE}").fetchone()[0])

    def fingerprint(self) -> str | None:
        """The same for every later copy of the file: its first row. None while it has none."""
        with explained():
            first = self.connection.execute(
                f"SELECT rowid, timestamp, model FROM {TABLE} ORDER BY rowid LIMIT 1"
            ).fetchone()
        return None if first is None else hashlib.sha256(ascii(first).encode()).hexdigest()

    def pages(self) -> Iterator[list[Row]]:
        """Every row, in lists of 2,000. CannotRead when the file breaks off, after what came.

        Each list is a statement of its own, so that a proxy that still writes to the file
        is not kept waiting.
        """
        names = ", ".join(f'"{name}"' for name in self.columns)
        select = f"SELECT rowid, {names} FROM {TABLE} WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}"
        last = _BEFORE_THE_FIRST
        while True:
            page: list[Row] = []
            try:
                with explained():
                    for last, *values in self.connection.execute(select, (last,)):  # noqa: B020
                        row = dict(zip(self.columns, values, strict=True))
                        page.append({"id": last, **row})
            except CannotRead:
                yield page
                raise
            if not page:
                return
            yield page


@contextmanager
def opened(path: Path) -> Iterator[OldDatabase]:
    """The old database at `path`; CannotRead says what is wrong with it."""
    _require_file(path)
    connection = _connect(path)
    try:
        # Text that is no UTF-8 becomes a bad row, not the end of the import.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        with explained():
            yield OldDatabase(connection, _columns(connection, path))
    finally:
        connection.close()


def _require_file(path: Path) -> None:
    if not path.exists():
        raise CannotRead(f"{path} does not exist: give the path of the old metrics.db")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no ordinary file"
        raise CannotRead(f"{path} is {kind}: give the path of the old metrics.db")
    try:
        path.open("rb").close()
    except OSError as error:
        raise CannotRead(f"{path} cannot be opened ({error.strerror})") from None


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. A file in WAL mode in a read-only folder opens only as immutable."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise CannotRead(_explanation(error)) from None
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise CannotRead(
                f"the latest rows are in {log.name}, which cannot be read in a read-only folder: "
                "copy both files to a folder that is writable, and import from there"
            ) from None
        connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise CannotRead(f"{path}: {_explanation(error)}") from None
    return connection


def _columns(connection: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    """The columns of the table that are ours."""
    kind = connection.execute(
        "SELECT type FROM sqlite_master WHERE lower(name) = ?", (TABLE,)
    ).fetchone()
    if kind is None:
        raise CannotRead(f"{path} holds no table {TABLE}: is it the proxy's metrics.db?")
    there = {row[1].lower() for row in connection.execute(f"PRAGMA table_info({TABLE})")}
    for name in _REQUIRED:
        if name not in there:
            raise CannotRead(f"{TABLE} in {path} has no column {name}, so nothing can be imported")
    if kind[0] == "view" or not _has_rowid(connection):
        raise CannotRead(
            f"{TABLE} in {path} is a view or WITHOUT ROWID: copy it to a plain table first"
        )
    return tuple(name for name in COLUMNS if name in there)


def _has_rowid(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM {TABLE} LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


@contextmanager
def explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise CannotRead(_explanation(error)) from None


def _explanation(error: sqlite3.Error) -> str:
    text = str(error).lower()
    if "not a database" in text:
        return "this is no SQLite database, or an encrypted one"
    if "locked" in text or "busy" in text:
        return "the old file is busy: stop the proxy that writes to it, or try again shortly"
    if "malformed" in text or "corrupt" in text:
        return (
            "the old file is damaged: `sqlite3 metrics.db .recover | sqlite3 mended.db` saves what "
            "can be saved, then import mended.db"
        )
    return f"the old file cannot be read ({error})"

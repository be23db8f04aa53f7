"""An old SQLite file: opened read-only, and the rows of its tables read page by page."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usage.importing import proxy_row
from usage.importing.source import PAGE, CannotRead, Context, RowPage, Source
from usage.incoming_row import IncomingRow
from usage.records import UsageRecord

__all__ = [
    "CannotRead",
    "MetricsTable",
    "Table",
    "columns_of",
    "connected",
    "sqlite_errors_explained",
]

TABLE = "usage_metrics"
# Only what is ours is read: other columns may hold prompts.
COLUMNS = ("id", *IncomingRow.__struct_fields__)
_REQUIRED = ("timestamp", "model")
_WAIT_SECONDS = 10.0
_BEFORE_THE_FIRST = -(2**63)

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of an old file, and those of its columns that are read."""

    connection: sqlite3.Connection
    name: str
    columns: tuple[str, ...]
    known_by: tuple[str, ...] = _REQUIRED  # columns of the first row that tell files apart

    def count(self) -> int:
        with sqlite_errors_explained():
            return int(self.connection.execute(f"SELECT COUNT(*) FROM {self.name}").fetchone()[0])

    def fingerprint(self) -> str | None:
        """The same for every later copy of the file: its first row. None while it has none."""
        with sqlite_errors_explained():
            first = self.connection.execute(
                f"SELECT rowid, {', '.join(self.known_by)} FROM {self.name} ORDER BY rowid LIMIT 1"
            ).fetchone()
        return None if first is None else hashlib.sha256(ascii(first).encode()).hexdigest()

    def pages(self) -> Iterator[RowPage]:
        """Every row, as a dict. CannotRead when the file breaks off, after what came.

        Each page is a statement of its own, so that a proxy that still writes to the file
        is not kept waiting.
        """
        names = ", ".join(f'"{name}"' for name in self.columns)
        select = (
            f"SELECT rowid, {names} FROM {self.name} WHERE rowid > ? ORDER BY rowid LIMIT {PAGE}"
        )
        last = _BEFORE_THE_FIRST
        while True:
            page: list[Row] = []
            try:
                with sqlite_errors_explained():
                    for last, *values in self.connection.execute(select, (last,)):  # noqa: B020
                        row = dict(zip(self.columns, values, strict=True))
                        page.append({"id": last, **row})
            except CannotRead:
                yield RowPage(page, len(page))
                raise
            if not page:
                return
            yield RowPage(page, len(page))


class MetricsTable(Source):
    """The table `usage_metrics` of a proxy's file."""

    def __init__(self, connection: sqlite3.Connection, path: Path, context: Context) -> None:
        self._table = Table(connection, TABLE, _columns(connection, path))
        self._context = context

    def total(self) -> int:
        return self._table.count()

    def fingerprint(self) -> str | None:
        return self._table.fingerprint()

    def pages(self) -> Iterator[RowPage]:
        return self._table.pages()

    def record_of(self, row: Row) -> UsageRecord:
        return proxy_row.record_of(row, self._context.zone, self._context.now)

    def described(self, row: Row) -> Mapping[str, Any]:
        return row


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The old database at `path`; CannotRead says what is wrong with it."""
    connection = _connect(path)
    try:
        # Text that is no UTF-8 becomes a bad row, not the end of the import.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        with sqlite_errors_explained():
            yield connection
    finally:
        connection.close()


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
    there = columns_of(connection, TABLE)
    for name in _REQUIRED:
        if name not in there:
            raise CannotRead(f"{TABLE} in {path} has no column {name}, so nothing can be imported")
    if kind[0] == "view" or not _has_rowid(connection):
        raise CannotRead(
            f"{TABLE} in {path} is a view or WITHOUT ROWID: copy it to a plain table first"
        )
    return tuple(name for name in COLUMNS if name in there)


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """Empty when there is no such table."""
    return {row[1].lower() for row in connection.execute(f"PRAGMA table_info({table})")}


def _has_rowid(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(f"SELECT rowid FROM {TABLE} LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


@contextmanager
def sqlite_errors_explained() -> Iterator[None]:
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

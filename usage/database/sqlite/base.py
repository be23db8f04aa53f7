"""The database engine that settings name for SQLite."""

import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from usage.database.files import WatchedConnection, files_of

_LOOKS_EVERY = 0.002  # seconds
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)


class _Cursor(base.SQLiteCursorWrapper):
    """What a statement returns (INSERT … RETURNING) is read before it has ended."""

    connection: WatchedConnection

    def execute(self, query: str, params: Any = None) -> Any:
        result = super().execute(query, params)
        self.connection.statement_ended()
        return result

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        result = super().executemany(query, param_list)
        self.connection.statement_ended()
        return result

    def fetchone(self) -> Any:
        row = super().fetchone()
        self.connection.statement_ended()
        return row

    def fetchmany(self, size: int | None = None) -> list[Any]:
        rows = super().fetchmany(self.arraysize if size is None else size)
        self.connection.statement_ended()
        return rows

    def fetchall(self) -> list[Any]:
        rows = super().fetchall()
        self.connection.statement_ended()
        return rows


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "factory": WatchedConnection}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.is_in_memory_db():
            return super().get_new_connection(conn_params)
        files = files_of(str(self.settings_dict["NAME"]))
        files.before_opening()
        connection = super().get_new_connection(conn_params)
        connection.patience = conn_params.get("timeout", connection.patience)
        try:
            connection.watch(files)
        except BaseException:
            connection.close()
            raise
        return connection

    def create_cursor(self, name: Any = None) -> Any:
        self.connection.require_no_trouble()
        return self.connection.cursor(factory=_Cursor)

    def _start_transaction_under_autocommit(self) -> None:
        """Look for the write lock every few milliseconds for as long as SQLite would wait.

        It sleeps up to 0.1 s between two looks itself, and so misses a lock that others leave as
        often as they hold it, several times in a row.
        """
        raw, was_trouble = self.connection, self.errors_occurred
        begin = super()._start_transaction_under_autocommit  # type: ignore[misc]  # of no stub
        until = time.monotonic() + raw.patience
        raw.set_waiting(0)
        try:
            while not _is_begun(begin, is_last=time.monotonic() > until):
                time.sleep(_LOOKS_EVERY)
            self.errors_occurred = was_trouble
        finally:
            raw.set_waiting(raw.patience)

    def close_if_unusable_or_obsolete(self) -> None:
        """Django asks at the beginning and end of each request."""
        if self.connection is not None and not self.is_in_memory_db():
            files_of(str(self.settings_dict["NAME"])).look()
        super().close_if_unusable_or_obsolete()


def _is_begun(begin: Callable[[], None], *, is_last: bool) -> bool:
    """False where others hold the lock, unless this is the last look."""
    try:
        begin()
    except OperationalError as error:
        if is_last or getattr(error.__cause__, "sqlite_errorcode", None) not in _HELD:
            raise
        return False
    return True

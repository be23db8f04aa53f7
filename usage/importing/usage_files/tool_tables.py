"""The databases of other tools: tables of events, or of a gateway's logs."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from usage.importing.metrics_db import Row, Table, columns_of
from usage.importing.source import Context, RowPage, Skip, Source
from usage.importing.usage_files import gateway_log, tool_event
from usage.importing.usage_files.json_row import RowKind
from usage.records import UsageRecord

# Of CPA Usage Keeper, and of CPA-Manager and CPA-Manager-Plus, which have the second only. The
# oldest events are in the first, so that the file's first row stays the same when some are moved.
_TABLES = ("usage_events_archive", "usage_events")
_SIGNS = frozenset(("event_key", "event_hash"))


class ToolTables(Source):
    def __init__(self, kind: RowKind, tables: list[Table], context: Context) -> None:
        self.what = kind.value
        self._record_of = gateway_log.record_of if kind is RowKind.GATEWAY else tool_event.record_of
        self._tables = tables
        self._context = context

    def total(self) -> int:
        return sum(table.count() for table in self._tables)

    def fingerprint(self) -> str | None:
        return next(filter(None, (table.fingerprint() for table in self._tables)), None)

    def pages(self) -> Iterator[RowPage]:
        for table in self._tables:
            yield from table.pages()

    def record_of(self, row: Row) -> UsageRecord | Skip:
        return self._record_of(row, self._context)

    def described(self, row: Row) -> Mapping[str, Any]:
        return {**row, "id": f"row {row['id']}"}


def tool_tables(connection: sqlite3.Connection, context: Context) -> ToolTables | None:
    """None when it is another program's database."""
    there = columns_of(connection, gateway_log.TABLE)
    if gateway_log.is_log(there):
        columns = tuple(column for column in gateway_log.COLUMNS if column in there)
        logs = Table(connection, gateway_log.TABLE, columns, gateway_log.KNOWN_BY)
        return ToolTables(RowKind.GATEWAY, [logs], context)
    if events := _event_tables(connection):
        return ToolTables(RowKind.EVENT, events, context)
    return None


def _event_tables(connection: sqlite3.Connection) -> list[Table]:
    found = []
    for name in _TABLES:
        there = columns_of(connection, name)
        if tool_event.is_event(there) and "timestamp" in there and _SIGNS & there:
            columns = tuple(column for column in tool_event.COLUMNS if column in there)
            found.append(Table(connection, name, columns))
    return found

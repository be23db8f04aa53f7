"""The databases of older tools: a table of events, and one of those that were moved away."""

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from usage.importing.metrics_db import Row, Table, columns_of
from usage.importing.source import Context, RowPage, Source
from usage.importing.usage_files import tool_event
from usage.importing.usage_files.json_row import RowKind
from usage.records import UsageRecord

# Of CPA Usage Keeper, and of CPA-Manager and CPA-Manager-Plus, which have the second only. The
# oldest events are in the first, so that the file's first row stays the same when some are moved.
_TABLES = ("usage_events_archive", "usage_events")
_SIGNS = frozenset(("event_key", "event_hash"))


class ToolTables(Source):
    what = RowKind.EVENT.value

    def __init__(self, tables: list[Table], context: Context) -> None:
        self._tables = tables
        self._context = context

    def total(self) -> int:
        return sum(table.count() for table in self._tables)

    def fingerprint(self) -> str | None:
        return next(filter(None, (table.fingerprint() for table in self._tables)), None)

    def pages(self) -> Iterator[RowPage]:
        for table in self._tables:
            yield from table.pages()

    def record_of(self, row: Row) -> UsageRecord:
        return tool_event.record_of(row, self._context)

    def described(self, row: Row) -> Mapping[str, Any]:
        return {**row, "id": f"row {row['id']}"}


def tables_of(connection: sqlite3.Connection) -> list[Table]:
    """Those that hold events; empty when it is another program's database."""
    found = []
    for name in _TABLES:
        there = columns_of(connection, name)
        if tool_event.is_event(there) and "timestamp" in there and _SIGNS & there:
            columns = tuple(column for column in tool_event.COLUMNS if column in there)
            found.append(Table(connection, name, columns))
    return found

"""Pages of rows into the target: inserted where they are new, summed and read back."""

from typing import Any

from django.db import connection, transaction

from usage.database import times
from usage.database.compression import without_bound
from usage.database.joins import each_of, fill_temporary_table
from usage.importing.portal.day_figures import ByDay, by_day, columns_of_rows
from usage.importing.portal.row import COLUMNS, Event, Moved, event
from usage.rollups import names, tables
from usage.rollups.aggregation import aggregate
from usage.rollups.declarations import DAY

_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)  # PostgreSQL has a `user` of its own
_INSERT_NEW = (
    f"INSERT INTO usage_metrics ({_NAMES}, is_summed) "
    f"SELECT {_NAMES}, excluded_as IS NULL FROM moving_rows WHERE true "
    "ORDER BY timestamp, event_id "
    "ON CONFLICT (timestamp, event_id) DO NOTHING RETURNING timestamp, event_id"
)


def store_page(rows: list[Moved]) -> tuple[int, ByDay]:
    """How many of the rows were new, and what the target now holds of all of them."""
    with transaction.atomic(), connection.cursor() as cursor:
        renaming = names.agree_on([row.to_sum for row in rows if row.to_sum])
        _fill_temporary_table(cursor, rows)
        with without_bound():
            cursor.execute(_INSERT_NEW)
        new = {event(*found) for found in cursor.fetchall()}
        if new:
            to_sum = [row.to_sum for row in rows if row.to_sum and row.event in new]
            tables.add(aggregate(to_sum, renaming))
        return len(new), _read_back(cursor)


def known_events(rows: list[Moved]) -> set[Event]:
    """Those that the target has."""
    with transaction.atomic(), connection.cursor() as cursor:
        _fill_temporary_table(cursor, rows)
        cursor.execute(f"SELECT usage_metrics.timestamp, usage_metrics.event_id {_from_both()}")
        return {event(*found) for found in cursor.fetchall()}


_IS_SAME = (
    "usage_metrics.timestamp = moving_rows.timestamp "
    "AND usage_metrics.event_id = moving_rows.event_id"
)


def _from_both() -> str:
    """SQL that looks each of the few rows up, whatever the planner believes of the tables."""
    return each_of("moving_rows", "usage_metrics", _IS_SAME)


def _fill_temporary_table(cursor: Any, rows: list[Moved]) -> None:
    fill_temporary_table(cursor, "moving_rows", _NAMES, [row.stored for row in rows])


def _read_back(cursor: Any) -> ByDay:
    day = f"{times.unix_seconds('usage_metrics.timestamp')} / {DAY}"
    counted = f"CASE WHEN usage_metrics.excluded_as IS NULL THEN {day} END"
    cursor.execute(f"SELECT {counted}, {columns_of_rows()} {_from_both()} GROUP BY 1", [])
    return by_day(cursor.fetchall())

"""Pages of rows into the target: inserted where they are new, summed and read back."""

from typing import Any

from django.db import connection, transaction

from usage.database import extensions, times
from usage.database.compression import without_bound
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
    if connection.vendor == "sqlite":  # which begins with the first table of a CROSS JOIN
        return f"FROM moving_rows CROSS JOIN usage_metrics WHERE {_IS_SAME}"
    if extensions.is_distributed():  # which takes a LATERAL with OFFSET apart, and then refuses it
        return f"FROM moving_rows JOIN usage_metrics ON {_IS_SAME}"
    # PostgreSQL takes the inside of a LATERAL with OFFSET as it is, for one row after the other.
    return (
        f"FROM moving_rows CROSS JOIN LATERAL (SELECT * FROM usage_metrics WHERE {_IS_SAME} "
        "OFFSET 0) AS usage_metrics"
    )


def _fill_temporary_table(cursor: Any, rows: list[Moved]) -> None:
    empty = f"AS SELECT {_NAMES} FROM usage_metrics LIMIT 0"
    if connection.vendor == "sqlite":
        cursor.execute("DROP TABLE IF EXISTS temp.moving_rows")
        cursor.execute(f"CREATE TEMP TABLE moving_rows {empty}")
        marks = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(
            f"INSERT INTO moving_rows VALUES ({marks})", [row.stored for row in rows]
        )
        return
    cursor.execute("DROP TABLE IF EXISTS pg_temp.moving_rows")
    cursor.execute(f"CREATE TEMP TABLE moving_rows ON COMMIT DROP {empty}")
    with cursor.copy(f"COPY moving_rows ({_NAMES}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row.stored)
    # While usage_metrics grows fast the planner takes it for small, and its index for needless.
    # What is switched off counts as dear, and what is dear would be compiled each time.
    cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")


def _read_back(cursor: Any) -> ByDay:
    day = f"{times.unix_seconds('usage_metrics.timestamp')} / {DAY}"
    counted = f"CASE WHEN usage_metrics.excluded_as IS NULL THEN {day} END"
    cursor.execute(f"SELECT {counted}, {columns_of_rows()} {_from_both()} GROUP BY 1", [])
    return by_day(cursor.fetchall())

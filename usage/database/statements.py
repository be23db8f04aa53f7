"""Statements for many rows: how many values one may have, and the quickest way for each engine."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection

# In one statement, beside what its conditions need: SQLite takes 999 parameters before 3.32.
MOST_VALUES = 500
_MOST_OF_POSTGRESQL = 65_535
Value = TypeVar("Value")


def most_parameters() -> int:
    """Of one statement, as this SQLite was built: 32,766 since 3.32."""
    if connection.vendor != "sqlite":
        return _MOST_OF_POSTGRESQL
    connection.ensure_connection()
    return int(connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))


def slices(values: Sequence[Value], *, each: int = 1) -> Iterator[Sequence[Value]]:
    """As many at a time as one statement may have; `each` is how many parameters one takes."""
    most = MOST_VALUES // each
    for start in range(0, len(values), most):
        yield values[start : start + most]


def takes_streams() -> bool:
    """Whether many rows are quicker in one stream (COPY) or one JSON text: PostgreSQL's.

    SQLite is called, not sent to, so that one row after the other costs it nothing more.
    """
    return connection.vendor == "postgresql"


def execute_for_each(statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Execute a statement with %s marks for each row; how many rows it changed in all."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.executemany(statement, rows)
            return int(cursor.rowcount)
        # Django would look for the marks anew each time, which takes longer than a small commit.
        with connection.wrap_database_errors:
            return int(cursor.connection.executemany(_for_sqlite(statement), rows).rowcount)


def insert_new(
    table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], returned: str
) -> list[tuple[Any, ...]] | None:
    """Insert those of the rows that are not there yet, in their order, and tell what came of them.

    None where SQLite is too old to tell (before 3.35).
    """
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES"
    marks = f"({', '.join(['%s'] * len(columns))})"
    if not connection.features.can_return_rows_from_bulk_insert:
        execute_for_each(f"{insert} {marks} ON CONFLICT DO NOTHING", rows)
        return None
    found: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for some in slices(rows, each=len(columns)):
            cursor.execute(
                f"{insert} {', '.join([marks] * len(some))}"
                f" ON CONFLICT DO NOTHING RETURNING {returned}",
                [value for row in some for value in row],
            )
            found += cursor.fetchall()
    return found


def insert_sums(
    table: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]], on_conflict: str
) -> None:
    """Insert rows of numbers, whose columns have these types on PostgreSQL.

    A `timestamptz` is one of `times.SecondsToStore`.
    """
    insert = f"INSERT INTO {table} ({', '.join(columns)})"
    if connection.vendor == "sqlite":
        marks = ", ".join(["%s"] * len(columns))
        execute_for_each(f"{insert} VALUES ({marks}) {on_conflict}", rows)
        return
    is_time = {name: kind == "timestamptz" for name, kind in columns.items()}
    arrays = ", ".join(f"%s::{'bigint' if is_time[n] else columns[n]}[]" for n in columns)
    values = ", ".join(f"to_timestamp({n})" if is_time[n] else n for n in columns)
    with connection.cursor() as cursor:
        # WHERE: without it ON would be read as a join's. As text, since the driver takes
        # ten times as long to write out lists.
        cursor.execute(
            f"{insert} SELECT {values} FROM unnest({arrays}) AS given({', '.join(columns)})"
            f" WHERE true {on_conflict}",
            [f"{{{','.join(map(str, column))}}}" for column in zip(*rows, strict=True)],
        )


@lru_cache(maxsize=100)
def _for_sqlite(statement: str) -> str:
    return statement.replace("%s", "?")

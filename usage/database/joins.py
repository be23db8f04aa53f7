"""Looking rows up by an index, one by one, for each of many given values.

SQLite begins with the first table of a CROSS JOIN, and keeps no statistics to choose an index by.
PostgreSQL would rather read all of a large table, unless the inside of a LATERAL has an OFFSET,
which it leaves as it is. Citus takes such a LATERAL apart where the table is distributed, and then
refuses it; over tables that are on every node it is as PostgreSQL.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import BooleanField, F, Func, QuerySet

from usage.database import extensions
from usage.database.statements import slices

Sql = tuple[str, list[Any]]  # text and parameters
_Row = Sequence[Any]


def given_table(columns: Mapping[str, str], rows: Sequence[_Row]) -> Sql:
    """Our own values as a table `given` with these columns and, on PostgreSQL, their types."""
    if connection.vendor != "sqlite":
        return _unnested(columns, rows)
    fields = (f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(columns))
    # LIMIT: without it SQLite would take the JSON apart anew for each row that it joins.
    found = f"SELECT {', '.join(fields)} FROM json_each(%s) LIMIT -1"
    return f"({found}) AS given", [json.dumps(rows)]


def given_texts(columns: Mapping[str, str], rows: Sequence[_Row]) -> Iterator[Sql]:
    """The same of values from outside, in as few tables as statements can have.

    SQLite's JSON would lose what follows a NUL in them.
    """
    if connection.vendor != "sqlite":
        yield _unnested(columns, rows)
        return
    names = ", ".join(f"column{n} AS {name}" for n, name in enumerate(columns, 1))
    marks = f"({', '.join(['%s'] * len(columns))})"
    for some in slices(rows, each=len(columns)):
        values = ", ".join([marks] * len(some))
        yield f"(SELECT {names} FROM (VALUES {values})) AS given", [v for row in some for v in row]


def each_of(
    given: str, table: str, conditions: str, index: str = "", *, is_on_every_node: bool = False
) -> str:
    """FROM and WHERE for the rows of `table` that belong to each of the given, by an index."""
    if connection.vendor == "sqlite":
        return f"FROM {given} CROSS JOIN {table} {by_index(index)} WHERE {conditions}"
    if extensions.is_distributed() and not is_on_every_node:
        return f"FROM {given} CROSS JOIN {table} WHERE {conditions}"
    rows = f"SELECT * FROM {table} WHERE {conditions} OFFSET 0"
    return f"FROM {given} CROSS JOIN LATERAL ({rows}) AS {table}"


def by_index(name: str) -> str:
    """SQL behind a table's name that names the index for SQLite."""
    return f"INDEXED BY {name}" if name and connection.vendor == "sqlite" else ""


def among(column: str, numbers: Sql) -> Sql:
    """`column IN (…)` for a query of numbers."""
    sql, parameters = numbers
    # Without + 0 PostgreSQL would go through the index once for each number; with it Citus would
    # ask the nodes of all series.
    is_plain = connection.vendor == "sqlite" or extensions.is_distributed()
    return f"{column}{'' if is_plain else ' + 0'} IN ({sql})", parameters


class Among(Func):
    """`among` for the ORM: whether a column names a row of the query."""

    output_field = BooleanField()

    def __init__(self, column: str, query: QuerySet[Any, Any]) -> None:
        super().__init__(F(column))
        self._query = query

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Sql:  # type: ignore[override]
        (column,) = self.source_expressions
        sql, parameters = self._query.query.sql_with_params()
        return among(compiler.compile(column)[0], (sql, list(parameters)))


class AnyOf(Func):
    """Whether a column has one of our own values, each of which is found by an index.

    They are of this type on PostgreSQL, and as `times.stored` gives them where they are times.
    """

    output_field = BooleanField()

    def __init__(self, column: str, kind: str, values: Sequence[Any]) -> None:
        super().__init__(F(column))
        self._kind, self._values = kind, values

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Sql:
        (column,) = self.source_expressions
        given = "SELECT value FROM json_each(%s)"
        return f"{compiler.compile(column)[0]} IN ({given})", [json.dumps(self._values)]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Sql:
        (expression,) = self.source_expressions
        column, given = compiler.compile(expression)[0], f"%s::{self._kind}"
        # Between: where it takes the values for many it goes through all rows of the index' part.
        return (
            f"({column} = ANY({given}[]) AND {column} BETWEEN {given} AND {given})",
            [list(self._values), min(self._values), max(self._values)],
        )


def look_up_cost() -> int:
    """Looking up one row costs as much as reading past so many."""
    return 10 if connection.vendor == "sqlite" else 40


def in_steps(given: str, columns: Iterable[str]) -> str:
    """A query of the columns, with a row for each step of `width` between `since` and `until`.

    `since` is where the step begins.
    """
    if connection.vendor == "sqlite":
        names = ", ".join(columns)
        following = ", ".join("since + width" if name == "since" else name for name in columns)
        return (
            f"WITH RECURSIVE step({names}) AS (SELECT {names} FROM {given} UNION ALL"
            f" SELECT {following} FROM step WHERE since + width < until) SELECT {names} FROM step"
        )
    # Citus refuses to join with what is recursive.
    names = ", ".join("begin AS since" if name == "since" else name for name in columns)
    return f"SELECT {names} FROM {given}, generate_series(since, until - 1, width) AS begin"


def fill_temporary_table(cursor: Any, name: str, columns: str, rows: Iterable[_Row]) -> None:
    """A table for this transaction like usage_metrics, to look its rows up there."""
    empty = f"AS SELECT {columns} FROM usage_metrics LIMIT 0"
    if connection.vendor == "sqlite":
        cursor.execute(f"DROP TABLE IF EXISTS temp.{name}")
        cursor.execute(f"CREATE TEMP TABLE {name} {empty}")
        marks = ", ".join(["%s"] * (columns.count(",") + 1))
        cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        return
    cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    cursor.execute(f"CREATE TEMP TABLE {name} ON COMMIT DROP {empty}")
    with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    # While usage_metrics grows fast the planner takes it for small, and its index for needless.
    # What is switched off counts as dear, and what is dear would be compiled each time.
    cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")


def _unnested(columns: Mapping[str, str], rows: Sequence[_Row]) -> Sql:
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    values = [list(column) for column in zip(*rows, strict=True)]
    return f"unnest({arrays}) AS given({', '.join(columns)})", values

"""SQL that both engines run: values as a table to join with, filters as WHERE clauses."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from usage.database import extensions
from usage.models import UsageMetricQuerySet

Sql = tuple[str, list[Any]]


def given_table(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> Sql:
    """Rows of values as a table `given` with these columns and, on PostgreSQL, their types."""
    if connection.vendor == "sqlite":
        fields = (f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(columns))
        # LIMIT: without it SQLite would take the JSON apart anew for each row that it joins.
        return f"(SELECT {', '.join(fields)} FROM json_each(%s) LIMIT -1) AS given", [
            json.dumps(rows)
        ]
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    values = [list(column) for column in zip(*rows, strict=True)]
    return f"unnest({arrays}) AS given({', '.join(columns)})", values


def within(column: str, query: Sql) -> Sql:
    """`column IN (…)` for a query of numbers."""
    sql, parameters = query
    # Without + 0 PostgreSQL would go through the index once for each number; with it Citus would
    # ask the nodes of all series.
    is_plain = connection.vendor == "sqlite" or extensions.is_distributed()
    return f"{column}{'' if is_plain else ' + 0'} IN ({sql})", parameters


def each_of(given: str, table: str, conditions: str, index: str = "") -> str:
    """FROM and WHERE for the rows of `table` that belong to each of the given, by an index.

    `index` names it for SQLite, which has no statistics to choose one by.
    """
    if connection.vendor == "sqlite":
        return f"FROM {given} CROSS JOIN {table} {by_index(index)} WHERE {conditions}"
    if extensions.is_distributed():  # which takes a LATERAL with OFFSET apart, and then refuses it
        return f"FROM {given} CROSS JOIN {table} WHERE {conditions}"
    # PostgreSQL takes every range for a large part of the table. OFFSET keeps it from reading
    # all of that instead of looking up each.
    rows = f"SELECT * FROM {table} WHERE {conditions} OFFSET 0"
    return f"FROM {given} CROSS JOIN LATERAL ({rows}) AS {table}"


def by_index(name: str) -> str:
    return f"INDEXED BY {name}" if name and connection.vendor == "sqlite" else ""


def conditions_of(rows: UsageMetricQuerySet) -> Sql:
    """The WHERE clause of filters, beginning with AND; empty without filters."""
    if not rows.query.where:
        return "", []
    compiler = rows.query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(rows.query.where)
    return f"AND {sql}", list(parameters)

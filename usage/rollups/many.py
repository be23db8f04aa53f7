"""Many rows with one statement, past what Django does with each statement's text."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection


def execute_for_each(statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Execute a statement with %s marks for each row; how many rows it changed in all."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.executemany(statement, rows)
            return int(cursor.rowcount)
        # Django would look for the marks anew each time, which takes longer than a small commit.
        with connection.wrap_database_errors:
            return int(cursor.connection.executemany(_for_sqlite(statement), rows).rowcount)


@lru_cache(maxsize=100)
def _for_sqlite(statement: str) -> str:
    return statement.replace("%s", "?")

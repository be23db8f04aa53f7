"""Fractions as plain SQL may have left them: text on SQLite, infinity, PostgreSQL's NaN."""

from django.db import connection

LARGEST = 1e300  # so that sums are finite too


def finite(column: str) -> str:
    """SQL for the number in a column; NULL where there is none, or it is past all sums."""
    # PostgreSQL's NaN is greater than every number; for SQLite most texts are 0.
    is_number = f"ABS({column}) < {LARGEST}"
    if connection.vendor == "sqlite":
        is_number = f"typeof({column}) IN ('real', 'integer') AND {is_number}"
    return f"CASE WHEN {is_number} THEN CAST({column} AS DOUBLE PRECISION) END"


def if_finite(value: float | None) -> float | None:
    """The same of a value that was read."""
    return value if value is not None and abs(value) < LARGEST else None

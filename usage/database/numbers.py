"""Sums, and fractions as plain SQL may leave them: text on SQLite, infinity, PostgreSQL's NaN."""

from typing import Any

from django.db import connection
from django.db.models import Expression, FloatField, Sum

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


class SumOfFractions(Sum):
    """Django's, without a function that each value read is put through. `sign` may be a minus."""

    output_field = FloatField()
    template = "%(sign)s%(function)s(%(distinct)s%(expressions)s)"
    convert_value = staticmethod(Expression._convert_value_noop)  # type: ignore[attr-defined]

    def __init__(self, column: str, sign: str = "") -> None:
        super().__init__(column, sign=sign)


class SumOfIntegers(SumOfFractions):
    """PostgreSQL's sums of bigint are numeric, which Python is slow to read."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, parameters = self.as_sql(compiler, connection, **context)
        return f"CAST({sql} AS BIGINT)", parameters

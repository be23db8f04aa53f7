"""Database expressions that stay exact and quick on both engines."""

import datetime as dt
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Sum
from django.db.models.functions import TruncHour
from django.db.models.sql.compiler import SQLCompiler


class ExactSum(Sum):
    """A sum of whole numbers that SQLite cannot overflow; 0 where there is nothing to add.

    SQLite adds in 64 bits and fails past them, so it adds both halves apart here.
    """

    output_field = BigIntegerField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        high, low = "SUM((%(expressions)s) >> 32)", "SUM((%(expressions)s) & 4294967295)"
        sql, parameters = self.as_sql(compiler, connection, template=f"{high} || ':' || {low}")
        return sql, [*parameters, *parameters]

    def convert_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> int:
        if value is None:
            return 0
        if isinstance(value, str):
            high, low = value.split(":")
            return (int(high) << 32) + int(low)
        return int(value)


class UtcHour(TruncHour):
    """The UTC hour of a time. SQLite cuts its text, many times faster than calling Python."""

    def __init__(self, expression: str) -> None:
        super().__init__(expression, tzinfo=dt.UTC)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        sql, parameters = compiler.compile(self.lhs)
        return f"SUBSTR({sql}, 1, 13) || ':00:00'", parameters

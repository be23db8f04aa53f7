"""Times as the engines hold them: SQLite has texts in UTC, PostgreSQL a type that knows infinity.

Programs that write plain SQL may give SQLite's text another form, such as `T`, `Z`, `+00:00` or
another length of the fraction, and a day that no calendar has.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # UTC, as SQLite's texts are
# The first second that an engine has, and the last one.
_SECONDS = {
    "sqlite": (-62_167_219_200, 253_402_300_799),
    "postgresql": (-210_866_803_200, 9_224_318_015_999),
}
# PostgreSQL's years but the first, in which a bucket of 30 days may begin before it.
_FIRST_DAY = "TIMESTAMPTZ '4713-01-01 00:00:00+00 BC'"
_ENDS_OF_PYTHON = (
    "TIMESTAMPTZ '0001-01-01 00:00:00+00'",
    "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'",
)
_LAST_DAY = "TIMESTAMPTZ '294276-12-31 23:59:59.999999+00'"
_FORM = "[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9]*"

_NO_FRACTION = ("000000", ".000000")


def stored(moments: Sequence[dt.datetime]) -> Sequence[Any]:
    """Times in UTC as a statement stores them: on SQLite `2024-01-15 10:00:00[.ffffff]`."""
    if connection.vendor != "sqlite":
        return moments
    # msgspec makes the texts of all of them in a tenth of isoformat's time.
    return [f"{text[:10]} {text[11:-1]}" for text in msgspec.to_builtins(moments)]


def stored_now() -> Any:
    """This moment as a column's default writes it: SQLite's has whole seconds."""
    now = dt.datetime.now(dt.UTC)
    return now if connection.vendor != "sqlite" else now.isoformat(" ", "seconds")[:-6]


def with_zone(value: dt.datetime | None) -> dt.datetime | None:
    """A time of a column as a statement answers it: SQLite's is without its zone."""
    return value.replace(tzinfo=dt.UTC) if value and value.tzinfo is None else value


def unix_seconds(column: str) -> str:
    """SQL for the time in a column, rounded down; NULL where the calendar has no such day."""
    if connection.vendor == "sqlite":
        return f"CAST(strftime('%%s', {_whole_seconds(column)}) AS INTEGER)"
    seconds = f"CAST(FLOOR(EXTRACT(EPOCH FROM {column})) AS BIGINT)"
    return f"CASE WHEN {is_in_calendar(column)} THEN {seconds} END"


def at_unix_seconds(seconds: str = "%s") -> str:
    """SQL for the whole second that a mark or an expression names; the first or last one that the
    engine has where it would be past that."""
    first, last = _SECONDS[connection.vendor]
    if connection.vendor == "sqlite":
        return f"datetime(MIN(MAX({seconds}, {first}), {last}), 'unixepoch')"
    return f"to_timestamp(LEAST(GREATEST({seconds}, {first}), {last}))"


class SecondsToStore(dict[int, Any]):
    """Unix seconds as `statements.insert_sums` takes them, each made once: texts on SQLite."""

    def __missing__(self, seconds: int) -> Any:
        value: Any = seconds
        if connection.vendor == "sqlite":
            value = (_EPOCH + dt.timedelta(seconds=seconds)).isoformat(" ")
        self[seconds] = value
        return value


def stored_seconds() -> str:
    """A mark in SQL for one of `SecondsToStore`."""
    return "%s" if connection.vendor == "sqlite" else at_unix_seconds()


def readable(column: str) -> str:
    """SQL for the time in a column, or the first or last that Python has where it is past that."""
    if connection.vendor == "sqlite":
        return column
    first, last = _ENDS_OF_PYTHON
    return f"LEAST(GREATEST({column}, {first}), {last})"


def unix_seconds_in_file(column: str) -> str:
    """The same of a SQLite file that is read without Django."""
    return f"CAST(strftime('%s', {_whole_seconds(column)}) AS INTEGER)"


def is_in_calendar(column: str) -> str:
    """Whether there are `unix_seconds`, in SQL that Citus takes in an UPDATE."""
    if connection.vendor == "sqlite":
        return f"{unix_seconds(column)} IS NOT NULL"
    # Citus wants nothing in a CASE there that depends on more than its arguments.
    return f"{column} BETWEEN {_FIRST_DAY} AND {_LAST_DAY}"


def comparable(column: str) -> str:
    """SQL for the time in a column as `stored` writes it, since SQLite compares texts."""
    if connection.vendor != "sqlite":
        return column
    rest = f"REPLACE(REPLACE(SUBSTR({column}, 20), 'Z', ''), '+00:00', '')"
    fraction = f"SUBSTR({rest} || '000000', 1, 7)"
    return (
        f"SUBSTR({column}, 1, 10) || ' ' || SUBSTR({column}, 12, 8)"
        f" || CASE WHEN {fraction} IN ('000000', '.000000') THEN '' ELSE {fraction} END"
    )


def comparable_text(text: str) -> str:
    """The same of SQLite's text that was read."""
    rest = text[19:].replace("Z", "").replace("+00:00", "")
    fraction = f"{rest}000000"[:7]
    return f"{text[:10]} {text[11:19]}{'' if fraction in _NO_FRACTION else fraction}"


def make_comparable(where: str, parameters: Sequence[Any], mark: str) -> None:
    """Write the times of rows of usage_metrics as `stored` does.

    They get the mark `is_summed` with it, unless the time so belongs to a report of their event.
    """
    if connection.vendor != "sqlite":
        return
    kept = comparable("timestamp")
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE OR IGNORE usage_metrics SET timestamp = {kept}, is_summed = {mark}"
            f" WHERE {where} AND timestamp <> {kept}",
            parameters,
        )


def check(column: str, of: BaseDatabaseWrapper) -> str | None:
    """A column's constraint; PostgreSQL's type needs none, SQLite would take any value."""
    if of.vendor != "sqlite":
        return None
    column = f'"{column}"'
    return (
        f"typeof({column}) = 'text' AND {column} GLOB '{_FORM}' AND "
        f"(substr({column}, 20) NOT GLOB '*[^0-9.Z]*' OR substr({column}, 20) GLOB '*+00:00')"
    )


def _whole_seconds(column: str) -> str:
    """SQLite's text without its fraction, which strftime would round up from .9995 on."""
    return f"SUBSTR({column}, 1, 19)"

"""The sums made anew from the raw rows, a day at a time."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from usage.database import times
from usage.database.compression import without_bound
from usage.rollups import horizon, keeping, names, tables
from usage.rollups.aggregation import TimedRow, added_up, aggregate
from usage.rollups.declarations import DAY, HISTOGRAMS, ROLLUPS, SUMMED, quoted
from usage.rollups.folding import fold_days

_ROWS_AT_ONCE = 50_000
_MOST_ADDITIONS = 4  # of so many rows each that memory holds before they are added up
_NUMBERS_BY_DAY = tuple(rollup.number for rollup in ROLLUPS if rollup.width == DAY)
_DAY = dt.timedelta(days=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def days_with_usage(first: int | None) -> list[int]:
    """The UTC days, in Unix seconds, that have raw rows or sums, from `first` on."""
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(_NUMBERS_BY_DAY))
        cursor.execute(
            f"SELECT DISTINCT {times.unix_seconds('bucket')} FROM usage_rollups"
            f" WHERE rollup IN ({marks})",
            _NUMBERS_BY_DAY,
        )
        found = {bucket for (bucket,) in cursor.fetchall()}
    found.update(days_with_rows())
    return sorted(day for day in found if first is None or day >= first)


def rebuild_day(day: int) -> int:
    """Make all sums of a UTC day from its raw rows; how many those were. Not of a purged day.

    Writers wait meanwhile: about a second for 50,000 rows.
    """
    count = 0
    with transaction.atomic():
        names.agree(_unsummed_names(day), day)
        tables.keep_writers_out()
        first = horizon.first_day()
        if first is not None and day < first:  # a purge has begun since the days were listed
            return 0
        _delete_sums(day)
        additions = []
        for rows in raw_rows(day):
            additions.append(aggregate(rows, names.agree_on(rows)))
            count += len(rows)
            if len(additions) == _MOST_ADDITIONS:
                additions = [added_up(additions)]
        tables.add(added_up(additions))
        _mark_summed(day)
        fold_days(day)
    return count


def raw_rows(day: int, condition: str = "") -> Iterator[list[TimedRow]]:
    """The raw rows of a UTC day as `aggregate` takes them, 50,000 at a time."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {keeping.columns()} FROM usage_metrics "
            f"WHERE timestamp >= %s AND timestamp < %s {condition}",
            ends_of_day(day),
        )
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield list(keeping.timed(rows))


def days_with_rows() -> Iterator[int]:
    """One step through the index on time for each."""
    after = connection.ops.adapt_datetimefield_value(dt.datetime(1, 1, 1, tzinfo=dt.UTC))
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT {times.unix_seconds('MIN(timestamp)')} FROM usage_metrics "
                "WHERE timestamp >= %s",
                [after],
            )
            (seconds,) = cursor.fetchone()
            if seconds is None:
                return
            day = seconds // DAY * DAY
            yield day
            after = ends_of_day(day)[1]


def _unsummed_names(day: int) -> dict[str, list[str]]:
    """Those of rows that plain SQL has written; all others were agreed on before."""
    found = {}
    with connection.cursor() as cursor:
        for dimension in SUMMED:
            cursor.execute(
                f"SELECT DISTINCT {quoted(dimension)} FROM usage_metrics "
                "WHERE is_summed IS NULL AND timestamp >= %s AND timestamp < %s",
                ends_of_day(day),
            )
            found[dimension] = [name for (name,) in cursor.fetchall()]
    return found


def ends_of_day(day: int) -> list[Any]:
    """Its begin and the next one's, as the database compares times."""
    begin = _EPOCH + dt.timedelta(seconds=day)
    adapt = connection.ops.adapt_datetimefield_value
    return [adapt(begin), adapt(begin + _DAY)]


def _delete_sums(day: int) -> None:
    begin = times.at_unix_seconds()
    with connection.cursor() as cursor:
        for table, name, all_of_them in (
            ("usage_rollups", "rollup", ROLLUPS),
            ("usage_histograms", "histogram", HISTOGRAMS),
        ):
            for each in all_of_them:
                if each.width <= DAY:
                    cursor.execute(
                        f"DELETE FROM {table} WHERE {name} = %s"
                        f" AND bucket >= {begin} AND bucket < {begin}",
                        [each.number, day, day + DAY],
                    )


def _mark_summed(day: int) -> None:
    unsummed = "is_summed IS NULL AND timestamp >= %s AND timestamp < %s"
    times.make_comparable(unsummed, ends_of_day(day), keeping.is_counted())
    with without_bound(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE usage_metrics SET is_summed = {keeping.is_counted()} WHERE {unsummed}",
            ends_of_day(day),
        )

"""Wide buckets made anew from the days in them."""

from django.db import connection

from usage.database import times
from usage.rollups.declarations import (
    DAY,
    HISTOGRAMS,
    ROLLUPS,
    ROLLUPS_AND_HISTOGRAMS,
    Histogram,
    Rollup,
)
from usage.rollups.measures import MEASURE_COLUMNS, MEASURES
from usage.rollups.tables import BINS

WIDE = tuple(each for each in ROLLUPS_AND_HISTOGRAMS if each.width > DAY)


def fold_days(moment: int) -> None:
    """Make each bucket that is wider than a day and holds `moment` the sum of its days."""
    begin = times.at_unix_seconds()
    with connection.cursor() as cursor:
        for wide in WIDE:
            bucket = moment - moment % wide.width
            table, columns, _ = table_of(wide)
            cursor.execute(
                f"DELETE FROM {table} WHERE {columns[0]} = %s AND bucket = {begin}",
                [wide.number, bucket],
            )
            select, parameters = select_folded(wide, bucket)
            cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {select}", parameters)


def select_folded(wide: Rollup | Histogram, bucket: int) -> tuple[str, list[int]]:
    """SQL for the rows that a wide bucket should have, by its days, and its parameters."""
    table, columns, length = table_of(wide)
    if isinstance(wide, Rollup):
        sums = [measure.sum_sql for measure in MEASURES]
    else:
        sums = [f"CAST(SUM({name}) AS BIGINT)" for name in BINS]
    keys, begin = columns[2:length], times.at_unix_seconds()
    select = (
        f"SELECT CAST(%s AS INTEGER), {begin}, {', '.join([*keys, *sums])} "
        f"FROM {table} WHERE {columns[0]} = %s AND bucket >= {begin} AND bucket < {begin} "
        f"GROUP BY {', '.join(keys)}"
    )
    end = bucket + wide.width
    return select, [wide.number, bucket, _same_by_day(wide).number, bucket, end]


def table_of(each: Rollup | Histogram) -> tuple[str, list[str], int]:
    """Its table, the columns of it, and how many of them make the key."""
    if isinstance(each, Rollup):
        return "usage_rollups", ["rollup", "bucket", "series", *MEASURE_COLUMNS], 3
    return "usage_histograms", ["histogram", "bucket", "series", "chunk", *BINS], 4


def read_columns(each: Rollup | Histogram) -> str:
    """SQL for the columns of its table behind the first one, the bucket in Unix seconds."""
    return ", ".join([times.unix_seconds("bucket"), *table_of(each)[1][2:]])


def _same_by_day(wide: Rollup | Histogram) -> Rollup | Histogram:
    if isinstance(wide, Rollup):
        return next(r for r in ROLLUPS if (r.grouping, r.width) == (wide.grouping, DAY))
    return next(h for h in HISTOGRAMS if (h.column, h.width) == (wide.column, DAY))

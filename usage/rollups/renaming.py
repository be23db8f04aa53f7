"""Changes what was decided on names: folds rare ones into (other), and releases them.

The sums follow in the same transaction, a stretch of time in each; `counts_from` says how far it
came, so that rows and sums agree at every moment between, for readers and writers alike.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from usage.database import times
from usage.database.statements import slices
from usage.rollups import keeping, moving, name_entries, names, rebuild, tables
from usage.rollups.aggregation import OTHER, aggregate
from usage.rollups.declarations import DAY, MONTH, ROLLUPS, SUMMED, TOTAL, quoted
from usage.rollups.name_entries import ALWAYS, NEVER
from usage.rollups.standing import fillings

_ROWS_AT_ONCE = 50_000
_BY_DAY = next(each.number for each in ROLLUPS if (each.grouping, each.width) == (TOTAL, DAY))


class NoRoom(ValueError):
    """More names would be told apart than the bound allows."""


@dataclass(frozen=True)
class Rare:
    """Names of a dimension that are told apart, and how many requests they have together."""

    dimension: str
    names: list[str]
    requests: int


def rare_names(rarer_than: int, dimension: str) -> Rare:
    """Those with fewer requests, of all time."""
    counts = moving.requests_by_name(dimension)
    told = names_told(dimension)
    rare = [name for name in told if counts.get(name, 0) < rarer_than]
    return Rare(dimension, rare, sum(counts.get(name, 0) for name in rare))


def filled_dimensions() -> list[str]:
    """Those whose sums know how often each name has come."""
    lacking = {came_with for came_with, each in fillings().items() if each.filled_from > ALWAYS}
    return [name for name in SUMMED if moving.grouping_of(name).came_with not in lacking]


def names_told(dimension: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM usage_names WHERE dimension = %s "
            f"AND counts_from < {NEVER} ORDER BY name",
            [dimension],
        )
        return [name for (name,) in cursor.fetchall()]


def names_in_other(dimension: str, wanted: Sequence[str]) -> list[str]:
    """Those of the names that count as (other), if only in part."""
    entries = name_entries.find({dimension: [name for name in wanted if name != OTHER]})[dimension]
    return [name for name, entry in entries.items() if entry.counts_from > ALWAYS]


def fold(dimension: str, wanted: Sequence[str]) -> Iterator[int]:
    """Let names count as (other) until they are released; tells after each step how many sums it
    moved. A step is a bucket of 30 days. Names without any sum are forgotten in the place of it.
    """
    ends = [month + MONTH for month in _months()]
    begin = ALWAYS
    for end in [*ends[:-1], NEVER]:
        with transaction.atomic():
            names.hold_alone()
            if begin == ALWAYS:
                wanted = _without_unused(dimension, wanted)
                if not wanted:
                    return
            found = moving.series_named(dimension, wanted)
            moved = moving.to_other(found, begin, end)
            _set(dimension, wanted, end, f"counts_from < {end}", is_folded=end == NEVER)
            if end == NEVER:
                moving.delete_series([*chain.from_iterable(found.values())])
        begin = end
        yield moved


def forget_unused() -> int:
    """Forget names that no sum has; how many. For a purge of sums makes room as well."""
    forgotten = 0
    for dimension in filled_dimensions():
        counts = moving.requests_by_name(dimension)
        if unused := [name for name in names_told(dimension) if name not in counts]:
            with transaction.atomic():
                names.hold_alone()
                forgotten += len(unused) - len(_without_unused(dimension, unused))
    return forgotten


def forget_purged(before: int) -> int:
    """Forget what counts as (other) and of which all rows are from before that Unix second,
    which were purged; how many. An operator's decisions stay."""
    day = before // DAY * DAY
    with transaction.atomic(), connection.cursor() as cursor:
        names.hold_alone()
        cursor.execute(
            f"DELETE FROM usage_names WHERE counts_from = {NEVER} AND last_day < %s "
            "AND NOT is_folded",
            [day],
        )
        return int(cursor.rowcount)


def release(dimension: str, wanted: Sequence[str]) -> Iterator[int]:
    """Tell names apart again; tells after each step how many rows it moved out of (other).

    A step is a UTC day, the newest first. What was purged cannot be told from (other) any more
    and stays in it. NoRoom where the bound does not allow it.
    """
    wanted = [name for name in wanted if name != OTHER]
    _require_room(dimension, wanted)
    days = sorted(rebuild.days_with_rows(), reverse=True)
    for some in slices(wanted):
        for day in days:
            if _has_rows(dimension, some, *rebuild.ends_of_day(day)):
                yield _release_from(dimension, some, day)
        yield _release_from(dimension, some, ALWAYS)


def _release_from(dimension: str, wanted: Sequence[str], counts_from: int) -> int:
    with transaction.atomic():
        names.hold_alone()
        _require_room(dimension, wanted)
        return _take_out_of_other(dimension, wanted, counts_from)


def count_rows_named(dimension: str, wanted: Sequence[str], most: int) -> int:
    """How many rows have one of the names, up to `most` and one more."""
    marks = ", ".join(["%s"] * len(wanted))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM usage_metrics "
            f"WHERE usage_metrics.{quoted(dimension)} IN ({marks}) LIMIT %s) AS found",
            [*wanted, most + 1],
        )
        return int(cursor.fetchone()[0])


def _months() -> list[int]:
    """The buckets of 30 days that have sums; at least one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {times.unix_seconds('bucket')} FROM usage_rollups WHERE rollup = %s",
            [_BY_DAY],
        )
        days = sorted(day for (day,) in cursor.fetchall())
    return [month for month, _ in groupby(days, lambda day: day - day % MONTH)] or [0]


def _without_unused(dimension: str, wanted: Sequence[str]) -> list[str]:
    """Forgets those without sums, which have no rows that count either."""
    counts = moving.requests_by_name(dimension, wanted)
    unused = [name for name in wanted if name not in counts]
    left = moving.series_named(dimension, unused)
    moving.delete_series([*chain.from_iterable(left.values())])
    with connection.cursor() as cursor:
        for some in slices(unused):
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(
                f"DELETE FROM usage_names WHERE dimension = %s AND name IN ({marks})",
                [dimension, *some],
            )
    return [name for name in wanted if name in counts]


def _set(
    dimension: str, wanted: Sequence[str], counts_from: int, where: str, *, is_folded: bool
) -> None:
    today = int(time.time()) // DAY * DAY
    with connection.cursor() as cursor:
        for some in slices(wanted):
            cursor.execute(
                "UPDATE usage_names SET counts_from = %s, is_folded = %s, last_day = "
                f"CASE WHEN last_day < {today} THEN {today} ELSE last_day END WHERE dimension = %s "
                f"AND name IN ({', '.join(['%s'] * len(some))}) AND {where}",
                [counts_from, is_folded, dimension, *some],
            )


def _require_room(dimension: str, wanted: Sequence[str]) -> None:
    told = set(names_told(dimension))
    room = settings.METRICS_MAX_NAMES - len(told)
    new = len(set(wanted) - told)
    if new > room:
        raise NoRoom(
            f"{new:,} names would be told apart and there is room for {max(0, room):,}: make room "
            "with --rarer-than, or raise METRICS_MAX_NAMES"
        )


def _has_rows(dimension: str, wanted: Sequence[str], since: Any, until: Any) -> bool:
    sql, parameters = _rows_sql("1", dimension, wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql} AND timestamp >= %s AND timestamp < %s LIMIT 1", [*parameters, since, until]
        )
        return cursor.fetchone() is not None


def _take_out_of_other(dimension: str, wanted: Sequence[str], counts_from: int) -> int:
    """Move rows that count as (other) and were completed since then to their own names."""
    sql, parameters = _rows_sql(keeping.columns(), dimension, wanted)
    if counts_from != ALWAYS:
        sql, parameters = (
            f"{sql} AND timestamp >= %s",
            [*parameters, rebuild.ends_of_day(counts_from)[0]],
        )
    is_other = (
        " AND EXISTS (SELECT 1 FROM usage_names WHERE dimension = %s AND usage_names.name = "
        f"usage_metrics.{quoted(dimension)} AND counts_from > {times.unix_seconds('timestamp')})"
    )
    later = {dimension: dict.fromkeys(wanted, counts_from)}
    moved = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"{sql}{is_other}", [*parameters, dimension])
        while found := cursor.fetchmany(_ROWS_AT_ONCE):
            rows = list(keeping.timed(found))
            tables.subtract(aggregate(rows, names.as_decided(rows)))
            tables.add(aggregate(rows, names.as_decided(rows, later)))
            moved += len(rows)
    _set(dimension, wanted, counts_from, f"counts_from > {counts_from}", is_folded=False)
    return moved


def _rows_sql(columns: str, dimension: str, wanted: Sequence[str]) -> tuple[str, list[Any]]:
    marks = ", ".join(["%s"] * len(wanted))
    where = f"is_summed AND usage_metrics.{quoted(dimension)} IN ({marks})"
    return f"SELECT {columns} FROM usage_metrics WHERE {where}", list(wanted)

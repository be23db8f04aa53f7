"""Whether the sums are what the raw rows make: for `rebuild_rollups --check`, and for tests."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import add
from typing import Any

from django.db import connection

from usage.database import times
from usage.database.snapshots import read_snapshot
from usage.rollups import names
from usage.rollups.aggregation import Additions, aggregate
from usage.rollups.declarations import DAY, HISTOGRAMS, ROLLUPS, quoted
from usage.rollups.folding import WIDE, read_columns, select_folded, table_of
from usage.rollups.measures import MEASURE_COLUMNS
from usage.rollups.rebuild import raw_rows
from usage.rollups.tables import BINS

# Fractions are added in another order each time.
_PRECISION = 1e-9
_SMALLEST_FRACTION = 1e-6
_NEVER = 2**62

Key = tuple[Any, ...]  # number, begin of the bucket, dimensions, then token shift or chunk
_Table = dict[Key, tuple[Any, ...]]


@dataclass(frozen=True)
class Difference:
    """A row of a table of sums that is not what it should be; None where there is no such row."""

    table: str
    key: Key
    stored: tuple[Any, ...] | None
    expected: tuple[Any, ...] | None


def compare_day(day: int) -> list[Difference]:
    """Where the sums of a UTC day, in Unix seconds, differ from those raw rows that they hold."""
    expected_rollups: _Table = {}
    expected_histograms: _Table = {}
    with read_snapshot():
        for rows in raw_rows(day, "AND is_summed IS NOT NULL"):
            additions = aggregate(rows, names.as_decided(rows))
            _add_all(expected_rollups, expected_histograms, additions)
        stored_rollups = _stored("usage_rollups", day)
        stored_histograms = _stored("usage_histograms", day)
    return [
        *_differences("usage_rollups", stored_rollups, expected_rollups),
        *_differences("usage_histograms", stored_histograms, expected_histograms),
    ]


def compare_wide_buckets(first: int | None) -> list[Difference]:
    """Where a bucket of several days is not the sum of its days; of those from `first` on."""
    found: list[Difference] = []
    for wide in WIDE:
        table, columns, length = table_of(wide)
        begin, of_kind = times.at_unix_seconds(), f"FROM {table} WHERE {columns[0]} = %s"
        with read_snapshot(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT {times.unix_seconds('bucket')} {of_kind} AND bucket >= {begin}",
                [wide.number, -_NEVER if first is None else first - first % wide.width],
            )
            for (bucket,) in cursor.fetchall():
                cursor.execute(
                    f"SELECT {columns[0]}, {read_columns(wide)} {of_kind} AND bucket = {begin}",
                    [wide.number, bucket],
                )
                stored = {row[:length]: row[length:] for row in cursor.fetchall()}
                cursor.execute(*select_folded(wide, bucket))
                keys_behind = ((row[2:length], row[length:]) for row in cursor.fetchall())
                expected = {(wide.number, bucket, *key): sums for key, sums in keys_behind}
                found += _differences(table, stored, expected)
    return found


def _stored(table: str, day: int) -> _Table:
    """The sums of the day, by dimensions in the place of their series."""
    is_rollup = table == "usage_rollups"
    declared = ROLLUPS if is_rollup else HISTOGRAMS
    number, extra, values = (
        ("rollup", "s.token_shift", MEASURE_COLUMNS) if is_rollup else ("histogram", "chunk", BINS)
    )
    bucket, begin = times.unix_seconds("bucket"), times.at_unix_seconds()
    stored: _Table = {}
    with connection.cursor() as cursor:
        for each in declared:
            if each.width > DAY:
                continue
            dimensions = [f"s.{quoted(name)}" for name in each.grouping.dimensions]
            cursor.execute(
                f"SELECT {', '.join([number, bucket, extra, *dimensions, *values])} "
                f"FROM {table} t JOIN usage_series s ON s.id = t.series "
                f"WHERE {number} = %s AND bucket >= {begin} AND bucket < {begin}",
                [each.number, day, day + DAY],
            )
            width = len(dimensions)
            for which, at, shift_or_chunk, *rest in cursor.fetchall():
                key = (which, at, tuple(rest[:width]), shift_or_chunk)
                stored[key] = tuple(rest[width:])
    return stored


def _add_all(rollups: _Table, histograms: _Table, additions: Additions) -> None:
    for rollup, shift, groups in additions.rollups:
        if rollup.width <= DAY:
            for (bucket, dimensions), sums in groups.items():
                _add(rollups, (rollup.number, bucket, dimensions, shift), sums)
    for histogram, chunks in additions.histograms:
        if histogram.width <= DAY:
            for (bucket, offer, chunk), counts in chunks.items():
                _add(histograms, (histogram.number, bucket, offer, chunk), tuple(counts))


def _add(table: _Table, key: Key, sums: tuple[Any, ...]) -> None:
    known = table.get(key)
    table[key] = tuple(sums) if known is None else tuple(map(add, known, sums))


def _differences(table: str, stored: _Table, expected: _Table) -> Iterator[Difference]:
    for key in sorted(stored.keys() | expected.keys()):
        ours, theirs = stored.get(key), expected.get(key)
        if ours is None or theirs is None or not all(map(_is_same, ours, theirs)):
            yield Difference(table, key, ours, theirs)


def _is_same(one: float, other: float) -> bool:
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return math.isclose(one, other, rel_tol=_PRECISION, abs_tol=_SMALLEST_FRACTION)

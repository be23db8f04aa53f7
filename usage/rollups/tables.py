"""Adds sums to the tables: one statement a table, keys sorted, so that no two writers deadlock."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection

from usage.database import locks, statements, times
from usage.rollups import series
from usage.rollups.aggregation import Additions
from usage.rollups.bins import CHUNK
from usage.rollups.grouped import Dimensions
from usage.rollups.measures import MEASURE_COLUMNS, MEASURES, Kind

BINS = tuple(f"bin_{number}" for number in range(CHUNK))
_TYPES = {each.column: "float8" for each in MEASURES if each.kind is Kind.NUMBERS}
_TYPES["bucket"] = "timestamptz"
# Sums of fractions may keep a crumb of rounding: whole numbers say whether rows are left.
_LEFT = tuple(each.column for each in MEASURES if each.kind in (Kind.ROWS, Kind.TOKENS))
_ROLLUP_KEY = ("rollup", "bucket", "series")
_HISTOGRAM_KEY = ("histogram", "bucket", "series", "chunk")


class SumRows(NamedTuple):
    """What is to be added, as rows of the two tables, sorted by their keys."""

    rollups: list[tuple[Any, ...]]
    histograms: list[tuple[Any, ...]]


def add(additions: Additions) -> None:
    """Add to every rollup and histogram, in the caller's transaction."""
    add_rows(rows_of(additions))


def add_rows(rows: SumRows) -> None:
    """The same of rows that were made before. Their series must be there still."""
    _add_to("usage_rollups", _ROLLUP_KEY, MEASURE_COLUMNS, rows.rollups)
    _add_to("usage_histograms", _HISTOGRAM_KEY, BINS, rows.histograms)


def subtract(additions: Additions) -> None:
    """Take away what was added before, and the rows in which nothing is left."""
    rollups, histograms = rows_of(additions)
    _add_to("usage_rollups", _ROLLUP_KEY, MEASURE_COLUMNS, _negated(rollups, 3))
    _add_to("usage_histograms", _HISTOGRAM_KEY, BINS, _negated(histograms, 4))
    _drop_empty("usage_rollups", _ROLLUP_KEY, _LEFT, rollups)
    _drop_empty("usage_histograms", _HISTOGRAM_KEY, BINS, histograms)


def keep_writers_out() -> None:
    """Wait for all that write now, and keep others out until this transaction ends."""
    locks.hold_tables("usage_rollups", "usage_histograms")


def rows_of(additions: Additions) -> SumRows:
    """As the tables hold them, of series that are made where they are new."""
    wanted: defaultdict[series.Kind, set[Dimensions]] = defaultdict(set)
    for rollup, token_shift, groups in additions.rollups:
        wanted[rollup.grouping, token_shift].update(dimensions for _, dimensions in groups)
    for histogram, chunks in additions.histograms:
        wanted[histogram.grouping, 0].update(offer for _, offer, _ in chunks)
    ids = series.ids_of(wanted)
    begins = times.SecondsToStore()
    rollups = []
    for rollup, token_shift, groups in additions.rollups:
        number, of_kind = rollup.number, ids[rollup.grouping, token_shift]
        rollups += [
            (number, begins[bucket], of_kind[dimensions], *sums)
            for (bucket, dimensions), sums in groups.items()
        ]
    histograms = []
    for histogram, chunks in additions.histograms:
        number, of_kind = histogram.number, ids[histogram.grouping, 0]
        histograms += [
            (number, begins[bucket], of_kind[offer], chunk, *counts)
            for (bucket, offer, chunk), counts in chunks.items()
        ]
    rollups.sort()
    histograms.sort()
    return SumRows(rollups, histograms)


def _negated(rows: Iterable[tuple[Any, ...]], key_length: int) -> list[tuple[Any, ...]]:
    return [(*row[:key_length], *(-value for value in row[key_length:])) for row in rows]


def _add_to(
    table: str, key: Sequence[str], values: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    if not rows:
        return
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in values)
    statements.insert_sums(
        table,
        {name: _TYPES.get(name, "bigint") for name in (*key, *values)},
        rows,
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {added}",
    )


def _drop_empty(
    table: str, key: Sequence[str], counts: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    marks = {"bucket": times.stored_seconds()}
    is_this = " AND ".join(f"{name} = {marks.get(name, '%s')}" for name in key)
    is_empty = " AND ".join(f"{name} = 0" for name in counts)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM {table} WHERE {is_this} AND {is_empty}",
            [row[: len(key)] for row in rows],
        )

"""Moves what is in the sums from one name to another; whoever calls has decided on the names."""

from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import Any, NamedTuple

from django.db import connection

from usage.database import times
from usage.database.statements import slices
from usage.rollups import tables
from usage.rollups.aggregation import OTHER, additions_of
from usage.rollups.declarations import (
    GROUPINGS,
    ROLLUPS,
    ROLLUPS_AND_HISTOGRAMS,
    Grouping,
    Histogram,
    Rollup,
    quoted,
)
from usage.rollups.folding import read_columns, table_of
from usage.rollups.grouped import Dimensions


class MovedSeries(NamedTuple):
    """A combination of names, and what it counts as after the move."""

    token_shift: int
    target: Dimensions


Found = dict[str, dict[int, MovedSeries]]  # by grouping and id


def series_named(dimension: str, names: Sequence[str]) -> Found:
    """The series of these names, which `to_other` moves."""
    return {
        grouping.name: _series_in(grouping, dimension, names)
        for grouping in GROUPINGS
        if dimension in grouping.dimensions
    }


def to_other(found: Found, begin: int, end: int) -> int:
    """Move the sums of buckets that begin in [begin, end); how many there were."""
    moved = 0
    for kind in ROLLUPS_AND_HISTOGRAMS:
        known = found.get(kind.grouping.name, {})
        ids = sorted(known)
        for some in slices(ids):
            moved += _move(kind, {each: known[each] for each in some}, begin, end)
    return moved


def grouping_of(dimension: str) -> Grouping:
    """The one with the fewest series that tells it apart."""
    return next(each for each in GROUPINGS if dimension in each.dimensions)


def requests_by_name(dimension: str, names: Sequence[str] | None = None) -> dict[str, int]:
    """How many the sums have of each name, or of those alone; not of names without any."""
    grouping = grouping_of(dimension)
    widest = max((each for each in ROLLUPS if each.grouping is grouping), key=lambda r: r.width)
    name = f"usage_series.{quoted(dimension)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {name}, CAST(SUM(requests) AS BIGINT) FROM usage_rollups "
            "JOIN usage_series ON usage_series.id = usage_rollups.series "
            f"WHERE rollup = %s GROUP BY {name}",
            [widest.number],
        )
        found = {each: count for each, count in cursor.fetchall() if each not in {"", OTHER}}
    return found if names is None else {each: found[each] for each in names if each in found}


def delete_series(ids: Sequence[int]) -> None:
    """Those that no sum has any more. The version of the names must change meanwhile."""
    with connection.cursor() as cursor:
        for some in slices(ids):
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(f"DELETE FROM usage_series WHERE id IN ({marks})", some)


def _series_in(grouping: Grouping, dimension: str, names: Sequence[str]) -> dict[int, MovedSeries]:
    place = grouping.dimensions.index(dimension)
    columns = ", ".join(f"usage_series.{quoted(name)}" for name in grouping.dimensions)
    found: dict[int, MovedSeries] = {}
    with connection.cursor() as cursor:
        for some in slices(names):
            cursor.execute(
                f"SELECT id, token_shift, {columns} FROM usage_series WHERE grouping = %s "
                f"AND usage_series.{quoted(dimension)} IN ({', '.join(['%s'] * len(some))})",
                [grouping.name, *some],
            )
            for number, shift, *values in cursor.fetchall():
                target = (*values[:place], OTHER, *values[place + 1 :])
                found[number] = MovedSeries(shift, target)
    return found


def _move(kind: Rollup | Histogram, known: dict[int, MovedSeries], begin: int, end: int) -> int:
    table, columns, _ = table_of(kind)
    marks, at = ", ".join(["%s"] * len(known)), times.at_unix_seconds()
    where = f"{columns[0]} = %s AND bucket >= {at} AND bucket < {at} AND series IN ({marks})"
    parameters = [kind.number, begin, end, *known]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {read_columns(kind)} FROM {table} WHERE {where}", parameters)
        rows = cursor.fetchall()
        if not rows:
            return 0
        cursor.execute(f"DELETE FROM {table} WHERE {where}", parameters)
    tables.add(additions_of(kind, by_target(kind, rows, known)))
    return len(rows)


def by_target(
    kind: Rollup | Histogram, rows: Iterable[tuple[Any, ...]], known: Mapping[int, MovedSeries]
) -> dict[Any, tuple[Any, ...]]:
    """Rows of a table of sums, without their first column, as `additions_of` takes them."""
    first_value = table_of(kind)[2] - 3
    merged: dict[Any, tuple[Any, ...]] = {}
    for bucket, number, *rest in rows:
        shift, target = known[number]
        key = (bucket, target, shift if isinstance(kind, Rollup) else rest[0])
        values = tuple(rest[first_value:])
        merged[key] = tuple(map(add, merged[key], values)) if key in merged else values
    return merged

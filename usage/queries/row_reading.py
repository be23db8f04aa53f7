"""Reads raw rows: their sums by parts and by bucket at once, and how long each took."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection

from usage.database.joins import Sql
from usage.queries.microseconds import SECOND
from usage.queries.naming import Naming
from usage.queries.rows import Made, Rows, Use
from usage.rollups import keeping
from usage.rollups.aggregation import COLUMNS
from usage.rollups.bins import bin_sql, middle_of
from usage.rollups.declarations import HISTOGRAM_COLUMNS, quoted
from usage.rollups.measures import HALF, HALF_BITS, MEASURES, Kind, Measure
from usage.statuses import is_failure

Found = list[tuple[Any, Any]]  # of a use: see `read`

_AT_ONCE = 2_000
_TIMES = (Made.VALUES, Made.BINS)


class _Adder(NamedTuple):
    """How a measure is read from raw rows: SQL that sums columns, and a function of these sums."""

    sql: tuple[str, ...]
    whole: Callable[..., Any]  # of the status, and of the sums


def _adder(measure: Measure) -> _Adder:
    column = measure.of and quoted(measure.of)
    match measure.kind:
        case Kind.ROWS:
            return _Adder(("COUNT(*)",), lambda _, count: count)
        case Kind.FAILED:  # the status is one of the columns that rows are grouped by
            return _Adder(("COUNT(*)",), lambda status, count: count if is_failure(status) else 0)
        case Kind.TOKENS:  # in halves, of which no sum overflows
            halves = (f"{column} >> {HALF_BITS}", f"{column} & {HALF - 1}")
            sums = tuple(f"CAST(SUM({half}) AS BIGINT)" for half in halves)
            return _Adder(sums, lambda _, high, low: (high << HALF_BITS) + low)
        case Kind.NUMBERS:
            return _Adder((f"SUM({column})",), lambda _, total: total or 0.0)
        case Kind.PRESENT:
            return _Adder((f"COUNT({column})",), lambda _, count: count)
        case Kind.ABSENT:
            return _Adder((f"COUNT(*) - COUNT({column})",), lambda _, count: count)


_ADDERS = [_adder(measure) for measure in MEASURES]
_SUMS = ", ".join(sql for adder in _ADDERS for sql in adder.sql)
_middle_of = lru_cache(maxsize=10_000)(middle_of)


def read_rows(rows: Rows, uses: Sequence[Use], naming: Naming) -> list[Found]:
    """For each use what is made of the rows; add what comes twice.

    Sums by values of the dimensions, or by begin of the bucket in microseconds and such values; or
    by offer or bucket how many rows have each value of the columns, in milliseconds, and how often
    these count. Buckets of all are read with the first parts: with others as well nearly each row
    would be a group of its own.
    """
    found: list[Found] = [[] for _ in uses]
    for together in _together(uses):
        if uses[together[0]].made in _TIMES:
            (place,) = together
            found[place] += _read_times(rows, place, uses[place], naming)
        else:
            _read_sums(rows, [(place, uses[place]) for place in together], naming, found)
    return found


def _together(uses: Sequence[Use]) -> list[list[int]]:
    """The places of uses that are read by the same statement."""
    buckets = [
        place for place, use in enumerate(uses) if use.made is Made.BUCKETS and not use.dimensions
    ]
    groups = [[place] for place in range(len(uses)) if place not in buckets]
    if groups and uses[groups[0][0]].made is Made.PARTS:
        groups[0] += buckets
        return groups
    return [*groups, *([place] for place in buckets)]


def _read_sums(
    rows: Rows, uses: Sequence[tuple[int, Use]], naming: Naming, found: Sequence[Found]
) -> None:
    """By all that the uses tell apart, each where it takes the rows."""
    keys: list[Sql] = [("status", [])]
    for place, use in uses:
        keys.append((f"times_{place}", []))
        for sql, given in _told_apart(use, naming):
            keys.append((f"CASE WHEN times_{place} <> 0 THEN {sql} END", given))
    joins = naming.joins([name for _, use in uses for name in use.dimensions])
    is_taken = " OR ".join(f"times_{place} <> 0" for place, _ in uses)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_found(rows)} SELECT {', '.join(sql for sql, _ in keys)}, {_SUMS} FROM found {joins}"
            f" WHERE {is_taken} GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}",
            [*rows.parameters, *(value for _, given in keys for value in given)],
        )
        for row in cursor.fetchall():
            status, *key = row[: len(keys)]
            values = iter(row[len(keys) :])
            sums = tuple(adder.whole(status, *islice(values, len(adder.sql))) for adder in _ADDERS)
            left = iter(key)
            for place, use in uses:
                times = next(left)
                names = list(islice(left, _width(use)))
                if times:
                    found[place].append((_named(use, names), sums))


def _read_times(rows: Rows, place: int, use: Use, naming: Naming) -> Iterator[tuple[Any, Any]]:
    """How long requests took: by offer, for each column, how many rows have each value."""
    shown = [naming.shown(name) for name in use.dimensions]
    columns = ["bucket"] if use.by_bucket else [sql for sql, _ in shown]
    for name in map(quoted, HISTOGRAM_COLUMNS):
        is_binned = use.made is Made.BINS
        columns.append(
            f"CASE WHEN {name} IS NOT NULL THEN {bin_sql(name)} END" if is_binned else name
        )
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"{_found(rows)} SELECT times_{place}, {', '.join(columns)} FROM found"
            f" {naming.joins(use.dimensions)} WHERE times_{place} <> 0",
            [*rows.parameters, *(value for _, given in shown for value in given)],
        )
        width = 2 if use.by_bucket else 1 + len(use.dimensions)
        while some := cursor.fetchmany(_AT_ONCE):
            parts: defaultdict[tuple[Any, ...], list[Sequence[Any]]] = defaultdict(list)
            for row in some:
                parts[row[:width]].append(row[width:])
            for (times, *names), values in parts.items():
                counts = [Counter(column) for column in zip(*values, strict=True)]
                if use.made is Made.BINS:
                    counts = [_by_middle(column) for column in counts]
                key = names[0] * SECOND if use.by_bucket else _named(use, names)
                yield key, (counts, times)


def _by_middle(bins: Mapping[int | None, int]) -> Counter[float | None]:
    """Counts by number of a bin, by the time in its middle."""
    middles = {number: None if number is None else _middle_of(number) for number in bins}
    return Counter({middles[number]: count for number, count in bins.items()})


def _found(rows: Rows) -> str:
    """The rows as `found`. What is not used of its columns costs nothing."""
    times = [f"times_{place}" for place in range(len(rows.times))]
    names = ["moment", *map(quoted, COLUMNS), "bucket", *times]
    return (
        f"WITH found({', '.join(names)}) AS"
        f" (SELECT {keeping.columns()}, {', '.join([rows.bucket, *rows.times])} {rows.source})"
    )


def _told_apart(use: Use, naming: Naming) -> list[Sql]:
    buckets: list[Sql] = [("bucket", [])] if use.made is Made.BUCKETS else []
    return [*buckets, *(naming.shown(name) for name in use.dimensions)]


def _width(use: Use) -> int:
    return len(use.dimensions) + (1 if use.made is Made.BUCKETS else 0)


def _named(use: Use, names: Sequence[Any]) -> Any:
    if use.made is Made.BUCKETS:
        begin, *names = names
        return begin * SECOND, tuple(name or "" for name in names)
    return tuple(name or "" for name in names)

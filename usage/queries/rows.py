"""Reads raw rows: what no sums cover, and what plain SQL wrote and no sums hold yet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from math import gcd
from typing import Any, NamedTuple

from django.db import connection

from usage.asking.filters import UsageFilter
from usage.database import times
from usage.database.joins import Sql, by_index, each_of, given_table
from usage.models import UsageMetricQuerySet
from usage.queries.buckets import SECOND, BucketFinder, Run
from usage.queries.naming import Naming
from usage.queries.scope import FIRST, LAST, Scope, moment_of
from usage.queries.sums import Dimensions
from usage.queries.waiting import near, require_few, waiting_rows
from usage.rollups import keeping
from usage.rollups.aggregation import COLUMNS
from usage.rollups.declarations import QUARTER, quoted
from usage.rollups.measures import HALF, HALF_BITS, MEASURES, Kind, Measure, Sums
from usage.statuses import is_failure

_GIVEN = {"since": "timestamptz", "until": "timestamptz", "first": "bigint", "step": "bigint"}
_EARLY = 10**9 * QUARTER  # seconds to be positive by, since SQL divides to zero
_LOWER = HALF - 1


class _Adder(NamedTuple):
    """How a measure is read from raw rows: SQL that sums columns, and a function of these sums."""

    sql: tuple[str, ...]  # of columns, of which `whole` gets the values behind the status
    whole: Callable[..., Any]


def _adder(measure: Measure) -> _Adder:
    column = measure.of and quoted(measure.of)
    match measure.kind:
        case Kind.ROWS:
            return _Adder(("COUNT(*)",), lambda _, count: count)
        case Kind.FAILED:  # the status is one of the columns that rows are grouped by
            return _Adder(("COUNT(*)",), lambda status, count: count if is_failure(status) else 0)
        case Kind.TOKENS:  # in halves, of which no sum overflows
            halves = (f"{column} >> {HALF_BITS}", f"{column} & {_LOWER}")
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


class Rows(NamedTuple):
    """Some raw rows as SQL: a FROM clause that finds them, and the begin of each one's bucket."""

    source: str  # from FROM on
    parameters: list[Any]
    bucket: str  # in Unix seconds


def summed_rows(runs: Sequence[Run], wanted: UsageFilter, index: str, condition: str = "") -> Rows:
    """The rows of the runs that the sums hold and the filter and the condition match."""
    adapt = connection.ops.adapt_datetimefield_value
    ends = ((adapt(moment_of(run.begin)), adapt(moment_of(run.end))) for run in runs)
    buckets = ((run.first // SECOND, run.step // SECOND) for run in runs)
    given, parameters = given_table(
        _GIVEN, [(*end, *bucket) for end, bucket in zip(ends, buckets, strict=True)]
    )
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    within = f"timestamp >= since AND timestamp < until AND is_summed {conditions} {condition}"
    source = each_of(given, "usage_metrics", within, index)
    bucket = "first"
    if not all(run.is_one_bucket for run in runs):
        bucket = f"first + ({times.unix_seconds('timestamp')} - first) / step * step"
    return Rows(source, [*parameters, *values], bucket)


def unsummed_rows(scope: Scope, wanted: UsageFilter, unit: int) -> Rows:
    """The rows of the scope that the sums do not hold yet, in buckets of `unit` seconds."""
    time, moment = times.comparable("timestamp"), times.unix_seconds("timestamp")
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    begin, end = moment_of(scope.begin), moment_of(scope.end)
    is_near, outer_ends = near(begin, end)
    source = (
        f"FROM usage_metrics {by_index('idx_unsummed')} WHERE is_summed IS NULL AND {is_near}"
        f" AND {keeping.counted_at()} IS NOT NULL AND {time} >= %s AND {time} < %s {conditions}"
    )
    adapt = connection.ops.adapt_datetimefield_value
    ends = [*outer_ends, adapt(begin), adapt(end)]
    return Rows(source, [*ends, *values], f"({moment} + {_EARLY}) / {unit} * {unit} - {_EARLY}")


def unsummed_ends(wanted: UsageFilter) -> list[int]:
    """The first and the last second of the rows that the sums do not hold yet, if there are any.

    TooManyWaiting where they are too many to be looked at.
    """
    moment = keeping.counted_at()
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    require_few(moment_of(FIRST), moment_of(LAST))
    with connection.cursor() as cursor:
        cursor.execute(f"{waiting_rows(f'MIN({moment}), MAX({moment})')} {conditions}", values)
        return [moment for moment in cursor.fetchone() if moment is not None]


def unit_of(runs: Sequence[Run]) -> int:
    """The longest unit in seconds, up to a quarter of an hour, that no bucket's begin cuts."""
    return gcd(QUARTER, *(moment // SECOND for run in runs for moment in (run.first, run.step)))


def by_dimensions(
    rows: Rows, dimensions: Sequence[str], naming: Naming
) -> Iterator[tuple[Dimensions, Sums]]:
    """Of each combination of the dimensions; add what comes twice."""
    shown = [naming.shown(name) for name in dimensions]
    for values, sums in _read(rows, shown, naming.joins(dimensions)):
        yield tuple(value or "" for value in values), sums


def by_bucket(rows: Rows) -> Iterator[tuple[int, Sums]]:
    """By begin of the bucket in microseconds; add what comes twice."""
    for (begin,), sums in _read(rows, [("bucket", [])]):
        yield begin * SECOND, sums


def count_rows(rows: Rows, most: int) -> int:
    """How many there are, up to `most` and one more."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 {rows.source} LIMIT %s) AS found",
            [*rows.parameters, most + 1],
        )
        return int(cursor.fetchone()[0])


def in_buckets(
    by_unit: Iterable[tuple[int, Sums]], runs: Sequence[Run]
) -> Iterator[tuple[int, Sums]]:
    """Sums that were read by unit of time, now by the bucket of the runs that each falls into."""
    places = BucketFinder(runs)
    return ((places.begin_of_bucket(begin), sums) for begin, sums in by_unit)


def _read(
    rows: Rows, columns: Sequence[Sql], joins: str = ""
) -> Iterator[tuple[tuple[Any, ...], Sums]]:
    """For each combination of the columns its values and sums.

    SQL groups by the status as well, which tells failures apart; so a combination may come twice.
    """
    keys = [*columns, ("status", [])]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH found(moment, {', '.join(map(quoted, COLUMNS))}, bucket) AS"
            f" (SELECT {keeping.columns()}, {rows.bucket} {rows.source})"
            f" SELECT {', '.join(sql for sql, _ in keys)}, {_SUMS} FROM found {joins}"
            f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}",
            [*rows.parameters, *(value for _, values in keys for value in values)],
        )
        for row in cursor.fetchall():
            yield row[: len(columns)], _as_sums(*row[len(columns) :])


def _as_sums(status: str | None, *values: Any) -> Sums:
    left = iter(values)
    return tuple(adder.whole(status, *islice(left, len(adder.sql))) for adder in _ADDERS)


def _conditions_of(rows: UsageMetricQuerySet) -> Sql:
    """The WHERE clause of filters, beginning with AND; empty without filters."""
    if not rows.query.where:
        return "", []
    compiler = rows.query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(rows.query.where)
    return f"AND {sql}", list(parameters)

"""Which raw rows a question needs: what no sums cover, and what no sums hold yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import gcd
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from usage.asking.filters import UsageFilter
from usage.database.joins import Sql, by_index, each_of, given_table
from usage.database.times import comparable, unix_seconds
from usage.models import UsageMetricQuerySet
from usage.queries.buckets import Run
from usage.queries.microseconds import FIRST, LAST, SECOND, moment_of
from usage.queries.waiting import near, require_few, waiting_rows
from usage.rollups import keeping
from usage.rollups.declarations import QUARTER

_EARLY = 10**9 * QUARTER  # seconds to be positive by, since SQL divides to zero
_NO_BUCKET = (0, SECOND)


class Made(Enum):
    """What is made of rows."""

    PARTS = auto()  # sums by dimensions
    BUCKETS = auto()  # sums by bucket, and by dimensions
    VALUES = auto()  # how long each request took
    BINS = auto()  # the same, as exactly as the histograms


@dataclass(frozen=True, eq=False)
class Use:
    """One thing that is made of the raw rows of some runs.

    `left` are those that no sums cover, with how often each counts; `runs` are all of them. Times
    are `by_bucket`, or by the dimensions.
    """

    made: Made
    runs: Sequence[Run]
    left: Sequence[tuple[Run, int]]
    dimensions: tuple[str, ...] = ()
    by_bucket: bool = False

    @property
    def has_buckets(self) -> bool:
        return self.by_bucket or self.made is Made.BUCKETS


class Piece(NamedTuple):
    """A stretch of time that no end of a run cuts, and how often its rows count in each use.

    Microseconds since 1970; `first` and `step` as in `Run`, for the use that has buckets.
    """

    begin: int
    end: int
    first: int
    step: int
    times: tuple[int, ...]


class Rows(NamedTuple):
    """Some rows as SQL: where they are, where the buckets begin that they fall into, and how
    often each counts in each of the uses that they are read for."""

    source: str  # from FROM on
    parameters: list[Any]
    bucket: str  # in Unix seconds
    times: list[str]


def pieces_left(uses: Sequence[Use]) -> list[Piece]:
    """What sums leave to rows, each moment once however many uses it has."""
    return _pieces(uses, [use.left for use in uses])


def all_pieces(uses: Sequence[Use]) -> list[Piece]:
    """The runs of the uses, each moment once."""
    return _pieces(uses, [[(run, 1) for run in use.runs] for use in uses])


def summed_rows(
    pieces: Sequence[Piece], wanted: UsageFilter, index: str, condition: str = ""
) -> Rows:
    """The rows of the pieces, as far as the sums hold them too, and the condition on them does."""
    adapt = connection.ops.adapt_datetimefield_value
    times = [f"times_{place}" for place in range(len(pieces[0].times))]
    columns = dict.fromkeys(("since", "until"), "timestamptz")
    columns |= dict.fromkeys(("first", "step", *times), "bigint")
    given, parameters = given_table(
        columns,
        [
            (
                adapt(moment_of(piece.begin)),
                adapt(moment_of(piece.end)),
                piece.first // SECOND,
                piece.step // SECOND,
                *piece.times,
            )
            for piece in pieces
        ],
    )
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    within = f"timestamp >= since AND timestamp < until AND is_summed {conditions} {condition}"
    source = each_of(given, "usage_metrics", within, index)
    bucket = "first"
    if any(piece.end > piece.first + piece.step for piece in pieces if _has_bucket(piece)):
        bucket = f"first + ({unix_seconds('timestamp')} - first) / step * step"
    return Rows(source, [*parameters, *values], bucket, times)


def unsummed_rows(begin: int, end: int, wanted: UsageFilter, unit: int, uses: int) -> Rows:
    """The rows of [begin, end) that the sums do not hold yet, in buckets of `unit` seconds, for so
    many uses."""
    time, moment = comparable("timestamp"), unix_seconds("timestamp")
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    first, last = moment_of(begin), moment_of(end)
    is_near, outer_ends = near(first, last)
    source = (
        f"FROM usage_metrics {by_index('idx_unsummed')} WHERE is_summed IS NULL AND {is_near}"
        f" AND {keeping.counted_at()} IS NOT NULL AND {time} >= %s AND {time} < %s {conditions}"
    )
    adapt = connection.ops.adapt_datetimefield_value
    ends = [*outer_ends, adapt(first), adapt(last)]
    bucket = f"({moment} + {_EARLY}) / {unit} * {unit} - {_EARLY}"
    return Rows(source, [*ends, *values], bucket, ["1"] * uses)


def unsummed_ends(wanted: UsageFilter) -> list[int]:
    """The first and the last second of the rows that the sums do not hold yet, if there are any.

    Of those near the period; TooManyWaiting where they are too many to be looked at.
    """
    moment = keeping.counted_at()
    conditions, values = _conditions_of(wanted.rows_of_any_time())
    ends = wanted.period.start or moment_of(FIRST), wanted.period.end or moment_of(LAST)
    require_few(*ends)
    is_near, outer_ends = near(*ends)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{waiting_rows(f'MIN({moment}), MAX({moment})')} AND {is_near} {conditions}",
            [*outer_ends, *values],
        )
        return [moment for moment in cursor.fetchone() if moment is not None]


def unit_of(runs: Sequence[Run]) -> int:
    """The longest unit in seconds, up to a quarter of an hour, that no bucket's begin cuts."""
    return gcd(QUARTER, *(moment // SECOND for run in runs for moment in (run.first, run.step)))


def count_rows(rows: Rows, most: int) -> int:
    """How many there are, up to `most` and one more."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 {rows.source} LIMIT %s) AS found",
            [*rows.parameters, most + 1],
        )
        return int(cursor.fetchone()[0])


def _pieces(uses: Sequence[Use], runs: Sequence[Sequence[tuple[Run, int]]]) -> list[Piece]:
    found = []
    begin, bucket, times = 0, _NO_BUCKET, [0] * len(uses)
    for moment, place, change, run in sorted(_ends(runs), key=itemgetter(0)):
        if moment > begin and any(times):
            found.append(Piece(begin, moment, *bucket, tuple(times)))
        begin = moment
        times[place] += change
        if uses[place].has_buckets and run is not None:  # all have the same buckets
            bucket = run.first, run.step
    return found


def _ends(
    runs: Sequence[Sequence[tuple[Run, int]]],
) -> Iterator[tuple[int, int, int, Run | None]]:
    """When a run of which use begins to count how often more, and when it ends."""
    for place, some in enumerate(runs):
        for run, times in some:
            if run.begin < run.end:
                yield run.begin, place, times, run
                yield run.end, place, -times, None


def _has_bucket(piece: Piece) -> bool:
    return (piece.first, piece.step) != _NO_BUCKET


def _conditions_of(rows: UsageMetricQuerySet) -> Sql:
    """The WHERE clause of filters, beginning with AND; empty without filters."""
    if not rows.query.where:
        return "", []
    compiler = rows.query.get_compiler(connection=connection)
    sql, parameters = compiler.compile(rows.query.where)
    return f"AND {sql}", list(parameters)

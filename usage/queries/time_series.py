"""The time series of every question: sums by bucket, in Django's own words, as one statement."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from usage.database import times, trunc
from usage.database.joins import Among, AnyOf
from usage.database.numbers import SumOfFractions, SumOfIntegers
from usage.models import UsageRollup
from usage.queries.buckets import YEAR, length_of, reckonings
from usage.queries.covering import Stretch
from usage.queries.microseconds import SECOND, microseconds, moment_of
from usage.queries.sums import WIDTHS, Dimensions, SumsToRead
from usage.rollups.declarations import DAY
from usage.rollups.measures import MEASURES, Kind, Sums, unshifted

Key = tuple[int, Dimensions]  # where the bucket begins, in microseconds, and the names

_TRUNCS: dict[str, Callable[..., Any]] = {
    "1m": partial(trunc.TruncMinutes, minutes=1),
    "5m": partial(trunc.TruncMinutes, minutes=5),
    "15m": partial(trunc.TruncMinutes, minutes=15),
    "hour": trunc.TruncHour,
    "day": trunc.TruncDay,
    "week": trunc.TruncWeek,
    "month": trunc.TruncMonth,
    YEAR: trunc.TruncYear,
}
_SUM = {kind: SumOfFractions if kind is Kind.NUMBERS else SumOfIntegers for kind in Kind}
_SUMS = {
    sign: {f"sum_of_{each.column}": _SUM[each.kind](each.column, sign) for each in MEASURES}
    for sign in ("", "-")
}


def time_series(
    source: SumsToRead,
    interval: str,
    zone: ZoneInfo,
    dimensions: Sequence[str] = (),
    less: SumsToRead | None = None,
) -> Iterator[tuple[Key, Sums]]:
    """The sums by bucket, and by these dimensions of their series, and those of `less` taken off.

    Add what comes twice.
    """
    signed = [(source, ""), *([(less, "-")] if less else [])]
    signed = [(each, sign) for each, sign in signed if each.stretches and each.series.number]
    if not signed:
        return
    has_shift = any(shift for each, _ in signed for shift in each.series.counts)
    columns = ["bucket_start", *(f"series__{name}" for name in dimensions)]
    shift_at = len(columns)
    columns += ["series__token_shift"] if has_shift else []
    first, *others = (
        _grouped(
            tuple(columns), sign, interval, zone, *_reckoning(number, some, interval, zone)
        ).filter(_within(number, some, each))
        for each, sign in signed
        for number, some in _by_rollup(each.stretches).items()
    )
    moment = bucket_begin(interval, zone).moment
    # Of each rollup apart: SQLite would sort the rows of all, where those of each are in order.
    for row in first.union(*others, all=True) if others else first:
        sums = row[len(columns) :]
        yield (
            (microseconds(moment(row[0])), row[1:shift_at]),
            unshifted(sums, row[shift_at]) if has_shift else sums,
        )


@lru_cache(maxsize=100)  # for Django takes longer to put it together than the database to read
def _grouped(
    columns: tuple[str, ...],
    sign: str,
    interval: str,
    zone: ZoneInfo,
    how: tuple[trunc.Reckoning, ...],
    is_begin: bool,
) -> QuerySet[UsageRollup, tuple[Any, ...]]:
    rows = UsageRollup.objects.annotate(
        bucket_start=bucket_begin(interval, zone, how, is_begin=is_begin)
    )
    return rows.values_list(*columns).annotate(**_SUMS[sign])


def bucket_begin(
    interval: str, zone: ZoneInfo, how: tuple[trunc.Reckoning, ...] = (), *, is_begin: bool = True
) -> Any:
    """Where the bucket of an answer begins that a bucket of the sums falls into."""
    return _TRUNCS[interval]("bucket", tzinfo=zone, reckonings=how, is_begin=is_begin)


def _by_rollup(stretches: Sequence[Stretch]) -> dict[int, list[Stretch]]:
    """By number of the rollup, ascending; those together that touch."""
    found: defaultdict[int, list[Stretch]] = defaultdict(list)
    for each in sorted(stretches, key=lambda stretch: stretch.begin):
        some = found[each.number]
        if some and some[-1].end == each.begin:
            some[-1] = some[-1]._replace(end=each.end)
        else:
            some.append(each)
    return found


def _within(number: int, stretches: Sequence[Stretch], source: SumsToRead) -> Q:
    wanted = Q(rollup=number)
    if source.looks_up:
        wanted &= Q(AnyOf("series_id", "bigint", list(source.series.ids)))
    elif not source.series.are_all:
        wanted &= Q(Among("series_id", source.series.numbers))
    if len(stretches) == 1 and not source.looks_up:
        (only,) = stretches
        return wanted & Q(bucket__gte=moment_of(only.begin), bucket__lt=moment_of(only.end))
    width = WIDTHS[number] * SECOND
    begins = [
        moment_of(begin) for each in stretches for begin in range(each.begin, each.end, width)
    ]
    return wanted & Q(AnyOf("bucket", "timestamptz", times.stored(begins)))


def _reckoning(
    number: int, stretches: Sequence[Stretch], interval: str, zone: ZoneInfo
) -> tuple[tuple[trunc.Reckoning, ...], bool]:
    """How begins of the answer's buckets follow, and whether buckets of the sums are these."""
    width = WIDTHS[number]
    how = reckonings(stretches[0].begin, stretches[-1].end, interval, zone)
    if interval == "day":
        return how, width == DAY and not any(each.ahead for each in how)
    # Where rows were purged, a sum may lie in two buckets.
    is_begin = width * SECOND == length_of(interval)
    return how, is_begin and not any(each.ahead % width for each in how)

"""Reads the rollups: by series, or by bucket of a time series."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Sum

from usage.filters import UsageFilter
from usage.models import UsageRollup, UsageSeries
from usage.queries.buckets import SECOND
from usage.queries.covering import Stretch, rollups_of
from usage.queries.tables import Sql, each_of, one_of, table_of
from usage.rollups.declarations import DAY, MEASURES, ROLLUPS, TOTAL, Grouping

Sums = tuple[Any, ...]  # in the order of MEASURES
Dimensions = tuple[str, ...]  # in the order of the grouping's
_WIDTHS = {rollup.number: rollup.width for rollup in ROLLUPS}
_TOKENS = slice(2, 8)  # where MEASURES has the six token counts
_GIVEN = dict.fromkeys(("number", "since", "until", "first", "step", "width"), "bigint")
_WHOLE_BUCKETS = (
    "usage_rollups.rollup = given.number"
    " AND usage_rollups.bucket >= given.since AND usage_rollups.bucket < given.until"
)
_BUCKET = "given.first + (usage_rollups.bucket - given.first) / given.step * given.step"
_EACH = ", ".join(MEASURES)
# PostgreSQL's sums of bigint are numeric, which Python is slow to read.
_SUMS = ", ".join(
    f"SUM({name})" if name.endswith("_sum") else f"CAST(SUM({name}) AS BIGINT)" for name in MEASURES
)
# Looking up a bucket of a series costs as much as reading past so many others.
_LOOK_UP = {"sqlite": 10, "postgresql": 40}
_LITTLE = 10_000  # rows, from which on it is worth a statement to know better


class Series(NamedTuple):
    """The series of a grouping that match a filter, by id."""

    dimensions: dict[int, Dimensions]
    token_shifts: dict[int, int]  # only those with one
    are_all: bool
    of: int  # so many series has the grouping

    def with_shift(self, shift: int) -> "Series":
        ids = {number for number in self.dimensions if self.token_shifts.get(number, 0) == shift}
        some = {number: self.dimensions[number] for number in ids}
        are_all = self.are_all and len(some) == len(self.dimensions)
        return self._replace(dimensions=some, are_all=are_all)


class Source(NamedTuple):
    """The sums of some series in some stretches; `cost` is how many rows are read, about."""

    stretches: Sequence[Stretch]
    series: Series
    looks_up: bool
    cost: int


def series_of(grouping: Grouping, usage: UsageFilter) -> Series:
    found = usage.series().filter(grouping=grouping.name)
    rows = list(found.values_list("id", "token_shift", *grouping.dimensions))
    total = len(rows)
    if usage.dimensions:
        total = UsageSeries.objects.filter(grouping=grouping.name).count()
    return Series(
        {number: tuple(dimensions) for number, _, *dimensions in rows},
        {number: shift for number, shift, *_ in rows if shift},
        are_all=not usage.dimensions,
        of=total,
    )


def source_of(stretches: Sequence[Stretch], series: Series) -> Source:
    """A bucket can have a row of each series; all together have no more rows than requests."""
    if not stretches or not series.dimensions:
        return Source(stretches, series, looks_up=False, cost=0)
    buckets = sum(map(_buckets, stretches))
    look_ups = buckets * len(series.dimensions) * _LOOK_UP[connection.vendor]
    scanned = buckets * series.of
    may_look_up = not series.are_all and look_ups <= scanned
    if min(scanned, look_ups) > _LITTLE:
        scanned = min(scanned, _requests_about(stretches))
    if may_look_up and look_ups <= scanned:
        return Source(stretches, series, looks_up=True, cost=look_ups)
    return Source(stretches, series, looks_up=False, cost=scanned)


def by_series(source: Source) -> Iterator[tuple[Dimensions, Sums]]:
    """Of each series that has sums in the stretches; add what comes twice."""
    series = source.series
    for number, *sums in _read(f"usage_rollups.series, {_SUMS}", source, "GROUP BY 1"):
        yield series.dimensions[number], _whole(tuple(sums), series.token_shifts.get(number, 0))


def by_bucket(source: Source) -> Iterator[tuple[int, Sums]]:
    """Of all series together, by begin of the bucket in microseconds; add what comes twice."""
    for shift in {0, *source.series.token_shifts.values()}:
        some = source.series.with_shift(shift)
        # Rows that are buckets already need no grouping, which costs as much again.
        is_grouped = len(some.dimensions) > 1 or not _are_buckets(source.stretches)
        columns, group = (_SUMS, "GROUP BY 1") if is_grouped else (_EACH, "")
        for begin, *sums in _read(f"{_BUCKET}, {columns}", source._replace(series=some), group):
            yield begin * SECOND, _whole(tuple(sums), shift)


def count_requests(stretches: Sequence[Stretch], series: Series) -> int:
    return sum(sums[0] for _, sums in by_series(source_of(stretches, series)))


def _read(columns: str, source: Source, group: str) -> list[tuple[Any, ...]]:
    stretches, series = source.stretches, source.series
    if not stretches or not series.dimensions:
        return []
    given = table_of(_GIVEN, [_in_seconds(each) for each in stretches])
    if source.looks_up:
        found, parameters = _looked_up(given, list(series.dimensions))
    else:
        found, parameters = _scanned(given, None if series.are_all else list(series.dimensions))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} {found} {group}", parameters)
        return list(cursor.fetchall())


def _scanned(given: Sql, numbers: Sequence[int] | None) -> Sql:
    """All rows of the stretches, and of them those of the series with the numbers."""
    if numbers is None:
        return each_of(given[0], "usage_rollups", _WHOLE_BUCKETS), given[1]
    restriction, values = one_of("usage_rollups.series", numbers)
    source = each_of(given[0], "usage_rollups", f"{_WHOLE_BUCKETS} AND {restriction}")
    return source, [*given[1], *values]


def _looked_up(given: Sql, numbers: Sequence[int]) -> Sql:
    """Each bucket of each series on its own: the primary key's series come behind the bucket."""
    wanted = table_of({"id": "bigint"}, [(number,) for number in numbers])
    each_bucket_and_series = (
        f"({_each_bucket(given[0])}) AS given CROSS JOIN (SELECT id FROM {wanted[0]}) AS wanted"
    )
    conditions = (
        "usage_rollups.rollup = given.number AND usage_rollups.bucket = given.since"
        " AND usage_rollups.series = wanted.id"
    )
    source = each_of(each_bucket_and_series, "usage_rollups", conditions)
    return source, [*given[1], *wanted[1]]


def _each_bucket(given: str) -> str:
    """The stretches in SQL, cut into the sums' own buckets, of which each begins at `since`."""
    if connection.vendor == "sqlite":
        names = ", ".join(_GIVEN)
        return (
            f"WITH RECURSIVE bucket({names}) AS (SELECT {names} FROM {given} UNION ALL"
            " SELECT number, since + width, until, first, step, width FROM bucket"
            " WHERE since + width < until) SELECT * FROM bucket"
        )
    # Citus refuses to join with what is recursive.
    return (
        "SELECT number, bucket AS since, until, first, step, width"
        f" FROM {given}, generate_series(since, until - 1, width) AS bucket"
    )


def _are_buckets(stretches: Sequence[Stretch]) -> bool:
    """Whether there are about as many rows of a series in the stretches as buckets."""
    rows = sum(map(_buckets, stretches))
    return rows <= 2 * sum((each.end - each.begin) // each.step + 1 for each in stretches)


def _buckets(stretch: Stretch) -> int:
    """How many of the sums' own."""
    return (stretch.end - stretch.begin) // (_WIDTHS[stretch.number] * SECOND)


def _requests_about(stretches: Sequence[Stretch]) -> int:
    """From the first day of the stretches to the last."""
    days = rollups_of(TOTAL)[DAY * SECOND]
    begin = min(stretch.begin for stretch in stretches) // SECOND
    end = max(stretch.end for stretch in stretches) // SECOND
    found = UsageRollup.objects.filter(rollup=days, bucket__gt=begin - DAY, bucket__lt=end)
    return int(found.aggregate(requests=Sum("requests", default=0))["requests"])


def _in_seconds(stretch: Stretch) -> list[int]:
    number, *moments = stretch
    return [number, *(moment // SECOND for moment in moments), _WIDTHS[number]]


def _whole(sums: Sums, shift: int) -> Sums:
    if not shift:
        return sums
    return (*sums[:2], *(count << shift for count in sums[_TOKENS]), *sums[8:])

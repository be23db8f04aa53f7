"""Reads the rollups: by series, or by bucket of a time series."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection

from usage.filters import UsageFilter
from usage.models import UsageSeries
from usage.queries.buckets import SECOND
from usage.queries.covering import Stretch
from usage.queries.tables import Sql, each_of, one_of, table_of
from usage.rollups.declarations import MEASURES, ROLLUPS, Grouping

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
# Looking up each bucket of some series is quicker than reading past all the others from so many
# times more series on.
_FEW = {"sqlite": 10, "postgresql": 40}


class Series(NamedTuple):
    """The series of a grouping that match a filter, by id."""

    dimensions: dict[int, Dimensions]
    token_shifts: dict[int, int]  # only those with one
    are_all: bool
    are_few: bool

    def with_shift(self, shift: int) -> "Series":
        ids = {number for number in self.dimensions if self.token_shifts.get(number, 0) == shift}
        some = {number: self.dimensions[number] for number in ids}
        are_all = self.are_all and len(some) == len(self.dimensions)
        return self._replace(dimensions=some, are_all=are_all)


def series_of(grouping: Grouping, usage: UsageFilter) -> Series:
    found = usage.series().filter(grouping=grouping.name)
    rows = list(found.values_list("id", "token_shift", *grouping.dimensions))
    are_few = False
    if usage.dimensions:
        total = UsageSeries.objects.filter(grouping=grouping.name).count()
        are_few = len(rows) * _FEW[connection.vendor] <= total
    return Series(
        {number: tuple(dimensions) for number, _, *dimensions in rows},
        {number: shift for number, shift, *_ in rows if shift},
        are_all=not usage.dimensions,
        are_few=are_few,
    )


def by_series(stretches: Sequence[Stretch], series: Series) -> Iterator[tuple[Dimensions, Sums]]:
    """Of each series that has sums in the stretches; add what comes twice."""
    for number, *sums in _read(f"usage_rollups.series, {_SUMS}", stretches, series, "GROUP BY 1"):
        yield series.dimensions[number], _whole(tuple(sums), series.token_shifts.get(number, 0))


def by_bucket(stretches: Sequence[Stretch], series: Series) -> Iterator[tuple[int, Sums]]:
    """Of all series together, by begin of the bucket in microseconds; add what comes twice."""
    for shift in {0, *series.token_shifts.values()}:
        some = series.with_shift(shift)
        # Rows that are buckets already need no grouping, which costs as much again.
        is_grouped = len(some.dimensions) > 1 or not _are_buckets(stretches)
        columns, group = (_SUMS, "GROUP BY 1") if is_grouped else (_EACH, "")
        for begin, *sums in _read(f"{_BUCKET}, {columns}", stretches, some, group):
            yield begin * SECOND, _whole(tuple(sums), shift)


def count_requests(stretches: Sequence[Stretch], series: Series) -> int:
    return sum(sums[0] for _, sums in by_series(stretches, series))


def _read(
    columns: str, stretches: Sequence[Stretch], series: Series, group: str
) -> list[tuple[Any, ...]]:
    if not stretches or not series.dimensions:
        return []
    given = table_of(_GIVEN, [_in_seconds(each) for each in stretches])
    if series.are_few:
        source, parameters = _looked_up(given, list(series.dimensions))
    else:
        source, parameters = _scanned(given, None if series.are_all else list(series.dimensions))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} {source} {group}", parameters)
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
    names = ", ".join(_GIVEN)
    each_bucket_and_series = (
        f"(WITH RECURSIVE bucket({names}) AS (SELECT {names} FROM {given[0]} UNION ALL"
        " SELECT number, since + width, until, first, step, width FROM bucket"
        " WHERE since + width < until) SELECT * FROM bucket) AS given"
        f" CROSS JOIN (SELECT id FROM {wanted[0]}) AS wanted"
    )
    conditions = (
        "usage_rollups.rollup = given.number AND usage_rollups.bucket = given.since"
        " AND usage_rollups.series = wanted.id"
    )
    source = each_of(each_bucket_and_series, "usage_rollups", conditions)
    return source, [*given[1], *wanted[1]]


def _are_buckets(stretches: Sequence[Stretch]) -> bool:
    """Whether there are about as many rows of a series in the stretches as buckets."""
    rows = sum((each.end - each.begin) // (_WIDTHS[each.number] * SECOND) for each in stretches)
    return rows <= 2 * sum((each.end - each.begin) // each.step + 1 for each in stretches)


def _in_seconds(stretch: Stretch) -> list[int]:
    number, *moments = stretch
    return [number, *(moment // SECOND for moment in moments), _WIDTHS[number]]


def _whole(sums: Sums, shift: int) -> Sums:
    if not shift:
        return sums
    return (*sums[:2], *(count << shift for count in sums[_TOKENS]), *sums[8:])

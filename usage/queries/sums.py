"""Which sums answer a question, what reading them costs, and reading them by names."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import connection
from django.db.models import Sum

from usage.database import times
from usage.database.joins import Sql, each_of, given_table, in_steps, look_up_cost
from usage.models import UsageRollup
from usage.queries.covering import Stretch, rollups_of
from usage.queries.matching import Series
from usage.queries.microseconds import SECOND, moment_of
from usage.rollups.declarations import DAY, ROLLUPS, TOTAL, quoted
from usage.rollups.measures import MEASURES, Sums, unshifted

Dimensions = tuple[str, ...]  # the values of some dimensions
WIDTHS = {rollup.number: rollup.width for rollup in ROLLUPS}
_GIVEN = dict.fromkeys(("number", "since", "until", "width"), "bigint")
_SUMS = ", ".join(measure.sum_sql for measure in MEASURES)
_NAMED_SUMS = ", ".join(f"{measure.sum_sql} AS {measure.column}" for measure in MEASURES)
_LITTLE = 10_000  # rows, from which on it is worth a statement to know better


class SumsToRead(NamedTuple):
    """The sums of some series in some stretches; `cost` is how many rows are read, about."""

    stretches: Sequence[Stretch]
    series: Series
    looks_up: bool
    cost: int


def source_of(stretches: Sequence[Stretch], series: Series) -> SumsToRead:
    """A bucket can have a row of each series; all together have no more rows than requests."""
    if not stretches or not series.number:
        return SumsToRead(stretches, series, looks_up=False, cost=0)
    buckets = sum(map(_buckets, stretches))
    look_ups = buckets * series.number * look_up_cost()
    scanned = buckets * series.of
    may_look_up = not series.are_all and look_ups <= scanned
    if min(scanned, look_ups) > _LITTLE:
        scanned = min(scanned, _requests_about(stretches))
    if may_look_up and look_ups <= scanned:
        return SumsToRead(stretches, series, looks_up=True, cost=look_ups)
    return SumsToRead(stretches, series, looks_up=False, cost=scanned)


def by_dimensions(
    source: SumsToRead, dimensions: Sequence[str]
) -> Iterator[tuple[Dimensions, Sums]]:
    """Of each combination of the dimensions, in their order; add what comes twice.

    Series are put together by the database: there may be very many more of them.
    """
    found, parameters = _source("usage_rollups.series, " + _NAMED_SUMS, source, "GROUP BY 1")
    if not found:
        return
    columns = [f"usage_series.{quoted(name)}" for name in (*dimensions, "token_shift")]
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)}, {_SUMS} FROM ({found}) AS found"
            f" JOIN usage_series ON usage_series.id = found.series GROUP BY {places}",
            parameters,
        )
        for row in cursor.fetchall():
            values, shift, sums = row[: len(dimensions)], row[len(dimensions)], row[len(columns) :]
            yield values, unshifted(sums, shift)


def count_requests(stretches: Sequence[Stretch], series: Series) -> int:
    return sum(sums[0] for _, sums in by_dimensions(source_of(stretches, series), ()))


def _source(columns: str, source: SumsToRead, group: str) -> Sql:
    """The columns of its rows; nothing where it has none."""
    stretches, series = source.stretches, source.series
    if not stretches or not series.number:
        return "", []
    given = given_table(_GIVEN, [_in_seconds(each) for each in stretches])
    if source.looks_up:
        found, parameters = _named(given, list(series.ids))
    else:
        found, parameters = _scanned(given, series)
    return f"SELECT {columns} {found} {group}", parameters


def _scanned(given: Sql, series: Series) -> Sql:
    """All rows of the stretches, and of them those of the series."""
    whole_buckets = (
        "usage_rollups.rollup = given.number"
        f" AND usage_rollups.bucket >= {times.at_unix_seconds('given.since')}"
        f" AND usage_rollups.bucket < {times.at_unix_seconds('given.until')}"
    )
    if series.are_all:
        return each_of(given[0], "usage_rollups", whole_buckets), given[1]
    restriction, values = series.among("usage_rollups.series")
    source = each_of(given[0], "usage_rollups", f"{whole_buckets} AND {restriction}")
    return source, [*given[1], *values]


def _named(given: Sql, numbers: Sequence[int]) -> Sql:
    """Each bucket of each series on its own: the primary key's series come behind the bucket."""
    named = given_table({"id": "bigint"}, [(number,) for number in numbers])
    each_bucket_and_series = (
        f"({in_steps(given[0], _GIVEN)}) AS given CROSS JOIN (SELECT id FROM {named[0]}) AS named"
    )
    conditions = (
        "usage_rollups.rollup = given.number"
        f" AND usage_rollups.bucket = {times.at_unix_seconds('given.since')}"
        " AND usage_rollups.series = named.id"
    )
    source = each_of(each_bucket_and_series, "usage_rollups", conditions)
    return source, [*given[1], *named[1]]


def _buckets(stretch: Stretch) -> int:
    """How many of the sums' own."""
    return (stretch.end - stretch.begin) // (WIDTHS[stretch.number] * SECOND)


def _requests_about(stretches: Sequence[Stretch]) -> int:
    """From the first day of the stretches to the last."""
    days = rollups_of(TOTAL)[DAY * SECOND]
    begin = moment_of(min(stretch.begin for stretch in stretches) - DAY * SECOND)
    end = moment_of(max(stretch.end for stretch in stretches))
    found = UsageRollup.objects.filter(rollup=days, bucket__gt=begin, bucket__lt=end)
    return int(found.aggregate(requests=Sum("requests", default=0))["requests"])


def _in_seconds(stretch: Stretch) -> list[int]:
    return [
        stretch.number,
        stretch.begin // SECOND,
        stretch.end // SECOND,
        WIDTHS[stretch.number],
    ]

"""What there is to choose from: values of a column, the first and last request."""

import datetime as dt

from django.db import connection
from django.db.models import Max, Min, Sum

from usage.asking.filters import UsageFilter
from usage.models import UsageMetric, UsageMetricQuerySet, UsageRollup
from usage.queries.basis import not_looked_at, wanted_without
from usage.queries.covering import rollups_of, smallest_grouping
from usage.queries.microseconds import FIRST, LAST, SECOND, moment_of
from usage.queries.naming import with_others
from usage.queries.rows import unsummed_ends
from usage.queries.waiting import MOST_READ, waiting_rows
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import DAY, MODEL, NO_SUMS, OPTIONAL, TOTAL
from usage.rollups.standing import ALL_FILLED, fillings

_DAY = dt.timedelta(seconds=DAY)


def model_names(limit: int = 500) -> list[str]:
    """The models that the sums or rows have, those of purged rows too, in alphabetical order.

    Of rows that the sums do not hold yet, some are looked at.
    """
    widest = max(rollups_of(MODEL).items())[1]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT usage_series.model FROM usage_series WHERE id IN"
            f" (SELECT series FROM usage_rollups WHERE rollup = %s) AND model <> '{OTHER}' UNION"
            f" SELECT model FROM ({waiting_rows('model')} LIMIT %s) AS found ORDER BY 1 LIMIT %s",
            [widest, MOST_READ, limit],
        )
        return [name for (name,) in cursor.fetchall()]


def distinct_values(
    rows: UsageMetricQuerySet, column: str, limit: int, beginning: str | None = None
) -> list[str]:
    """The first distinct values of `column`, from `beginning` on, in order.

    Each is found by one step through the index that the column leads.
    """
    bounded = rows if beginning is None else rows.filter(**{f"{column}__gte": beginning})
    value = bounded.aggregate(value=Min(column))["value"]
    values: list[str] = []
    while value is not None and len(values) < limit:
        values.append(value)
        value = rows.filter(**{f"{column}__gt": value}).aggregate(value=Min(column))["value"]
    return values


def oldest_and_newest() -> tuple[dt.datetime, dt.datetime] | None:
    """The times of the first and last request; None when there is none."""
    oldest = UsageMetric.objects.aggregate(moment=Min("timestamp"))["moment"]
    newest = UsageMetric.objects.aggregate(moment=Max("timestamp"))["moment"]
    return None if oldest is None else (oldest, newest)


def ends_of(wanted: UsageFilter) -> tuple[dt.datetime, dt.datetime] | None:
    """The first and the last moment of the days of UTC that have usage, as far as in the period.

    Days of the sums: a part of one may have none, and filters that the sums do not know, or not of
    all rows yet, are not looked at. None where there is none at all.
    """
    period = wanted.period
    if _do_sums_lack_rows(wanted):
        wanted = not_looked_at(wanted, OPTIONAL)
    grouping = smallest_grouping(wanted.dimensions)
    series = with_others(wanted).series().filter(grouping=grouping.name)
    days = UsageRollup.objects.filter(
        rollup=rollups_of(grouping)[DAY * SECOND],
        bucket__range=(moment_of(FIRST), moment_of(LAST)),  # others Python's calendar lacks
    )
    if wanted.dimensions:
        days = days.filter(series__in=series.values("id"))
    if wanted.period.start is not None:
        days = days.filter(bucket__gt=max(wanted.period.start, moment_of(FIRST)) - _DAY)
    if wanted.period.end is not None:
        days = days.filter(bucket__lte=wanted.period.end)
    found = days.aggregate(first=Min("bucket"), last=Max("bucket"))
    moments = [] if found["first"] is None else [found["first"], found["last"] + _DAY]
    moments += [
        moment_of(min(max(seconds * SECOND, FIRST), LAST)) for seconds in unsummed_ends(wanted)
    ]
    if not moments:
        return None
    first, last = min(moments), min(max(moments), moment_of(LAST))
    return max(first, period.start or first), min(last, period.end or last)


def _do_sums_lack_rows(wanted: UsageFilter) -> bool:
    grouping = smallest_grouping(wanted.dimensions)
    is_filled = fillings().get(grouping.came_with, ALL_FILLED) == ALL_FILLED
    return grouping is NO_SUMS or not is_filled or bool(wanted_without(wanted))


def records_persisted() -> int:
    """How many rows the sums hold: purging raw rows does not lower it."""
    by_day = UsageRollup.objects.filter(rollup=rollups_of(TOTAL)[DAY * SECOND])
    return int(by_day.aggregate(requests=Sum("requests", default=0))["requests"])

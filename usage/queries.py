"""Every aggregate over usage. One statement answers a whole report, so its parts agree."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q, Sum

from usage.expressions import ExactSum, UtcHour
from usage.filters import UsageFilter
from usage.models import FAILED, UsageMetric, UsageMetricQuerySet, UsageRollup
from usage.periods import Period

MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Figures:
    """Sums that can be added to each other; averages and rates come from them."""

    requests: int = 0
    failed_requests: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    latency_ms_sum: float = 0.0
    latency_count: int = 0
    cost_usd_sum: float = 0.0
    unpriced_requests: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        mine, theirs = vars(self), vars(other)
        return Figures(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def avg_latency_ms(self) -> float | None:
        """Over the requests that reported a latency; None when none did."""
        return self.latency_ms_sum / self.latency_count if self.latency_count else None

    @property
    def cost_usd(self) -> float | None:
        """Of the priced requests; None when there are requests and none is priced."""
        return None if 0 < self.requests == self.unpriced_requests else self.cost_usd_sum

    @property
    def success_rate(self) -> float | None:
        """0 to 1; None without requests."""
        return 1 - self.failed_requests / self.requests if self.requests else None


@dataclass(frozen=True)
class ModelUsage:
    model: str
    figures: Figures


@dataclass(frozen=True)
class Bucket:
    """One UTC hour with requests in it."""

    start: dt.datetime
    figures: Figures


@dataclass(frozen=True)
class UsageReport:
    """`by_model` is by tokens, descending; `timeseries` by time, only hours with requests."""

    totals: Figures
    by_model: list[ModelUsage]
    timeseries: list[Bucket]


# In the order of Figures' fields. The names differ from the columns', which aggregates refer to.
_SUMS = {
    "sum_requests": Count("id"),
    "sum_failed": Count("id", filter=FAILED),
    "sum_tokens": ExactSum("total_tokens"),
    "sum_prompt": ExactSum("prompt_tokens"),
    "sum_completion": ExactSum("completion_tokens"),
    "sum_cached": ExactSum("cached_tokens"),
    "sum_reasoning": ExactSum("reasoning_tokens"),
    "sum_latency": Sum("latency_ms", default=0.0),
    "count_latency": Count("latency_ms"),
    "sum_cost": Sum("cost_usd", default=0.0),
    "sum_unpriced": Count("id", filter=Q(cost_usd=None)),
}


def usage_report(usage: UsageFilter) -> UsageReport:
    """Totals, parts by model and hourly UTC buckets (only those with requests) of the rows."""
    totals = Figures()
    models: defaultdict[str, Figures] = defaultdict(Figures)
    hours: defaultdict[dt.datetime, Figures] = defaultdict(Figures)
    grouped = usage.rows().annotate(hour=UtcHour("timestamp")).values_list("hour", "model")
    for hour, model, *sums in grouped.annotate(**_SUMS).order_by():
        figures = Figures(*sums)
        totals += figures
        models[model] += figures
        hours[hour] += figures
    by_tokens = sorted(models.items(), key=lambda item: (-item[1].tokens, item[0]))
    return UsageReport(
        totals=totals,
        by_model=[ModelUsage(model, figures) for model, figures in by_tokens],
        timeseries=[Bucket(hour, hours[hour]) for hour in sorted(hours)],
    )


class TooManyBuckets(ValueError):
    """A series without gaps would be longer than anyone can use."""


def without_gaps(series: list[Bucket], period: Period) -> list[Bucket]:
    """The series with an empty bucket for each hour of `period` that has none.

    Where `period` is open it ends with the series. TooManyBuckets past MOST_BUCKETS.
    """
    first = period.start or (series[0].start if series else None)
    last = period.end or (series[-1].start if series else None)
    if first is None or last is None:
        return series
    hour = first.replace(minute=0, second=0, microsecond=0)
    count = (last - hour) // dt.timedelta(hours=1) + 1
    if count > MOST_BUCKETS:
        raise TooManyBuckets(count)
    found = {bucket.start: bucket for bucket in series}
    hours = (hour + dt.timedelta(hours=number) for number in range(count))
    return [found.get(start) or Bucket(start, Figures()) for start in hours]


def usage_totals(usage: UsageFilter) -> Figures:
    """The totals of a report alone, for less work."""
    return Figures(*usage.rows().aggregate(**_SUMS).values())


def model_names(limit: int = 500) -> list[str]:
    """Distinct models in alphabetical order."""
    return distinct_values(UsageMetric.objects.all(), "model", limit)


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


def records_persisted() -> int:
    """How many rows the sums hold: purging raw rows does not lower it."""
    by_day = UsageRollup.objects.filter(rollup=3)
    return int(by_day.aggregate(requests=Sum("requests", default=0))["requests"])

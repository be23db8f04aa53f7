"""Series without gaps: an empty bucket where there were no requests."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from usage.periods import UTC, Period
from usage.queries.bound import TooManyBuckets, is_too_long
from usage.queries.buckets import buckets
from usage.queries.figures import Bucket
from usage.queries.microseconds import FIRST, LAST, microseconds, moment_of
from usage.rollups.measures import Figures


def without_gaps(
    series: Sequence[Bucket],
    period: Period,
    interval: str = "hour",
    zone: ZoneInfo = UTC,
    of: int = 1,
) -> list[Bucket]:
    """The series with an empty bucket wherever `period` has none.

    Where `period` is open it ends with the series. TooManyBuckets where `of` so many series it
    would have more than MOST_BUCKETS.
    """
    first = period.start or (series[0].start if series else None)
    last = period.end or (series[-1].start if series else None)
    if first is None or last is None:
        return list(series)
    # The bucket that the period begins in can begin before it, and be the only one.
    begin, end = max(microseconds(first), FIRST), min(microseconds(max(first, last)) + 1, LAST)
    if is_too_long(begin, end, interval, zone, of):
        raise TooManyBuckets
    starts = [start for run in buckets(begin, end, interval, zone) for start in run.starts]
    found = {bucket.start: bucket for bucket in series}
    moments = map(moment_of, starts)
    return [found.get(moment) or Bucket(moment, Figures()) for moment in moments]

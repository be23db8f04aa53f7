"""How long a series may be, told before any of it is read."""

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from django.utils import timezone

from usage.periods import Period
from usage.queries.buckets import at_least, buckets, length_of
from usage.queries.covering import rollups_of
from usage.queries.microseconds import moment_of
from usage.queries.occupied import Range, joined, occupied
from usage.queries.scope import Holdings, Scope
from usage.rollups.declarations import TOTAL

MOST_BUCKETS = 20_000
_BUCKETS_AT_ONCE = 5_000
_LITTLE = 1_000  # buckets, which are read whether there is anything in them or not
_DAY = length_of("day")


# Of what no sums are as narrow as: all its rows are read.
_LONGEST_HOURS = {"1m": 6, "5m": 48}


class RangeTooLong(ValueError):
    """The buckets are too narrow for so long a range."""

    def __init__(self, interval: str) -> None:
        super().__init__(
            f"`interval={interval}` is for up to {_LONGEST_HOURS[interval]} hours: narrow `from`"
            " and `to`, or ask for a longer `interval`"
        )


class TooManyBuckets(ValueError):
    """The series would be longer than anyone can use, or than is answered in one piece."""


def require_short(period: Period, held: Holdings, interval: str) -> None:
    """RangeTooLong where the period is longer than buckets so narrow are told of."""
    if interval not in _LONGEST_HOURS or held.begin >= held.end:
        return
    begin = period.start or moment_of(held.begin)
    end = period.end or timezone.now()
    if end - begin > dt.timedelta(hours=_LONGEST_HOURS[interval]):
        raise RangeTooLong(interval)


def is_too_long(begin: int, end: int, interval: str, zone: ZoneInfo, series: int = 1) -> bool:
    """Whether so many series without gaps would have more than MOST_BUCKETS."""
    if begin >= end:
        return False
    most = MOST_BUCKETS // series
    if at_least(begin, end, interval) > most + 1:  # lest the calendar be gone through
        return True
    runs = buckets(begin, end, interval, zone)
    return sum(len(run.starts) for run in runs) > most


def bounded_ranges(
    scope: Scope, held: Holdings, interval: str, zone: ZoneInfo, grain: int, series: int = 1
) -> list[Range]:
    """The ranges of a scope that can have buckets; TooManyBuckets where those are too many.

    A lonely row of another age leaves ages between that nobody has to go through. `grain` is the
    width of the narrowest sums that are read, which the ranges do not cut, and `series` how many
    have these buckets.
    """
    is_bounded = not is_too_long(scope.begin, scope.end, interval, zone, series)
    if is_bounded and at_least(scope.begin, scope.end, interval) <= _LITTLE:
        return [(scope.begin, scope.end)]
    length = length_of(interval)
    widths = rollups_of(TOTAL)
    width = max(grain, next((width for width in widths if length % width == 0), min(widths)))
    found, count, last = [], 0, None
    for moment in occupied(scope, held, width):
        found.append(moment)
        if moment // length != last:
            last, count = moment // length, count + max(1, width // length)
        if count > MOST_BUCKETS // series and not is_bounded:
            raise TooManyBuckets
    return joined(found, width, max(length, _DAY), scope)


def portions(scope: Scope, held: Holdings) -> Iterator[list[Range]]:
    """The ranges of a scope that hold hours of UTC, ascending, some thousand hours at a time."""
    width = length_of("hour")
    hours = occupied(scope, held, width)
    while some := list(islice(hours, _BUCKETS_AT_ONCE)):
        yield joined(some, width, _DAY, scope)

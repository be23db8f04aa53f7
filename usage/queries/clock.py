"""A zone's local clock, in Unix seconds: where its offset changes, where its days begin."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = 86_400


@lru_cache(maxsize=4096)
def offset_changes(zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """The moments of a UTC year at which the offset from UTC changes, with the new offset."""
    first = _unix(dt.datetime(year, 1, 1, tzinfo=dt.UTC))
    last = _unix(dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC))
    changes = []
    for moment in range(first, last, DAY):  # no zone changes twice in a day
        if offset_at(zone, moment - 1) != offset_at(zone, moment + DAY - 1):
            change = _first_after_change(zone, moment - 1, moment + DAY - 1)
            changes.append((change, offset_at(zone, change)))
    return tuple(changes)


def offset_at(zone: ZoneInfo, moment: int) -> int:
    """By how many seconds the local clock is ahead of UTC."""
    offset = dt.datetime.fromtimestamp(moment, zone).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds


def date_at(zone: ZoneInfo, moment: int) -> dt.date:
    return dt.datetime.fromtimestamp(moment, zone).date()


def begin_of(zone: ZoneInfo, day: dt.date) -> int:
    """The first moment of a local day; of the next one when the zone skips the whole day."""
    # Where the clock is put forward at midnight, that is the moment at which it is.
    return _unix(dt.datetime(day.year, day.month, day.day, tzinfo=zone))


def _first_after_change(zone: ZoneInfo, before: int, after: int) -> int:
    offset = offset_at(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset_at(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _unix(moment: dt.datetime) -> int:
    return int(moment.timestamp())

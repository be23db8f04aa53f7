"""The buckets of a series: where they begin and end on a zone's local clock."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage.database.trunc import Reckoning
from usage.periods import UTC
from usage.queries.clock import DAY, begin_of, date_at, offset_at, offset_changes
from usage.queries.microseconds import FIRST, SECOND

INTERVALS = ("1m", "5m", "15m", "hour", "day", "week", "month")  # that the API offers
YEAR = "year"  # for charts of many of them
# Of the longest buckets there are; months and years differ.
_SECONDS = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "hour": 3600,
    "day": DAY,
    "week": 7 * DAY,
    "month": 31 * DAY,
}
_SECONDS[YEAR] = 366 * DAY
_CLOCK_INTERVALS = ("1m", "5m", "15m", "hour")


class Run(NamedTuple):
    """The range [begin, end), cut into buckets that begin at `first` and then every `step`.

    Microseconds since 1970. `first` is before `begin` where the range begins within a bucket.
    """

    begin: int
    end: int
    first: int
    step: int

    @property
    def starts(self) -> range:
        return range(self.first, self.end, self.step)

    @property
    def is_one_bucket(self) -> bool:
        return self.end <= self.first + self.step


def one_bucket(begin: int, end: int) -> list[Run]:
    """The range as it is."""
    return [Run(begin, end, begin, end - begin)] if begin < end else []


def buckets(begin: int, end: int, interval: str, zone: ZoneInfo) -> list[Run]:
    """The buckets in [begin, end), ascending; the first and the last may be cut by its ends."""
    if begin >= end:
        return []
    since, until = begin // SECOND, -(-end // SECOND)
    if interval in _CLOCK_INTERVALS:
        found = _clock_runs(since, until, _SECONDS[interval], zone)
    else:
        found = _calendar_runs(since, until, interval, zone)
    return [run for run in (_within(run, begin, end) for run in found) if run.begin < run.end]


def reckonings(begin: int, end: int, interval: str, zone: ZoneInfo) -> tuple[Reckoning, ...]:
    """How the begins of the buckets in [begin, end) follow from the zone's clock."""
    since, until, length = begin // SECOND, -(-end // SECOND), _SECONDS[interval]
    reckon = _of_clock if interval in _CLOCK_INTERVALS else _of_calendar
    early = max(since - 2 * length, min(since, FIRST // SECOND))
    found = reckon(early, until, interval, zone)
    while len(found) > 1 and found[1].since <= since:
        del found[0]
    if len(found) == 1:  # from whenever on
        return (found[0]._replace(since=0),)
    return tuple(found)


def length_of(interval: str) -> int:
    """In microseconds; that of the longest month."""
    return _SECONDS[interval] * SECOND


def at_least(begin: int, end: int, interval: str) -> int:
    """How many buckets a range has, give or take a few, told without looking at its calendar."""
    return (end - begin) // length_of(interval) + 1


class BucketFinder:
    """Finds the bucket that a moment falls into."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._begins = [run.begin for run in runs]

    def begin_of_bucket(self, moment: int) -> int:
        """In microseconds like the runs; a moment before them is in their first bucket."""
        run = self._runs[max(0, bisect_right(self._begins, moment) - 1)]
        return max(run.first, moment - (moment - run.first) % run.step)


def _within(run: Run, begin: int, end: int) -> Run:
    """The run, which is in seconds, in microseconds and without what lies past the ends."""
    first, step = run.first * SECOND, run.step * SECOND
    since, until = max(run.begin * SECOND, begin), min(run.end * SECOND, end)
    return Run(since, until, first + (since - first) // step * step, step)


def _clock_runs(since: int, until: int, step: int, zone: ZoneInfo) -> Iterator[Run]:
    """Where the clock changes by a part of the step, a bucket ends early and another begins."""
    phases = _phases(since - 2 * step, until, step, zone)
    ends = [moment for moment, _ in phases[1:]]
    for (moment, phase), end in zip(phases, [*ends, until], strict=True):
        first = moment + (phase - moment) % step
        yield Run(moment, min(first, end), moment, step)
        yield Run(first, end, first, step)


def _of_clock(since: int, until: int, interval: str, zone: ZoneInfo) -> list[Reckoning]:
    step = _SECONDS[interval]
    (moment, phase), *later = _phases(since, until, step, zone)
    # Where another phase begins, a bucket does.
    changed = (Reckoning(moment, -phase % step, moment) for moment, phase in later)
    return [Reckoning(moment, -phase % step), *changed]


def _of_calendar(since: int, until: int, interval: str, zone: ZoneInfo) -> list[Reckoning]:
    found = [Reckoning(since, offset_at(zone, since))]
    for moment, offset in _offset_changes(since, until, zone):
        # A day that has begun goes on where the clock is put back to the one before.
        begun = _local_begin(interval, moment - 1 + found[-1].ahead)
        is_back = begun > _local_begin(interval, moment + offset)
        found.append(Reckoning(moment, offset, begun if is_back else None))
    return found


def _phases(begin: int, until: int, step: int, zone: ZoneInfo) -> list[tuple[int, int]]:
    """From when on buckets begin so long after multiples of their length."""
    phases = [(begin, -offset_at(zone, begin) % step)]
    for moment, offset in _offset_changes(begin, until, zone):
        if -offset % step != phases[-1][1]:
            phases.append((moment, -offset % step))
    return phases


def _offset_changes(begin: int, until: int, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    if zone is UTC:
        return
    first, last = max(_year(begin), dt.MINYEAR + 1), min(_year(until), dt.MAXYEAR - 1)
    for year in range(first, last + 1):
        yield from (change for change in offset_changes(zone, year) if begin < change[0] < until)


def _calendar_runs(since: int, until: int, interval: str, zone: ZoneInfo) -> Iterator[Run]:
    """One run for each bucket, since each may have a length of its own."""
    if interval in ("day", "week") and zone is UTC:
        step = _SECONDS[interval]
        monday = 4 * DAY  # 1970-01-05
        yield Run(since, until, since - (since - monday) % step, step)
        return
    floor, following = _CALENDAR[interval]
    day = floor(date_at(zone, since))
    begin = begin_of(zone, day)
    while begin < until:
        day = following(day)
        end = begin_of(zone, day)
        if begin < end:  # not a day that the zone skips
            yield Run(begin, end, begin, end - begin)
        begin = end


def _local_begin(interval: str, local: int) -> int:
    """When the local day, or the week and so on, began; both in seconds on the local clock."""
    day = _CALENDAR[interval][0](dt.datetime.fromtimestamp(local, dt.UTC).date())
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def _next_month(day: dt.date) -> dt.date:
    return (day + dt.timedelta(days=31)).replace(day=1)


def _next_year(day: dt.date) -> dt.date:
    return dt.date(day.year + 1, 1, 1) if day.year < dt.MAXYEAR else dt.date.max


def _year(moment: int) -> int:
    return dt.datetime.fromtimestamp(moment, dt.UTC).year


_Calendar = tuple[Callable[[dt.date], dt.date], Callable[[dt.date], dt.date]]
_CALENDAR: dict[str, _Calendar] = {
    "day": (lambda day: day, lambda day: day + dt.timedelta(days=1)),
    "week": (_monday, lambda day: day + dt.timedelta(days=7)),
    "month": (lambda day: day.replace(day=1), _next_month),
    YEAR: (lambda day: day.replace(month=1, day=1), _next_year),
}

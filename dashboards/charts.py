"""The chart's columns: the series of a readable step, buckets without requests as zero."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from dashboards.ranges import local
from usage.periods import Period
from usage.queries import YEAR, Bucket, without_gaps

# An end of a range that lies further from the data than this is not drawn.
_LONGEST_MARGIN = dt.timedelta(days=400)


@dataclass(frozen=True)
class Step:
    """A column's width, for charts up to `longest`; `tick` changes where the axis has a label.

    `interval` is what is asked for, in the displayed zone.
    """

    name: str
    interval: str
    longest: dt.timedelta
    tick: Callable[[dt.datetime], Any]
    tick_format: str
    label_format: str


Ends = tuple[dt.datetime, dt.datetime]


def step_for(found: Ends, period: Period, now: dt.datetime) -> Step:
    """The narrowest that leaves the columns wide enough to be seen, from `found` first to last."""
    start, end = _edges(found, period, now)
    return next(step for step in _STEPS if end - start <= step.longest)


def chart_columns(
    step: Step, series: Sequence[Bucket], period: Period, now: dt.datetime
) -> list[Bucket]:
    """One for each step from the range's begin to its end, with or without requests."""
    start, end = _edges((series[0].start, series[-1].start), period, now)
    return without_gaps(series, Period(start, end), step.interval, zone())


def zone() -> ZoneInfo:
    """That in which times are shown."""
    shown = timezone.get_current_timezone()
    assert isinstance(shown, ZoneInfo)
    return shown


def chart_data(step: Step, parts: Sequence[Bucket]) -> dict[str, Any]:
    """What the page's script draws; the names are those that chart.js reads."""
    starts = [local(part.start) for part in parts]
    ticks = [
        [index, _text(moment, step.tick_format)]
        for index, moment in enumerate(starts)
        if index and step.tick(moment) != step.tick(starts[index - 1])
    ]
    return {
        "step": step.name,
        "labels": [_text(moment, step.label_format) for moment in starts],
        "ticks": ticks or [[0, _text(starts[0], step.tick_format)]],
        "tokens": [part.figures.tokens for part in parts],
        "succeeded": [part.figures.requests - part.figures.failed_requests for part in parts],
        "failed": [part.figures.failed_requests for part in parts],
    }


def hour_label(moment: dt.datetime) -> str:
    return _text(local(moment), "{day} {month} {year} {clock} {zone}")


def clock(moment: dt.datetime) -> str:
    return f"{local(moment):%H:%M:%S %Z}"


def label(step: Step, moment: dt.datetime) -> str:
    """Of the column that begins then."""
    return _text(local(moment), step.label_format)


def _edges(found: Ends, period: Period, now: dt.datetime) -> Ends:
    first, last = found
    start = min(period.start or first, first)
    end = max(min(period.end or now, now), last)
    return (
        start if first - start <= _LONGEST_MARGIN else first,
        end if end - last <= _LONGEST_MARGIN else last,
    )


def _text(moment: dt.datetime, template: str) -> str:
    # strftime pads days, and years differently on every platform.
    return template.format(
        day=moment.day,
        weekday=f"{moment:%a}",
        month=f"{moment:%b}",
        year=moment.year,
        clock=f"{moment:%H:%M}",
        zone=moment.tzname() or "",
    )


_HOUR = "{weekday} {day} {month} {year}, {clock} {zone}"
_STEPS = (
    Step(
        "hour",
        "hour",
        dt.timedelta(days=2),
        lambda moment: (moment.date(), moment.hour // 3),
        "{clock}",
        _HOUR,
    ),
    Step("hour", "hour", dt.timedelta(days=32), dt.datetime.date, "{day} {month}", _HOUR),
    Step(
        "day",
        "day",
        dt.timedelta(days=3 * 366),
        lambda day: day.isocalendar()[:2],
        "{day} {month}",
        "{weekday} {day} {month} {year}",
    ),
    Step(
        "month",
        "month",
        dt.timedelta(days=50 * 366),
        lambda month: month.year,
        "{year}",
        "{month} {year}",
    ),
    Step(YEAR, YEAR, dt.timedelta.max, lambda year: year.year, "{year}", "{year}"),
)

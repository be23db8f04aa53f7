"""The chart's columns: UTC hours added up to a readable step, hours without requests as zero."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.ranges import local
from usage.periods import Period
from usage.queries import Bucket, Figures

# An end of a range that lies further from the data than this is not drawn.
_LONGEST_MARGIN = dt.timedelta(days=400)


@dataclass(frozen=True)
class Step:
    """A column's width, for charts up to `longest`; `tick` changes where the axis has a label."""

    name: str
    longest: dt.timedelta
    floor: Callable[[dt.datetime], dt.datetime]
    following: Callable[[dt.datetime], dt.datetime]
    tick: Callable[[dt.datetime], Any]
    tick_format: str
    label_format: str


@dataclass(frozen=True)
class Column:
    start: dt.datetime
    figures: Figures


def columns(
    series: Sequence[Bucket], period: Period, now: dt.datetime
) -> tuple[Step, list[Column]]:
    """One column for each step from the range's begin to its end, with or without requests."""
    start, end = _edges(series, period, now)
    step = next(step for step in _STEPS if end - start <= step.longest)
    sums: defaultdict[dt.datetime, Figures] = defaultdict(Figures)
    for bucket in series:
        sums[step.floor(bucket.start)] += bucket.figures
    moment, last = step.floor(start), step.floor(end)
    filled = [Column(moment, sums[moment])]
    while moment < last:
        moment = step.following(moment)
        filled.append(Column(moment, sums[moment]))
    return step, filled


def chart_data(step: Step, parts: Sequence[Column]) -> dict[str, Any]:
    """What the page's script draws; the names are those that chart.js reads."""
    starts = [_shown(step, part.start) for part in parts]
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


def _edges(
    series: Sequence[Bucket], period: Period, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    first, last = series[0].start, series[-1].start
    start = min(period.start or first, first)
    end = max(min(period.end or now, now), last)
    return (
        start if first - start <= _LONGEST_MARGIN else first,
        end if end - last <= _LONGEST_MARGIN else last,
    )


def _shown(step: Step, moment: dt.datetime) -> dt.datetime:
    return local(moment) if moment.tzinfo else moment


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


def _utc_hour(moment: dt.datetime) -> dt.datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _next_hour(moment: dt.datetime) -> dt.datetime:
    return moment + dt.timedelta(hours=1)


# Days and longer are calendar dates of the displayed zone, kept without one: a day of 23 or 25
# hours is one column. An hour that a half-hour zone's midnight cuts counts where it begins.
def _day(moment: dt.datetime) -> dt.datetime:
    return local(moment).replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None)


def _next_day(day: dt.datetime) -> dt.datetime:
    return day + dt.timedelta(days=1)


def _month(moment: dt.datetime) -> dt.datetime:
    return _day(moment).replace(day=1)


def _next_month(month: dt.datetime) -> dt.datetime:
    return (month + dt.timedelta(days=31)).replace(day=1)


def _year(moment: dt.datetime) -> dt.datetime:
    return _month(moment).replace(month=1)


def _next_year(year: dt.datetime) -> dt.datetime:
    return year.replace(year=year.year + 1)


_HOUR = "{weekday} {day} {month} {year}, {clock} {zone}"
_STEPS = (
    Step(
        "hour",
        dt.timedelta(days=2),
        _utc_hour,
        _next_hour,
        lambda moment: (moment.date(), moment.hour // 3),
        "{clock}",
        _HOUR,
    ),
    Step(
        "hour",
        dt.timedelta(days=32),
        _utc_hour,
        _next_hour,
        lambda moment: moment.date(),
        "{day} {month}",
        _HOUR,
    ),
    Step(
        "day",
        dt.timedelta(days=3 * 366),
        _day,
        _next_day,
        lambda day: day.isocalendar()[:2],
        "{day} {month}",
        "{weekday} {day} {month} {year}",
    ),
    Step(
        "month",
        dt.timedelta(days=50 * 366),
        _month,
        _next_month,
        lambda month: month.year,
        "{year}",
        "{month} {year}",
    ),
    Step("year", dt.timedelta.max, _year, _next_year, lambda year: year.year, "{year}", "{year}"),
)

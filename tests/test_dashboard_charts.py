"""The chart's columns: gaps, widths, zones."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from dashboards import charts
from tests.factory import store
from usage.asking.filters import UsageFilter
from usage.periods import UTC, Period
from usage.queries import YEAR, Breakdown, Bucket, Figures, usage_report
from usage.queries.buckets import buckets
from usage.queries.microseconds import FIRST, LAST

NOW = dt.datetime(2024, 3, 15, 12, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
ALWAYS = Period()


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def series_of(*starts: str, zone: ZoneInfo = UTC) -> list[Bucket]:
    """Buckets that begin at these local times."""
    times = (dt.datetime.fromisoformat(start).replace(tzinfo=zone) for start in starts)
    return [Bucket(time.astimezone(dt.UTC), Figures(requests=2, tokens=50)) for time in times]


def drawn(
    series: list[Bucket], period: Period = ALWAYS, now: dt.datetime = NOW
) -> tuple[charts.Step, list[Bucket]]:
    step = charts.step_for((series[0].start, series[-1].start), period, now)
    return step, charts.chart_columns(step, series, period, now)


def test_hours_without_requests_are_zero():
    series = series_of("2024-03-15T08:00", "2024-03-15T11:00")
    step, parts = drawn(series, now=utc("2024-03-15T11:10"))
    assert step.name == "hour"
    assert [part.figures.requests for part in parts] == [2, 0, 0, 2]


def test_the_range_is_drawn_to_its_ends():
    period = Period(NOW - 24 * HOUR, None)
    _, parts = drawn(series_of("2024-03-15T08:00"), period)
    assert (parts[0].start, parts[-1].start) == (
        utc("2024-03-14T12:00"),
        utc("2024-03-15T12:00"),
    )
    assert len(parts) == 25


@pytest.mark.parametrize(
    ("first", "last", "step", "columns"),
    [
        ("2024-03-15T11:00", "2024-03-15T12:00", "hour", 2),
        ("2024-02-14T12:00", "2024-03-15T12:00", "hour", 30 * 24 + 1),
        ("2024-01-15T00:00", "2024-03-15T00:00", "day", 61),
        ("2019-03-01T00:00", "2024-03-01T00:00", "month", 61),
        ("0002-01-01T00:00", "2024-01-01T00:00", "year", 2023),
    ],
)
def test_long_ranges_have_wider_columns(first, last, step, columns):
    found, parts = drawn(series_of(first, last))
    assert (found.name, len(parts)) == (step, columns)
    assert sum(part.figures.tokens for part in parts) == 100
    data = charts.chart_data(found, parts)
    assert {len(data[name]) for name in ("labels", "tokens", "succeeded", "failed")} == {columns}


@pytest.mark.django_db
def test_years_are_those_of_the_displayed_zone_from_the_first_to_the_last():
    times = ["2000-01-01", "2023-12-31T22:59:59", "2023-12-31T23:00", "2024-07-01"]
    store(
        *(
            {"timestamp": utc(text), "total_tokens": tokens, "prompt_tokens": tokens}
            for tokens, text in enumerate(times, 1)
        )
    )
    report = usage_report(UsageFilter(), Breakdown(YEAR, ZoneInfo("Europe/Prague")))
    assert [(bucket.start, bucket.figures.tokens) for bucket in report.timeseries] == [
        (utc("1999-12-31T23:00"), 1),
        (utc("2022-12-31T23:00"), 2),
        (utc("2023-12-31T23:00"), 7),
    ]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_years_reach_to_both_ends_of_the_calendar(zone):
    first, *_, last = buckets(FIRST, LAST, YEAR, ZoneInfo(zone))
    assert (first.begin, last.end) == (FIRST, LAST)


def test_days_are_those_of_the_displayed_zone_across_daylight_saving(settings):
    settings.TIME_ZONE = "Europe/Prague"
    starts = ("2024-03-01T00:00", "2024-03-31T00:00", "2024-04-10T00:00")
    series = series_of(*starts, zone=ZoneInfo("Europe/Prague"))
    step, parts = drawn(series, now=utc("2024-04-10T21:30"))
    busy = [charts.label(step, part.start) for part in parts if part.figures.requests]
    assert busy == ["Fri 1 Mar 2024", "Sun 31 Mar 2024", "Wed 10 Apr 2024"]
    assert len(parts) == 41


def test_a_range_far_from_its_data_is_not_drawn_as_years_of_nothing():
    period = Period(utc("1970-01-01"), None)
    _, parts = drawn(series_of("2024-03-15T12:00"), period)
    assert len(parts) == 1

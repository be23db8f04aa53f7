"""The chart's columns: gaps, widths, zones."""

import datetime as dt

import pytest

from dashboards import charts
from usage.periods import Period
from usage.queries import Bucket, Figures

NOW = dt.datetime(2024, 3, 15, 12, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def series_of(*starts: str) -> list[Bucket]:
    return [Bucket(utc(start), Figures(requests=2, tokens=50)) for start in starts]


def test_hours_without_requests_are_zero():
    series = series_of("2024-03-15T08:00", "2024-03-15T11:00")
    step, parts = charts.columns(series, Period(), utc("2024-03-15T11:10"))
    assert step.name == "hour"
    assert [part.figures.requests for part in parts] == [2, 0, 0, 2]


def test_the_range_is_drawn_to_its_ends():
    period = Period(NOW - 24 * HOUR, None)
    _, parts = charts.columns(series_of("2024-03-15T08:00"), period, NOW)
    assert (parts[0].start, parts[-1].start) == (
        utc("2024-03-14T12:00"),
        utc("2024-03-15T12:00"),
    )
    assert len(parts) == 25


@pytest.mark.parametrize(
    ("first", "step", "columns"),
    [
        ("2024-03-15T11:00", "hour", 2),
        ("2024-02-14T12:00", "hour", 30 * 24 + 1),
        ("2024-01-15T12:00", "day", 61),
        ("2019-03-15T12:00", "month", 61),
        ("0001-01-01T00:00", "year", 2024),
    ],
)
def test_long_ranges_have_wider_columns(first, step, columns):
    series = series_of(first, "2024-03-15T12:00")
    found, parts = charts.columns(series, Period(), NOW)
    assert (found.name, len(parts)) == (step, columns)
    assert sum(part.figures.tokens for part in parts) == 100
    data = charts.chart_data(found, parts)
    assert {len(data[name]) for name in ("labels", "tokens", "succeeded", "failed")} == {columns}


def test_days_are_those_of_the_displayed_zone_across_daylight_saving(settings):
    settings.TIME_ZONE = "Europe/Prague"
    series = series_of("2024-03-01T00:00", "2024-03-30T23:00", "2024-04-10T21:00")
    _, parts = charts.columns(series, Period(), utc("2024-04-10T21:30"))
    busy = [f"{part.start:%m-%d}" for part in parts if part.figures.requests]
    assert busy == ["03-01", "03-31", "04-10"]
    assert len(parts) == 41


def test_a_range_far_from_its_data_is_not_drawn_as_years_of_nothing():
    period = Period(utc("1970-01-01"), None)
    _, parts = charts.columns(series_of("2024-03-15T12:00"), period, NOW)
    assert len(parts) == 1

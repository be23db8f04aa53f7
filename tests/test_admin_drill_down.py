"""The admin's drill-down: years, months, days and hours of the display time zone."""

import datetime as dt

import pytest
from django.utils import timezone

from usage.admin.drill_down import DateSpan, DrillDown


def at(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2023-12-31T23:00", "2024-12-31T23:00"),
        ("2024-02", "2024-01-31T23:00", "2024-02-29T23:00"),
        ("2024-03-31", "2024-03-30T23:00", "2024-03-31T22:00"),  # clocks go forward: 23 hours
        ("2024-10-27", "2024-10-26T22:00", "2024-10-27T23:00"),  # and back: 25 hours
        ("2024-10-27T02", "2024-10-27T00:00", "2024-10-27T02:00"),  # an hour that comes twice
        ("2024-12-31T23", "2024-12-31T22:00", "2024-12-31T23:00"),
    ],
)
def test_spans_follow_the_display_zone(text, start, end):
    with timezone.override("Europe/Prague"):
        period = DateSpan.parse(text).period()
    assert (period.start, period.end + dt.timedelta(microseconds=1)) == (at(start), at(end))


def test_the_drill_down_offers_what_lies_between_the_first_and_the_last_row():
    ends = (at("2024-11-30T23:30"), at("2026-02-02T04:00"))
    with timezone.override("Europe/Prague"):
        offers = {
            when: [each.value for each in DrillDown.of(DateSpan.parse(when), ends).choices]
            for when in ("", "2024", "2026-02", "2026-02-02", "2026-02-02T01", "2027")
        }
    assert offers == {
        "": ["2024", "2025", "2026"],
        "2024": ["2024-12"],
        "2026-02": ["2026-02-01", "2026-02-02"],
        "2026-02-02": [f"2026-02-02T{hour:02}" for hour in range(6)],
        "2026-02-02T01": [],
        "2027": [],
    }

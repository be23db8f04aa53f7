"""`usage.periods`: text to UTC."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.periods import parse_moment, rfc3339


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-15T10:00:00Z", utc(2024, 1, 15, 10)),
        ("2024-01-15t10:00:00z", utc(2024, 1, 15, 10)),
        ("2024-01-15T10:00:00.25Z", utc(2024, 1, 15, 10, 0, 0, 250_000)),
        ("2024-01-15T10:00:00.123456Z", utc(2024, 1, 15, 10, 0, 0, 123_456)),
        ("2024-01-15T10:00:00+05:45", utc(2024, 1, 15, 4, 15)),
        ("2024-01-15T10:00:00-08:00", utc(2024, 1, 15, 18)),
        ("2024-01-15T10:00:00 05:45", utc(2024, 1, 15, 4, 15)),
        ("2024-01-15T10:00:00.5 02:00", utc(2024, 1, 15, 8, 0, 0, 500_000)),
        ("2024-01-15 10:00:00Z", utc(2024, 1, 15, 10)),
        ("2024-01-15", utc(2024, 1, 15)),
        (" 2024-02-29 ", utc(2024, 2, 29)),
    ],
)
def test_a_moment_is_understood_as_utc(text: str, moment: dt.datetime):
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024",
        "2024-13-01",
        "2023-02-29",
        "2024-01-15T10:00:00",
        "2024-01-15T25:00:00Z",
        "2024-01-15T10:00:60Z",
        "2024-01-15T10:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "1705312800",
        "２０２４-01-15",
        "2024-01-15T10:00:00Z; DROP TABLE usage_metrics",
    ],
)
def test_anything_else_is_refused_with_an_example_or_a_remedy(text: str):
    with pytest.raises(ValueError, match=r"2024-01-15T10:00:00Z"):
        parse_moment(text)


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_survives_being_written_and_read(moment: dt.datetime):
    try:
        expected = moment.astimezone(dt.UTC)
    except OverflowError:
        return
    assert parse_moment(rfc3339(expected)) == expected

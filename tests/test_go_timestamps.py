"""Timestamp text of Go's SQLite drivers."""

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.importing.go_timestamps import parse

MICRO = dt.datetime(2024, 1, 15, 14, 32, 10, 123456, dt.UTC)
SECOND = MICRO.replace(microsecond=0)
PRAGUE = zoneinfo.ZoneInfo("Europe/Prague")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # mattn/go-sqlite3
        ("2024-01-15 14:32:10.123456789+00:00", MICRO),
        ("2024-01-15 14:32:10.123456789+02:00", MICRO - dt.timedelta(hours=2)),
        ("2024-01-15 14:32:10.123456789-05:30", MICRO + dt.timedelta(hours=5, minutes=30)),
        ("2024-01-15 14:32:10+00:00", SECOND),
        # time.String(), as modernc.org/sqlite writes it
        ("2024-01-15 16:32:10.123456789 +0200 CEST m=+12.345678", MICRO),
        ("2024-01-15 16:32:10.123456789 +0200 CEST", MICRO),
        ("2024-01-15 16:32:10.123456789 +0200 +02 m=-0.000012", MICRO),
        ("2024-01-15 20:17:10.123456789 +0545 +0545", MICRO),
        ("2024-01-15 11:32:10.123456789 -0300 -03", MICRO),
        ("2024-01-15 16:32:10.123456789 +0200", MICRO),
        ("2024-01-15 14:32:10.123456789 +0000 UTC m=+0.1", MICRO),
        ("2024-01-15 14:32:10 +0000 UTC", SECOND),
        # RFC 3339
        ("2024-01-15T14:32:10Z", SECOND),
        ("2024-01-15t14:32:10z", SECOND),
        ("2024-01-15T14:32:10.1Z", SECOND.replace(microsecond=100_000)),
        ("2024-01-15T14:32:10.123456789Z", MICRO),
        ("2024-01-15T16:32:10.123456+02:00", MICRO),
        ("2024-01-15T14:32:10.999999999Z", SECOND.replace(microsecond=999_999)),
        # without a zone
        ("2024-01-15 14:32:10", SECOND),
        ("2024-01-15 14:32:10.123456", MICRO),
        ("2024-01-15T14:32:10", SECOND),
        ("2024-01-15 14:32", SECOND.replace(second=0)),
        ("2024-01-15", SECOND.replace(hour=0, minute=0, second=0)),
        (" 2024-01-15 14:32:10\n", SECOND),
        (b"2024-01-15 14:32:10.123456789+00:00", MICRO),
        # counts since 1970
        (1705329130, SECOND),
        (1705329130123, SECOND.replace(microsecond=123_000)),
        (1705329130123456, MICRO),
        (1705329130123456789, MICRO),
        ("1705329130", SECOND),
        ("1705329130123", SECOND.replace(microsecond=123_000)),
        ("1705329130.123456", MICRO),
        (1705329130.123456, MICRO),
        (1.70532913e9, SECOND),
        (b"1705329130", SECOND),
    ],
)
def test_every_style_becomes_utc(value, expected):
    assert parse(value, dt.UTC) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15 15:32:10", SECOND),
        ("2024-07-15 16:32:10", SECOND.replace(month=7)),
        ("2024-01-15 14:32:10+00:00", SECOND),
        ("2024-01-15 14:32:10Z", SECOND),
        # The hour that daylight saving repeats is taken as its first.
        ("2024-10-27 02:30:00", dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)),
    ],
)
def test_a_given_zone_is_that_of_times_without_one(text, expected):
    assert parse(text, PRAGUE) == expected


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, "is missing"),
        ("0001-01-01 00:00:00+00:00", "is Go's zero time, which stands for none"),
        ("0001-01-01 00:00:00 +0000 UTC", "is Go's zero time, which stands for none"),
        ("0001-01-01T00:00:00Z", "is Go's zero time, which stands for none"),
        *(
            (value, "is no time that a known driver writes")
            for value in (
                "",
                "yesterday",
                "2024-02-30 00:00:00",
                "2024-01-15 24:00:01",
                "2024-01-15 23:59:60Z",
                "20240-01-15 14:32:10",
                "2024-01-15 14:32:10 EST",
                "2024-01-15 14:32:10+25:00",
                "2024-01-15 14:32:10+02:60",
                "9999-12-31 23:59:59-05:00",
                "٢٠٢٤-01-15 14:32:10",
                "1" * 5000,
                "2024-01-15 14:32:10; DROP TABLE usage_metrics",
                b"\xff\xfe",
                float("inf"),
                1e300,
                -(2**63) * 10**6,
            )
        ),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(value, error):
    with pytest.raises(ValueError, match=error):
        parse(value, dt.UTC)


@given(
    moment=st.datetimes(
        min_value=dt.datetime(2000, 1, 2),
        max_value=dt.datetime(2099, 12, 30),
        timezones=st.builds(
            lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)),
            st.integers(-14 * 60, 14 * 60),
        ),
    ),
    nanoseconds=st.integers(0, 999),
)
def test_any_moment_survives_every_style(moment, nanoseconds):
    clock = f"{moment:%H:%M:%S.%f}{nanoseconds:03}"
    date, offset = f"{moment:%Y-%m-%d}", f"{moment:%z}"
    micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    written = [
        f"{date} {clock}{offset[:3]}:{offset[3:]}",
        f"{date} {clock} {offset} {offset} m=+1.5",
        f"{date}T{clock}{offset[:3]}:{offset[3:]}",
        micros * 1000 + nanoseconds,
        micros,
    ]
    assert {parse(value, dt.UTC) for value in written} == {moment}

"""SQLite compares times as texts, so all of those that sums hold have one form."""

import datetime as dt

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from usage.database import times

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="other engines have a type for times"),
]
FRACTIONS = ["", ".", ".0", ".5", ".500", ".000000", ".123456", ".1234567", ".123456789"]
ZONES = ["", "Z", "+00:00"]
FORMS = [
    f"2024-01-15{between}10:00:00{fraction}{zone}"
    for between in " T"
    for fraction in FRACTIONS
    for zone in ZONES
]


def by_sqlite(texts):
    values = ", ".join(["(%s)"] * len(texts))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {times.comparable('column1')} FROM (VALUES {values})",
            texts,
        )
        return [text for (text,) in cursor.fetchall()]


def test_a_text_that_was_read_becomes_what_sqlite_makes_of_it():
    assert list(map(times.comparable_text, FORMS)) == by_sqlite(FORMS)


@given(st.datetimes(min_value=dt.datetime(1000, 1, 1)))
def test_a_time_in_each_form_becomes_the_form_in_which_it_is_stored(moment):
    (kept,) = times.stored([moment.replace(tzinfo=dt.UTC)])
    for between in " T":
        for zone in ZONES:
            assert times.comparable_text(f"{moment.isoformat(between)}{zone}") == kept

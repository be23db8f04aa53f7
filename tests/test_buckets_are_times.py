"""Sums of an older version, whose buckets were Unix seconds, and days that few calendars have."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.db import connection

from tests.factory import at, store
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from tests.test_metrics_parameters import ask
from usage import retention
from usage.database import times
from usage.rollups import comparison, rebuild

SQLITE = connection.vendor == "sqlite"
BEFORE = "0018_sums_of_who_and_what"
TABLES = {"usage_rollups": 3, "usage_histograms": 4}  # and how many columns their keys have
LAST_PURGED = at("2024-02-10 12:34:56")
QUESTIONS = ({}, {"interval": "day", "tz": "Asia/Kathmandu", "model": "m"}, {"interval": "month"})


@pytest.fixture
def portal(transactional_db):
    """Purged days, and rows of plain SQL before 1970 and far ahead."""
    store(
        *(
            {"timestamp": at("2024-01-01 00:30") + day * dt.timedelta(hours=31, minutes=7),
             "status": 200 + day % 3, "latency_ms": day * 1.5, "completion_tokens": 2**40}
            for day in range(60)
        )
    )  # fmt: skip
    for _ in retention.remove_expired_rows(LAST_PURGED):
        pass
    insert("1965-03-04 05:06:07", "2999-12-31 23:59:59")
    add_waiting_rows()
    yield
    call_command("migrate", "usage", verbosity=0)


def insert(*moments: str) -> None:
    with connection.cursor() as cursor:
        for moment in moments:
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, total_tokens, latency_ms)"
                " VALUES (%s, 'm', 5, 7)",
                [moment],
            )


def sums(bucket: str) -> dict[str, list[tuple]]:
    """All of them, with this SQL in the place of their buckets."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table} LIMIT 0", [])
            columns = [each[0] for each in cursor.description]
            read = ", ".join(bucket if each == "bucket" else each for each in columns)
            cursor.execute(f"SELECT {read} FROM {table} ORDER BY 1, 2, 3, 4", [])
            found[table] = cursor.fetchall()
    return found


def kept_by_key() -> bool:
    """Whether the tables are what they were made to be: on SQLite one tree, in the key's order."""
    with connection.cursor() as cursor:
        if SQLITE:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name IN ('usage_rollups',"
                           " 'usage_histograms')")  # fmt: skip
            return all(sql.endswith("WITHOUT ROWID") for (sql,) in cursor.fetchall())
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname IN ('usage_rollups',"
                       " 'usage_histograms')")  # fmt: skip
        return all("fillfactor=70" in options for (options,) in cursor.fetchall())


def keys_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_primary_key_columns(cursor, table)
    return list(found or [])


def test_sums_of_an_older_version_are_the_same_afterwards_and_before(portal):
    before, answers = sums(times.unix_seconds("bucket")), [all_of(each) for each in QUESTIONS]
    call_command("migrate", "usage", BEFORE, verbosity=0)
    assert sums("bucket") == before
    assert kept_by_key()
    call_command("migrate", "usage", verbosity=0)
    assert sums(times.unix_seconds("bucket")) == before
    assert kept_by_key()
    assert {table: len(keys_of(table)) for table in TABLES} == TABLES
    assert [all_of(each) for each in QUESTIONS] == answers
    store({"timestamp": at("2024-05-06"), "model": "new"}, {"timestamp": at("2024-02-10 13:00")})
    days = rebuild.days_with_usage(int(LAST_PURGED.timestamp()))
    assert [each for day in days for each in comparison.compare_day(day)] == []


def all_of(question: dict[str, str]) -> dict:
    from django.test import Client

    return ask(Client(), **question)


def test_texts_are_those_that_django_writes(portal):
    if not SQLITE:
        pytest.skip("PostgreSQL has a type for times")
    call_command("migrate", "usage", BEFORE, verbosity=0)
    call_command("migrate", "usage", verbosity=0)
    forms = {"".join("9" if each.isdigit() else each for each in text)
             for rows in sums("bucket || ''").values() for _, text, *_ in rows}  # fmt: skip
    assert forms == {"9999-99-99 99:99:99"}


ODD_DAYS = (
    ("1000-01-01 00:00:00", "1969-12-31 23:59:59", "2024-02-32 10:00:00", "2999-12-31 23:59:59.9")
    if SQLITE
    else ("4714-11-25 00:00:00+00 BC", "4713-01-01 00:00:00+00 BC", "0044-03-15 12:00:00+00 BC",
          "1969-12-31 23:59:59", "12345-01-01 00:00:00+00", "294276-12-31 23:59:59.9+00",
          "infinity", "-infinity")
)  # fmt: skip


def test_days_that_few_calendars_have_do_no_harm(transactional_db):
    insert(*ODD_DAYS, "2024-01-15 10:00:00")
    add_waiting_rows()
    january = {"from": "2024-01-01T00:00:00Z", "to": "2024-01-31T00:00:00Z"}
    for interval in ("15m", "hour", "day", "week", "month"):
        for zone in ("UTC", "Asia/Kathmandu"):
            answer = all_of({**january, "interval": interval, "tz": zone})
            assert [each["requests"] for each in answer["timeseries"]] == [1]
    if SQLITE:  # whose days are Python's
        assert_sums_equal_rows()
        call_command("rebuild_rollups", verbosity=0)
        assert_sums_equal_rows()
    before = sums(times.unix_seconds("bucket"))
    call_command("migrate", "usage", BEFORE, verbosity=0)
    call_command("migrate", "usage", verbosity=0)
    assert sums(times.unix_seconds("bucket")) == before
    assert sum(retention.remove_expired_sums(at("2024-01-15 12:00"))) > 0

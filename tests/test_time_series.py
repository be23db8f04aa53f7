"""The time series of every question: one statement of Django's, which finds the buckets' begins."""

import datetime as dt
import random
import traceback
from collections.abc import Callable, Iterable
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from tests.factory import at, store
from tests.test_metrics_parameters import ask, requests_at, series
from usage.asking.filters import UsageFilter
from usage.models import UsageRollup
from usage.queries import time_series
from usage.queries.buckets import SECOND, BucketFinder, buckets, reckonings
from usage.queries.covering import cover, rollups_of
from usage.queries.matching import SeriesLookup
from usage.queries.microseconds import microseconds, moment_of
from usage.queries.sums import source_of
from usage.rollups.declarations import KEY_MODEL, MODEL, QUARTER

pytestmark = pytest.mark.django_db
DAYS = dt.timedelta(days=1)
EVERY_INTERVAL = ("1m", "5m", "15m", "hour", "day", "week", "month", "year")
# A zone, and a moment at which its clock does something odd.
ODD_CLOCKS = {
    "back to the day before at 0:01": ("America/St_Johns", "2010-11-07 02:31"),
    "forth at 0:01": ("America/St_Johns", "2010-03-14 03:31"),
    "back to midnight": ("America/Havana", "2012-11-04 05:00"),
    "forth at midnight": ("America/Sao_Paulo", "2018-11-04 03:00"),
    "by half an hour": ("Australia/Lord_Howe", "2024-04-06 15:00"),
    "by two hours": ("Antarctica/Troll", "2024-03-31 01:00"),
    "over a whole day": ("Pacific/Apia", "2011-12-30 10:00"),
    "over a day in the other direction": ("America/Juneau", "1867-10-18 00:00"),
    "from local mean time": ("Asia/Kathmandu", "1919-12-31 18:00"),
    "in the month's first night": ("Europe/Prague", "1946-10-06 01:00"),
    "far ahead of UTC": ("Pacific/Kiritimati", "2024-12-31 12:00"),
    "far behind": ("Pacific/Pago_Pago", "2024-12-31 12:00"),
    "never": ("UTC", "2024-12-31 12:00"),
    "three quarters of an hour aside": ("Asia/Kathmandu", "2024-02-29 12:00"),
}


@pytest.mark.parametrize("interval", EVERY_INTERVAL)
@pytest.mark.parametrize(("zone", "moment"), ODD_CLOCKS.values(), ids=ODD_CLOCKS)
def test_sql_finds_the_begins_that_the_clock_has(interval, zone, moment):
    around = range(-2 * 96, 2 * 96)
    first = int(at(moment).timestamp()) // QUARTER * QUARTER
    moments = {first + quarter * QUARTER for quarter in around}
    moments |= {first + day * 86_400 for day in random.sample(range(-800, 800), 50)}
    UsageRollup.objects.bulk_create(
        UsageRollup(rollup=1, series_id=1, bucket=moment_of(each * SECOND), **NOTHING)
        for each in moments
    )
    begin, end = min(moments) * SECOND, (max(moments) + 1) * SECOND
    finder = BucketFinder(buckets(begin, end, interval, ZoneInfo(zone)))
    expected = {each: finder.begin_of_bucket(each * SECOND) for each in moments}

    how = reckonings(begin, end, interval, ZoneInfo(zone))
    found = time_series.bucket_begin(interval, ZoneInfo(zone), how, is_begin=False)
    rows = UsageRollup.objects.annotate(begin=found).values_list("bucket", "begin")
    assert {
        int(at.timestamp()): microseconds(found.moment(begin)) for at, begin in rows
    } == expected


NOTHING = {
    field.name: 0
    for field in UsageRollup._meta.concrete_fields
    if field.name not in {"pk", "rollup", "bucket", "series"}
}


def test_a_day_that_has_begun_goes_on_where_clocks_go_back_to_the_one_before(client):
    requests_at("2010-11-07 02:29", "2010-11-07 02:30", "2010-11-07 02:50")
    assert series(client, interval="day", tz="America/St_Johns") == [
        ("2010-11-06T00:00:00-02:30", 1),
        ("2010-11-07T00:00:00-02:30", 2),
    ]


# --- Statements -------------------------------------------------------------------------------

QUESTIONS = {
    "plain": {},
    "of a period": {"from": "2024-01-14T10:20:30Z", "to": "2024-01-17T10:20:30Z"},
    "of one model": {"model": "a"},
    "of one key": {"api_key_hash": "k" * 64},
    "of all but one": {"not_model": "a"},
    "by key": {"group_by": "api_key"},
    "by two": {"group_by": "model,provider"},
    "by quarter hour": {"interval": "15m"},
    "by day": {"interval": "day", "from": "2024-01-14T10:20:30Z"},
    "by day far away": {"interval": "day", "tz": "Asia/Kathmandu"},
    "by week": {"interval": "week", "tz": "Europe/Prague"},
    "by month": {"interval": "month", "model": "a", "tz": "America/New_York"},
    "beside the period before": {"compare": "previous", "from": "2024-01-14T10:20:30Z"},
}


def days_of_usage() -> None:
    store(
        *(
            {"timestamp": at("2024-01-10 00:07") + hour * dt.timedelta(hours=1, minutes=7),
             "model": "ab"[hour % 2], "api_key_hash": "k" * 64, "provider": "p"}
            for hour in range(200)
        )
    )  # fmt: skip


class Statements:
    """Those over sums, with the file whose code asked for each."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bool]] = []

    def __call__(self, execute, sql, parameters, many, context) -> Any:
        if "usage_rollups" in sql:
            files = {frame.filename for frame in traceback.extract_stack()}
            is_there = any(name.endswith("queries/time_series.py") for name in files)
            self.found.append((sql, is_there))
        return execute(sql, parameters, many, context)

    def tell_time(self) -> list[bool]:
        """Of sums that are told by bucket: whether each statement is the time series'."""
        return [
            is_there
            for sql, is_there in self.found
            if "SUM(" in sql and "bucket" in sql.partition("FROM")[0]
        ]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_series_over_sums_is_one_statement_of_one_file(client, question):
    days_of_usage()
    statements = Statements()
    with connection.execute_wrapper(statements):
        answer = ask(client, **question)
    assert answer["timeseries"]
    assert statements.tell_time() == [True]


@pytest.mark.parametrize("question", ["plain", "of one model", "by quarter hour"])
def test_sums_that_are_buckets_are_grouped_along_their_key(client, question):
    days_of_usage()
    statements = Statements()
    with connection.execute_wrapper(statements):
        ask(client, **QUESTIONS[question])
    (sql,) = (sql for sql, is_there in statements.found if is_there and "SUM(" in sql)
    assert sql.startswith('SELECT "usage_rollups"."bucket" AS "bucket_start", SUM(') or (
        connection.vendor != "sqlite"
        and sql.startswith('SELECT "usage_rollups"."bucket" AS "bucket_start", CAST(SUM(')
    )
    assert "time(" not in sql


def test_django_names_what_a_sum_is_of(client):
    days_of_usage()
    by_model = UsageRollup.objects.filter(rollup=6).values_list("series__model", "requests")
    told: dict[str, int] = {}
    for model, requests in by_model:
        told[model] = told.get(model, 0) + requests
    assert told == {"a": 100, "b": 100}


@pytest.mark.parametrize("interval", EVERY_INTERVAL)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("key", [(), ("k" * 64,)], ids=["all", "one key"])
def test_a_series_by_model_adds_up_to_the_one_of_all(interval, zone, key):
    days_of_usage()
    store({"timestamp": at("2024-01-12 05:06"), "model": "b", "total_tokens": 2**40})
    grouping, wanted = (
        (KEY_MODEL, UsageFilter(values={"api_key_hash": key})) if key else (MODEL, UsageFilter())
    )
    begin, end = (microseconds(at(day)) for day in ("2024-01-10", "2024-01-20"))
    runs = buckets(begin, end, interval, ZoneInfo(zone))
    stretches = cover(runs, rollups_of(grouping), purged_until=begin).sums
    source = source_of(stretches, SeriesLookup().of(grouping, wanted))

    of_all = added_by(lambda key: key[0], time_series.time_series(source, interval, ZoneInfo(zone)))
    by_model = [*time_series.time_series(source, interval, ZoneInfo(zone), ["model"])]
    assert {names for (_, names), _ in by_model} == ({("a",), ("b",)} if stretches else set())
    assert added_by(lambda key: key[0], by_model) == of_all
    by_name = added_by(lambda key: key[1], by_model)
    counted = cover(runs, rollups_of(grouping), purged_until=begin).rows
    if stretches and not counted:
        assert by_name["b",][:3] == (100 + (not key), 0, 2**40 * (not key))


def added_by(part: Callable[[Any], Any], found: Iterable[Any]) -> dict[Any, tuple[Any, ...]]:
    """Sums of the series, added up by a part of their keys."""
    added: dict[Any, tuple[Any, ...]] = {}
    for key, sums in found:
        known = added.get(part(key))
        added[part(key)] = sums if known is None else tuple(map(add, known, sums))
    return added

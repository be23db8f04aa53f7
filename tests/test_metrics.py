"""`GET /_qs/metrics`: the contract's names, and figures that equal the raw rows."""

import datetime as dt
from collections import defaultdict
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factory import at, store
from usage.filters import UsageFilter
from usage.models import UsageMetric
from usage.periods import Period
from usage.queries import model_names, usage_report, usage_totals
from usage.recording import record_batch
from usage.records import UsageRecord

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"


def ask(client, **query: Any) -> dict[str, Any]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_empty_database_answers_zeros_and_empty_lists(client):
    assert ask(client) == {
        "totals": {
            "total_tokens": 0,
            "total_requests": 0,
            "tokens": 0,
            "requests": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "cached_tokens": 0,
            "reasoning_tokens": 0,
            "failed_requests": 0,
            "success_rate": None,
            "avg_latency_ms": None,
            "cost_usd": 0,
            "unpriced_requests": 0,
        },
        "by_model": [],
        "timeseries": [],
        "query_period": {"from": None, "to": None},
    }


def test_the_whole_answer(client):
    store(
        {"timestamp": at("2024-01-15 10:00"), "model": "a", "prompt_tokens": 10,
         "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 2,
         "latency_ms": 100, "status": 200, "cost_usd": 0.25},
        {"timestamp": at("2024-01-15 10:59:59.999"), "model": "a", "prompt_tokens": 1,
         "latency_ms": 101, "status": "429"},
        {"timestamp": at("2024-01-15 12:00"), "model": "b", "total_tokens": 1000},
    )  # fmt: skip
    assert ask(client) == {
        "totals": {
            "total_tokens": 1016, "total_requests": 3, "tokens": 1016, "requests": 3,
            "prompt_tokens": 11, "completion_tokens": 5, "cached_tokens": 4,
            "reasoning_tokens": 2, "failed_requests": 1, "success_rate": 0.666666667,
            "avg_latency_ms": 100.5, "cost_usd": 0.25, "unpriced_requests": 2,
        },
        "by_model": [
            {"model": "b", "tokens": 1000, "requests": 1, "prompt_tokens": 0,
             "completion_tokens": 0, "cached_tokens": 0, "reasoning_tokens": 0,
             "failed_requests": 0, "success_rate": 1, "avg_latency_ms": None,
             "cost_usd": None, "unpriced_requests": 1},
            {"model": "a", "tokens": 16, "requests": 2, "prompt_tokens": 11,
             "completion_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 2,
             "failed_requests": 1, "success_rate": 0.5, "avg_latency_ms": 100.5,
             "cost_usd": 0.25, "unpriced_requests": 1},
        ],
        "timeseries": [
            {"bucket_start": "2024-01-15T10:00:00Z", "tokens": 16, "requests": 2,
             "prompt_tokens": 11, "completion_tokens": 5, "cached_tokens": 4,
             "reasoning_tokens": 2, "failed_requests": 1, "success_rate": 0.5,
             "avg_latency_ms": 100.5, "cost_usd": 0.25, "unpriced_requests": 1},
            {"bucket_start": "2024-01-15T12:00:00Z", "tokens": 1000, "requests": 1,
             "prompt_tokens": 0, "completion_tokens": 0, "cached_tokens": 0,
             "reasoning_tokens": 0, "failed_requests": 0, "success_rate": 1,
             "avg_latency_ms": None, "cost_usd": None, "unpriced_requests": 1},
        ],
        "query_period": {"from": None, "to": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, 4),
        ({"from": "2024-01-15T10:00:00Z"}, 3),
        ({"from": "2024-01-15T10:00:00.000001Z"}, 2),
        ({"to": "2024-01-15T10:00:00Z"}, 2),
        ({"to": "2024-01-15T09:59:59.999999Z"}, 1),
        ({"from": "2024-01-15T10:00:00Z", "to": "2024-01-15T10:00:00Z"}, 1),
        ({"from": "2024-01-15T15:45:00+05:45"}, 3),
        ({"from": "2024-01-15T15:45:00 05:45"}, 3),
        ({"from": "2024-01-15"}, 3),
        ({"to": "2024-01-16"}, 4),
        ({"to": "2024-01-15"}, 1),
        ({"from": "", "to": "", "model": ""}, 4),
        ({"model": "a"}, 2),
        ({"model": ["a", "b"]}, 3),
        ({"model": "A"}, 0),
        ({"model": "ü 🚀"}, 1),
        ({"provider": "openai"}, 1),
        ({"api_key_hash": "k1"}, 2),
        ({"status": "429"}, 1),
        ({"status": "4xx"}, 1),
        ({"status": "5XX"}, 1),
        ({"status": "ERROR"}, 2),
        ({"status": "error"}, 2),
        ({"status": ["4xx", "5xx"]}, 2),
        ({"model": "a", "status": "2xx"}, 1),
        ({"_": "1705312800"}, 4),
    ],
)
def test_every_part_follows_the_filters(client, query: dict[str, Any], expected: int):
    store(
        {"timestamp": at("2024-01-14 23:00"), "model": "a", "status": "200", "api_key_hash": "k1"},
        {"timestamp": at("2024-01-15 10:00"), "model": "a", "status": "429", "provider": "openai"},
        {"timestamp": at("2024-01-15 11:00"), "model": "b", "status": "503", "api_key_hash": "k1"},
        {"timestamp": at("2024-01-15 23:00"), "model": "ü 🚀"},
    )
    report = ask(client, **query)
    assert report["totals"]["total_requests"] == expected
    assert sum(part["requests"] for part in report["by_model"]) == expected
    assert sum(bucket["requests"] for bucket in report["timeseries"]) == expected


@pytest.mark.parametrize(
    ("status", "is_failure"),
    [
        (None, False), ("200", False), ("204", False), ("302", False), ("399", False),
        ("ok", False), ("success", False), ("completed", False), ("400", True), ("429", True),
        ("500", True), ("599", True), ("0", True), ("error", True), ("timeout", True),
        ("failed", True),
    ],
)  # fmt: skip
def test_what_counts_as_a_failure(status: str | None, is_failure: bool):
    store({"status": status})
    assert usage_totals(UsageFilter()).failed_requests == int(is_failure)
    assert UsageFilter(statuses=("error",)).rows().count() == int(is_failure)


def test_totals_past_64_bits_stay_exact(client):
    store(*[{"total_tokens": 2**53}] * 3000)
    report = ask(client)
    assert report["totals"]["total_tokens"] == 3000 * 2**53
    assert report["by_model"][0]["tokens"] == 3000 * 2**53


def hours(client, **query: Any) -> list[tuple[str, int]]:
    return [(b["bucket_start"][5:13], b["requests"]) for b in ask(client, **query)["timeseries"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [("01-15T10", 1), ("01-15T13", 1)]),
        ({"fill": "false"}, [("01-15T10", 1), ("01-15T13", 1)]),
        ({"fill": "true"}, [("01-15T10", 1), ("01-15T11", 0), ("01-15T12", 0), ("01-15T13", 1)]),
        (
            {"fill": "true", "from": "2024-01-15T09:30:00Z", "to": "2024-01-15T11:00:00Z"},
            [("01-15T09", 0), ("01-15T10", 1), ("01-15T11", 0)],
        ),
        ({"fill": "1", "model": "none"}, []),
        (
            {"interval": "hour", "tz": "UTC", "group_by": "model"},
            [("01-15T10", 1), ("01-15T13", 1)],
        ),
    ],
)
def test_hours_without_requests_are_filled_in_when_asked_for(client, query, expected):
    store({"timestamp": at("2024-01-15 10:30")}, {"timestamp": at("2024-01-15 13:00")})
    assert hours(client, **query) == expected


def test_equal_tokens_are_in_the_order_of_names(client):
    store(*[{"model": name, "total_tokens": 5} for name in "cab"])
    assert [part["model"] for part in ask(client)["by_model"]] == ["a", "b", "c"]


def test_a_report_is_one_query(client, django_assert_num_queries):
    store({"model": "a"}, {"model": "b"})
    with django_assert_num_queries(1):
        ask(client)


def test_model_names_are_found_without_reading_the_table(django_assert_num_queries):
    store(*[{"model": name} for name in ("b", "a", "b", "c")])
    with django_assert_num_queries(4):
        assert model_names() == ["a", "b", "c"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plan")
def test_a_range_and_a_model_are_answered_from_an_index():
    day = Period(at("2024-01-15 00:00"), at("2024-01-16 00:00"))
    for usage, index in [
        (UsageFilter(period=day), "idx_timestamp"),
        (UsageFilter(period=day, models=("a",)), "idx_model"),
        (UsageFilter(period=day, api_key_hashes=("k",)), "idx_api_key"),
    ]:
        assert f"USING INDEX {index}" in usage.rows().explain()


# --- The same as plain Python says ------------------------------------------------------------

moments = st.datetimes(dt.datetime(2024, 3, 30), dt.datetime(2024, 4, 2), timezones=st.just(dt.UTC))
tokens = st.integers(0, 2**53)
records = st.builds(
    UsageRecord,
    timestamp=moments,
    model=st.sampled_from(["a", "b", "ü"]),
    prompt_tokens=tokens,
    completion_tokens=tokens,
    total_tokens=tokens,
    status=st.sampled_from([None, "200", "404", "500", "ok", "error"]),
    latency_ms=st.none() | st.integers(0, 10_000).map(float),
    cached_tokens=st.none() | tokens,
    reasoning_tokens=st.none() | tokens,
    cost_usd=st.none() | st.integers(0, 400).map(lambda cents: cents / 4),
)


def in_plain_python(rows: list[UsageRecord]) -> dict[str, Any]:
    latencies = [row.latency_ms for row in rows if row.latency_ms is not None]
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    return {
        "requests": len(rows),
        "tokens": sum(row.total_tokens for row in rows),
        "prompt_tokens": sum(row.prompt_tokens for row in rows),
        "completion_tokens": sum(row.completion_tokens for row in rows),
        "cached_tokens": sum(row.cached_tokens or 0 for row in rows),
        "reasoning_tokens": sum(row.reasoning_tokens or 0 for row in rows),
        "failed_requests": sum(row.status in ("404", "500", "error") for row in rows),
        "avg_latency_ms": sum(latencies) / len(latencies) if latencies else None,
        "cost_usd": sum(costs) if costs or not rows else None,
        "unpriced_requests": len(rows) - len(costs),
    }


def figures(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in in_plain_python([])}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(rows=st.lists(records, max_size=30), ends=st.tuples(moments, moments), model=st.booleans())
def test_a_report_equals_what_plain_python_makes_of_the_rows(rows, ends, model):
    UsageMetric.objects.all().delete()
    record_batch(rows)
    usage = UsageFilter(period=Period(min(ends), max(ends)), models=("a", "ü") if model else ())
    matching = [
        row
        for row in rows
        if min(ends) <= row.timestamp <= max(ends) and (not model or row.model != "b")
    ]
    by_model, by_hour = defaultdict(list), defaultdict(list)
    for row in matching:
        by_model[row.model].append(row)
        by_hour[row.timestamp.replace(minute=0, second=0, microsecond=0)].append(row)

    report = usage_report(usage)

    assert figures(report.totals) == pytest.approx(in_plain_python(matching))
    assert {p.model: figures(p.figures) for p in report.by_model} == {
        name: pytest.approx(in_plain_python(part)) for name, part in by_model.items()
    }
    assert {b.start: figures(b.figures) for b in report.timeseries} == {
        hour: pytest.approx(in_plain_python(part)) for hour, part in by_hour.items()
    }
    assert [b.start for b in report.timeseries] == sorted(by_hour)
    assert usage_totals(usage) == report.totals

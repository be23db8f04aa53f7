"""`GET /_qs/metrics`: the contract's names and filters, and what an answer costs."""

from typing import Any

import pytest
from django.db import connection

from tests.asking import ask
from tests.factory import at, store
from usage.asking.filters import UsageFilter
from usage.models import UsageMetric
from usage.periods import Period
from usage.queries import model_names, usage_totals

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"


NO_PERCENTILES = {f"p{n}_{of}_ms": None for of in ("latency", "ttft") for n in (50, 95, 99)}


def percentiles(part: dict[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in NO_PERCENTILES}


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
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "failed_requests": 0,
            "success_rate": None,
            "avg_latency_ms": None,
            "avg_ttft_ms": None,
            "cost_usd": 0,
            "unpriced_requests": 0,
            **NO_PERCENTILES,
        },
        "by_model": [],
        "timeseries": [],
        "query_period": {"from": None, "to": None},
    }


def test_the_whole_answer(client):
    store(
        {"timestamp": at("2024-01-15 10:00"), "model": "a", "prompt_tokens": 10,
         "completion_tokens": 5, "cached_tokens": 4, "cache_write_tokens": 3,
         "reasoning_tokens": 2, "latency_ms": 100, "ttft_ms": 20, "status": 200,
         "cost_usd": 0.25},
        {"timestamp": at("2024-01-15 10:59:59.999"), "model": "a", "prompt_tokens": 1,
         "latency_ms": 101, "status": "429"},
        {"timestamp": at("2024-01-15 12:00"), "model": "b", "total_tokens": 1000},
    )  # fmt: skip
    of_a = {
        "tokens": 16, "requests": 2, "prompt_tokens": 11, "completion_tokens": 5,
        "cached_tokens": 4, "cache_write_tokens": 3, "reasoning_tokens": 2,
        "failed_requests": 1, "success_rate": 0.5, "avg_latency_ms": 100.5, "avg_ttft_ms": 20,
        "cost_usd": 0.25, "unpriced_requests": 1,
    }  # fmt: skip
    of_b = {
        "tokens": 1000, "requests": 1, "prompt_tokens": 0, "completion_tokens": 0,
        "cached_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0,
        "failed_requests": 0, "success_rate": 1, "avg_latency_ms": None, "avg_ttft_ms": None,
        "cost_usd": None, "unpriced_requests": 1,
    }  # fmt: skip
    of_all = {
        **of_a, "total_tokens": 1016, "total_requests": 3, "tokens": 1016, "requests": 3,
        "success_rate": 0.666666667, "unpriced_requests": 2,
    }  # fmt: skip
    answer = ask(client)
    known = percentiles(answer["totals"])
    assert known["p50_latency_ms"] == pytest.approx(100.5, rel=0.05)
    assert known["p99_ttft_ms"] == pytest.approx(20, rel=0.05)
    assert answer == {
        "totals": {**of_all, **known},
        "by_model": [{"model": "b", **of_b, **NO_PERCENTILES}, {"model": "a", **of_a, **known}],
        "timeseries": [
            {"bucket_start": "2024-01-15T10:00:00Z", **of_a},
            {"bucket_start": "2024-01-15T12:00:00Z", **of_b},
        ],
        "query_period": {"from": None, "to": None},
    }


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
    assert UsageFilter(values={"status": ("error",)}).rows().count() == int(is_failure)


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


def test_model_names_are_found_without_reading_the_table(django_assert_num_queries):
    store(*[{"model": name} for name in ("b", "a", "b", "c")])
    with django_assert_num_queries(1):
        assert model_names() == ["a", "b", "c"]


def test_models_of_purged_rows_and_of_rows_in_plain_sql_are_named_too():
    store({"model": "purged"}, {"model": "deleted"}, {"model": "there"})
    UsageMetric.objects.filter(model="purged").delete_but_keep_sums()
    UsageMetric.objects.filter(model="deleted").delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15 10:00:00', 'plain')"
        )
    assert model_names() == ["plain", "purged", "there"]
    assert model_names(2) == ["plain", "purged"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plan")
def test_a_range_and_a_model_are_answered_from_an_index():
    day = Period(at("2024-01-15 00:00"), at("2024-01-16 00:00"))
    for usage, index in [
        (UsageFilter(period=day), "idx_timestamp"),
        (UsageFilter(day, {"model": ("a",)}), "idx_model"),
        (UsageFilter(day, {"api_key_hash": ("k",)}), "idx_api_key"),
    ]:
        assert f"USING INDEX {index}" in usage.rows().explain()

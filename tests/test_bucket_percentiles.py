"""`percentiles=true`: each bucket has its own, exactly of few rows, else by histograms."""

import datetime as dt
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from tests import plain_python
from tests.factory import at, store
from usage.models import UsageMetric
from usage.periods import rfc3339
from usage.queries import bucket_percentiles
from usage.rollups.horizon import move_purge_horizon

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"
BEGIN = at("2024-01-10 00:00")
HOUR = dt.timedelta(hours=1)
NAMES = [f"p{share}_{of}_ms" for of in ("latency", "ttft") for share in (50, 95, 99)]
RAGGED = {"from": "2024-01-10T07:20:00Z", "to": "2024-01-12T09:40:00Z"}


def ask(client, **query: Any) -> dict[str, Any]:
    answer = client.get(URL, {"percentiles": "true", **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    chance = random.Random(7)
    store(
        *(
            {
                "timestamp": BEGIN + chance.uniform(0, 80) * HOUR,
                "model": chance.choice("ab"),
                "api_key_hash": chance.choice(["k", None]),
                "latency_ms": chance.choice([None, chance.lognormvariate(7, 0.5)]),
                "ttft_ms": chance.lognormvariate(5, 0.5),
            }
            for _ in range(400)
        )
    )
    return list(UsageMetric.objects.values())


def assert_told(client, rows, off: float, **query: Any) -> None:
    interval, zone = query.get("interval", "hour"), ZoneInfo(query.get("tz", "UTC"))
    start, end = (
        dt.datetime.fromisoformat(query[n]) if n in query else None for n in ("from", "to")
    )
    found = [
        row
        for row in rows
        if (start is None or row["timestamp"] >= start)
        and (end is None or row["timestamp"] <= end)
        and row["model"] in query.get("model", "ab")
        and row["api_key_hash"]
        in ([query["api_key_hash"]] if "api_key_hash" in query else ["k", None])
    ]
    by_start = plain_python.grouped(
        found, lambda row: plain_python.bucket_of(row["timestamp"], interval, zone)
    )
    timeseries = ask(client, **query)["timeseries"]
    assert [each["bucket_start"] for each in timeseries] == [
        rfc3339(start, zone) for start in sorted(by_start)
    ]
    for bucket, start in zip(timeseries, sorted(by_start), strict=True):
        for name in NAMES:
            share, column = int(name[1:3]) / 100, name[4:]
            exact = plain_python.percentile(by_start[start], column, share)
            seen = [row[column] for row in by_start[start] if row[column] is not None]
            if exact is None:
                assert bucket[name] is None
            else:
                assert bucket[name] == pytest.approx(exact, rel=off, abs=0.001)
                assert min(seen) - 1e-6 <= bucket[name] <= max(seen) + 1e-6


QUESTIONS = [
    {},
    {"interval": "15m"},
    {"interval": "5m", "from": "2024-01-10T07:20:00Z", "to": "2024-01-11T07:20:00Z"},
    {"interval": "day", **RAGGED},
    {"tz": "Asia/Kathmandu", "interval": "day", **RAGGED},
    {"interval": "month", "model": "a"},
]


@pytest.mark.parametrize("query", [*QUESTIONS, {"api_key_hash": "k", **RAGGED}])
def test_of_few_rows_they_are_exact(client, rows, query):
    assert_told(client, rows, 1e-6, **query)


@pytest.mark.parametrize("query", QUESTIONS)
def test_histograms_tell_what_rows_need_not(client, rows, monkeypatch, query):
    """All but what lies between an end of the range, or of a bucket, and a whole hour."""
    monkeypatch.setattr(bucket_percentiles, "MOST_ROWS_FOR_PERCENTILES", 90)
    if query.get("interval") in ("15m", "5m"):
        answer = ask(client, **query)
        assert {bucket[name] for bucket in answer["timeseries"] for name in NAMES} == {None}
        assert answer["percentiles_note"].startswith("percentiles of these buckets come from rows")
    else:
        assert_told(client, rows, 0.1, **query)


def test_rows_that_no_sums_hold_yet_count(client, rows):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, latency_ms, ttft_ms)"
            " VALUES ('2024-02-01 10:07:00+00:00', 'a', 5, 7)"
        )
    last = ask(client)["timeseries"][-1]
    assert [last[name] for name in NAMES] == [5, 5, 5, 7, 7, 7]


def test_purged_rows_leave_what_histograms_tell(client, rows):
    UsageMetric.objects.all().delete_but_keep_sums()
    move_purge_horizon(BEGIN + 100 * HOUR)
    assert_told(client, rows, 0.1)
    answer = ask(client, api_key_hash="k")
    assert {bucket["p50_latency_ms"] for bucket in answer["timeseries"]} == {None}
    assert "percentiles_note" in answer


def test_empty_buckets_and_other_answers_have_none(client, rows):
    filled = ask(client, fill="true", **{"from": "2024-01-01", "to": "2024-01-02"})
    assert {bucket[name] for bucket in filled["timeseries"] for name in NAMES} == {None}
    assert "p50_latency_ms" not in client.get(URL).json()["timeseries"][0]
    refused = client.get(URL, {"percentiles": "perhaps"})
    assert refused.json()["error"] == "`percentiles` must be true or false"

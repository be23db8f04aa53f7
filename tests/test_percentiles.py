"""Percentiles are within 5 % of the exact ones, whatever sums or rows they come from."""

import datetime as dt
import random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factory import NOON
from tests.plain_python import percentile
from tests.read_only import read_only
from tests.thorough import examples
from usage.models import UsageMetric
from usage.recording import record_batch
from usage.records import UsageRecord
from usage.rollups.declarations import MONTH
from usage.rollups.horizon import move_purge_horizon

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)
SHARES = (50, 95, 99)
# Where a bucket of 30 days begins, so that every width of histogram is read.
BEGIN = dt.datetime.fromtimestamp(NOON.timestamp() // MONTH * MONTH, dt.UTC)
WAYS = {
    "the widest histograms": {},
    "all widths and rows at both ends": {
        "from": BEGIN + 7.3 * HOUR,
        "to": BEGIN + dt.timedelta(days=33, hours=5, minutes=17),
    },
    "rows of most of an hour": {"from": BEGIN + 8.1 * HOUR, "to": BEGIN + 8.9 * HOUR},
    "one model": {"model": "a", "from": BEGIN + 7.9 * HOUR},
    "one provider": {"provider": "p", "to": BEGIN + 20.5 * HOUR},
    "rows alone": {"status": "200", "from": BEGIN + 7.5 * HOUR},
    "one key": {"api_key_hash": "k"},
}


def ask(query: dict[str, Any]) -> dict[str, Any]:
    texts = {
        name: value.isoformat() if name in ("from", "to") else value
        for name, value in query.items()
    }
    return Client().get("/_qs/metrics", texts).json()


def matching(rows: list[UsageRecord], query: dict[str, Any]) -> list[dict[str, Any]]:
    start, end = query.get("from", BEGIN - HOUR), query.get("to", BEGIN + 1000 * HOUR)
    names = [name for name in query if name not in ("from", "to")]
    return [
        {"latency_ms": row.latency_ms, "ttft_ms": row.ttft_ms, "model": row.model}
        for row in rows
        if start <= row.timestamp <= end and all(getattr(row, n) == query[n] for n in names)
    ]


def assert_close(part: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for of in ("latency", "ttft"):
        for share in SHARES:
            exact = percentile(rows, f"{of}_ms", share / 100)
            value = part[f"p{share}_{of}_ms"]
            if exact is None:
                assert value is None
            else:
                assert value == pytest.approx(exact, rel=0.05, abs=0.001)


def assert_answers_are_close(rows: list[UsageRecord], query: dict[str, Any]) -> None:
    answer, found = ask(query), matching(rows, query)
    assert answer["totals"]["requests"] == len(found)
    assert_close(answer["totals"], found)
    for part in answer["by_model"]:
        assert_close(part, [row for row in found if row["model"] == part["model"]])


def lognormal(count: int, **fields: Any) -> list[UsageRecord]:
    chance = random.Random(5)
    return [
        UsageRecord(
            timestamp=BEGIN + chance.uniform(7, 34 * 24) * HOUR,
            model=chance.choice("aab"),
            provider=chance.choice(["p", None]),
            api_key_hash=chance.choice(["k", "l"]),
            status="200",
            latency_ms=chance.lognormvariate(7, 1.2),
            ttft_ms=chance.choice([None, chance.lognormvariate(5, 0.7)]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("query", WAYS.values(), ids=WAYS)
def test_of_lognormal_times(query):
    rows = lognormal(3000)
    record_batch(rows)
    assert_answers_are_close(rows, query)


values = st.none() | st.floats(0, 1e7) | st.sampled_from([0.0, 1e-9, 0.001, 1.0, 1.1])
records = st.builds(
    UsageRecord,
    timestamp=st.integers(0, 34 * 24 * 60).map(lambda minutes: BEGIN + minutes * HOUR / 60),
    model=st.sampled_from("ab"),
    provider=st.sampled_from(["p", None]),
    api_key_hash=st.sampled_from(["k", "l"]),
    status=st.just("200"),
    latency_ms=values,
    ttft_ms=values,
)


@settings(max_examples=examples(60))
@given(rows=st.lists(records, max_size=30), query=st.sampled_from(list(WAYS.values())))
def test_of_any_times(rows, query):
    with transaction.atomic():
        record_batch(rows)
        assert_answers_are_close(rows, query)
        transaction.set_rollback(True)


@pytest.mark.parametrize("query", WAYS.values(), ids=WAYS)
def test_of_rows_that_no_sums_hold_yet(query):
    rows = lognormal(300)
    record_batch(rows[:100])
    with connection.cursor() as cursor:
        for row in rows[100:]:
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, provider, api_key_hash, status,"
                " latency_ms, ttft_ms) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    row.timestamp.replace(tzinfo=None).isoformat(" ") + "+00:00",
                    row.model, row.provider, row.api_key_hash, row.status,
                    row.latency_ms, row.ttft_ms,
                ],
            )  # fmt: skip
    with read_only():
        assert_answers_are_close(rows, query)


def test_numbers_that_are_none_count_for_nothing():
    with connection.cursor() as cursor:
        for value in ("'abc'" if connection.vendor == "sqlite" else "'NaN'", "'Infinity'", "5"):
            number = "9e999" if connection.vendor == "sqlite" and "Inf" in value else value
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, latency_ms)"
                f" VALUES ('2024-01-15 12:00:00', 'm', {number})"
            )
    for query in ({}, {"from": NOON - 0.4 * HOUR, "to": NOON + 0.3 * HOUR}):
        totals = ask(query)["totals"]
        assert totals["requests"] == 3
        assert totals["p99_latency_ms"] == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(
    ("query", "is_known"),
    [
        ({"api_key_hash": "k"}, False),
        ({"status": "200"}, False),
        ({"api_key_hash": "k", "from": BEGIN + 400 * HOUR}, True),
        ({}, True),
        ({"model": "a"}, True),
    ],
)
def test_what_purged_rows_alone_could_tell_is_not_known(query, is_known):
    rows = lognormal(300)
    record_batch(rows)
    UsageMetric.objects.filter(timestamp__lt=BEGIN + 300 * HOUR).delete_but_keep_sums()
    move_purge_horizon(BEGIN + 300 * HOUR)
    if is_known:
        assert_answers_are_close(rows, query)
    else:
        answer = ask(query)
        assert answer["totals"]["requests"] == len(matching(rows, query))
        assert answer["totals"]["p50_latency_ms"] is None

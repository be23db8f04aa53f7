"""Percentiles are exact where rows tell them, else within 5 %, and never past what was seen."""

import datetime as dt
import random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factory import NOON
from tests.plain_python import percentile
from tests.read_only import read_only
from tests.thorough import examples
from usage.models import UsageMetric
from usage.periods import rfc3339
from usage.queries import percentile_plan
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
def test_of_few_rows_they_are_exact(rows, query):
    with transaction.atomic():
        record_batch(rows)
        answer, found = ask(query), matching(rows, query)
        for part, some in parts_of(answer, found):
            assert_as_exact(part, some, 1e-6)
        transaction.set_rollback(True)


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(rows=st.lists(records, max_size=30), query=st.sampled_from(list(WAYS.values())))
def test_histograms_tell_none_past_the_least_and_the_greatest(monkeypatch, rows, query):
    """What lies beside one of them is up to a bin off, else half of one."""
    monkeypatch.setattr(percentile_plan, "_FEW_ROWS", -1)
    with transaction.atomic():
        record_batch(rows)
        answer, found = ask(query), matching(rows, query)
        for part, some in parts_of(answer, found):
            assert_as_exact(part, some, 0.1)
            for of in ("latency", "ttft"):
                seen = [row[f"{of}_ms"] for row in some if row[f"{of}_ms"] is not None]
                told = [
                    value for share in SHARES if (value := part[f"p{share}_{of}_ms"]) is not None
                ]
                assert bool(seen) == bool(told)
                assert all(min(seen) - 1e-6 <= value <= max(seen) + 1e-6 for value in told)
        transaction.set_rollback(True)


def parts_of(answer, found):
    yield answer["totals"], found
    for part in answer["by_model"]:
        yield part, [row for row in found if row["model"] == part["model"]]


def assert_as_exact(part, rows, share_off) -> None:
    for of in ("latency", "ttft"):
        for share in SHARES:
            exact, value = percentile(rows, f"{of}_ms", share / 100), part[f"p{share}_{of}_ms"]
            if exact is None:
                assert value is None
            else:
                assert value == pytest.approx(exact, rel=share_off, abs=0.0011)


ALIKE = {"timestamp": BEGIN + 7 * HOUR, "latency_ms": 2100, "ttft_ms": 0.3}


@pytest.mark.parametrize("others", [0, 2_500])
def test_one_calls_percentiles_are_its_own_times(others):
    """Alone, and among so many others that histograms tell them: by model, and by provider."""
    record_batch(lognormal(others))
    record_batch([UsageRecord(model="c", provider="q", **ALIKE)])
    answer = ask({"group_by": "provider"})
    alone = [part for part in answer["by_model"] if part["model"] == "c"]
    alone += [part for part in answer["by_provider"] if part["provider"] == "q"]
    for part in [*alone, *([] if others else [answer["totals"]])]:
        assert {part[f"p{share}_latency_ms"] for share in SHARES} == {2100}
        assert {part[f"p{share}_ttft_ms"] for share in SHARES} == {0.3}


def test_times_that_are_all_alike_are_told_as_they_are():
    record_batch([UsageRecord(model="c", **ALIKE) for _ in range(2_500)])
    totals = ask({})["totals"]
    assert {totals[f"p{share}_latency_ms"] for share in SHARES} == {2100}


def test_estimates_have_no_more_digits_than_they_can_know():
    record_batch(lognormal(3_000))
    totals = ask({})["totals"]
    for share in SHARES:
        text = f"{totals[f'p{share}_latency_ms']:.15g}".replace(".", "").strip("0")
        assert len(text) <= 4


def test_a_model_that_was_asked_little_has_exact_ones_among_many_others():
    rows = lognormal(3_000) + [
        UsageRecord(model="c", timestamp=BEGIN + n * HOUR, latency_ms=n + 0.25)
        for n in range(9, 90)
    ]
    record_batch(rows)
    for query in ({}, {"from": BEGIN + 20.5 * HOUR, "to": BEGIN + 34 * 24 * HOUR}):
        (part,) = (each for each in ask(query)["by_model"] if each["model"] == "c")
        of_it = [row for row in matching(rows, query) if row["model"] == "c"]
        assert part["p99_latency_ms"] == pytest.approx(percentile(of_it, "latency_ms", 0.99))


def test_a_note_says_why_there_are_none():
    record_batch(lognormal(10))
    move_purge_horizon(BEGIN + 300 * HOUR)
    answer = ask({"status": "200"})
    assert answer["totals"]["p50_latency_ms"] is None
    assert answer["percentiles_note"] == (
        "percentiles of what is asked for by more than model and provider come from rows, and those"
        f" from before {rfc3339(BEGIN + 300 * HOUR)} were purged"
    )
    assert "percentiles_note" not in ask({})


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

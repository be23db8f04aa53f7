"""`usage.recording`: what is stored, once, in one transaction."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection

from usage.asking.filters import UsageFilter
from usage.models import UsageMetric
from usage.queries import records_persisted, usage_report
from usage.recording import RecordingResult, hash_api_key, record_batch, record_usage
from usage.records import InvalidRow, UsageRecord

NOON = dt.datetime(2024, 1, 15, 12, tzinfo=dt.UTC)

pytestmark = pytest.mark.django_db


def stored(*columns: str) -> list[tuple[Any, ...]]:
    return list(UsageMetric.objects.order_by("id").values_list(*columns))


def test_every_field_is_stored_as_given():
    record_usage(
        "gpt-5",
        timestamp=NOON,
        prompt_tokens=10,
        completion_tokens=5,
        total_tokens=16,
        request_id="r-1",
        status=200,
        latency_ms=12.5,
        api_key_hash="ab" * 32,
        provider="openai",
        requested_model="gpt",
        cached_tokens=4,
        cache_write_tokens=1,
        reasoning_tokens=2,
        ttft_ms=3.5,
        cost_usd=0.001,
        source="test",
        response_id="chatcmpl-1",
        app="chat",
        user="ann",
        team="search",
        project="index",
        session="s-1",
        account="openai-2",
        cache_write_1h_tokens=1,
        audio_input_tokens=2,
        audio_output_tokens=3,
        image_input_tokens=4,
        image_output_tokens=0,
        service_tier="batch",
    )
    row = UsageMetric.objects.values().get()
    del row["id"], row["created_at"], row["is_summed"]
    assert row == {
        "timestamp": NOON,
        "model": "gpt-5",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 16,
        "request_id": "r-1",
        "status": "200",
        "latency_ms": 12.5,
        "api_key_hash": "ab" * 32,
        "provider": "openai",
        "requested_model": "gpt",
        "cached_tokens": 4,
        "cache_write_tokens": 1,
        "reasoning_tokens": 2,
        "ttft_ms": 3.5,
        "cost_usd": 0.001,
        "event_id": None,
        "source": "test",
        "response_id": "chatcmpl-1",
        "app": "chat",
        "user": "ann",
        "team": "search",
        "project": "index",
        "session": "s-1",
        "account": "openai-2",
        "cache_write_1h_tokens": 1,
        "audio_input_tokens": 2,
        "audio_output_tokens": 3,
        "image_input_tokens": 4,
        "image_output_tokens": 0,
        "service_tier": "batch",
        "cost_source": "reported",
        "excluded_as": None,
    }


def test_what_is_left_out_gets_the_contracts_defaults():
    before = dt.datetime.now(dt.UTC)
    record_usage("gpt-5", prompt_tokens=10, completion_tokens=5)
    row = UsageMetric.objects.get()
    assert before <= row.timestamp <= dt.datetime.now(dt.UTC)
    assert abs(row.created_at - row.timestamp) < dt.timedelta(seconds=5)
    assert (row.total_tokens, row.status, row.latency_ms) == (15, None, None)


def test_storing_the_same_event_twice_is_a_no_op():
    event = {"timestamp": NOON, "event_id": "e-1", "source": "a", "prompt_tokens": 1}
    assert record_usage("gpt-5", **event) is True
    assert record_usage("gpt-5", **event) is False
    assert stored("model", "prompt_tokens") == [("gpt-5", 1)]
    assert records_persisted() == 1


def test_a_batch_counts_what_was_new_and_what_was_not():
    first = {"model": "m", "timestamp": NOON, "event_id": "1"}
    second = {"model": "m", "timestamp": NOON, "event_id": "2"}
    assert record_batch([first, first, second]) == RecordingResult(2, 1)
    assert record_batch([second, {"model": "m"}]) == RecordingResult(1, 1)
    assert record_batch([]) == RecordingResult(0, 0)
    assert records_persisted() == 3


@pytest.mark.parametrize(
    "timestamp", [float("nan"), float("inf"), -1e300, "x", dt.datetime(2024, 1, 1)]
)
def test_a_timestamp_that_is_none_is_an_invalid_row(timestamp: Any):
    with pytest.raises(InvalidRow, match="timestamp"):
        record_usage("m", timestamp=timestamp)


def test_rows_without_an_event_id_are_all_stored():
    assert record_batch([{"model": "m", "timestamp": NOON}] * 3) == RecordingResult(3, 0)


def test_one_bad_row_stores_none_and_every_fault_is_named():
    with pytest.raises(InvalidRow) as caught:
        record_batch([{"model": "m"}, {"model": "", "prompt_tokens": -1}, {}])
    assert [fault.field for fault in caught.value.faults] == [
        "1.model",
        "1.prompt_tokens",
        "2.model",
    ]
    assert stored("id") == []


def test_keys_in_clear_are_never_stored():
    key = "sk-proj-0123456789abcdef"
    record_usage("m", api_key=key)
    record_usage("m", api_key_hash=key)
    record_usage("m", api_key_hash="team-a")
    record_usage("m", api_key="other", api_key_hash="team-a")
    record_usage("m", api_key=f" Bearer {key} ")
    record_usage("m", api_key_hash=f"  {key}")
    hashed = hash_api_key(key)
    assert stored("api_key_hash") == [
        (hashed,), (hashed,), ("team-a",), ("team-a",), (hashed,), (hashed,),
    ]  # fmt: skip


def test_plain_sql_with_the_classic_columns_still_works():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, prompt_tokens, completion_tokens,"
            " total_tokens, request_id, status, latency_ms, api_key_hash)"
            " VALUES ('2024-01-15 10:00:00', 'gpt-4', 1, 2, 3, 'r', '200', 45, 'h')"
        )
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15T11:30:00Z', 'm')"
        )
        cursor.execute("SELECT COUNT(*) FROM usage_metrics")
        assert cursor.fetchone() == (2,)
    assert stored("model", "total_tokens", "latency_ms") == [("gpt-4", 3, 45), ("m", 0, None)]
    assert all(created is not None for (created,) in stored("created_at"))
    assert [bucket.start.hour for bucket in usage_report(UsageFilter()).timeseries] == [10, 11]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has a type for it")
@pytest.mark.parametrize(
    "value",
    ["1705312800", "'yesterday'", "'2024-01-15'", "'2024-01-15 10:00:00+02:00'", "1.5",
     "'2024-01-15 10:00:00 +0200 CEST m=+1.2'", "CURRENT_DATE", "x'32303234'",
     "'0000-01-01 10:00:00'", "'2024-01-15 10:00:00,5'"],
)  # fmt: skip
def test_plain_sql_cannot_store_a_time_that_would_be_misread(value: str):
    insert = f"INSERT INTO usage_metrics (timestamp, model) VALUES ({value}, 'm')"
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="CHECK"):
        cursor.execute(insert)


@pytest.mark.parametrize(
    "value",
    ["'2024-01-15 10:00:00'", "'2024-01-15 10:00:00.123456'", "'2024-01-15T10:00:00Z'",
     "'2024-01-15T10:00:00.5Z'", "'2024-01-15 10:00:00.123456+00:00'", "CURRENT_TIMESTAMP"],
)  # fmt: skip
def test_plain_sql_can_store_every_time_that_is_utc(value: str):
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO usage_metrics (timestamp, model) VALUES ({value}, 'm')")
    assert usage_report(UsageFilter()).totals.requests == 1
    assert UsageMetric.objects.get().timestamp.tzinfo is not None


@pytest.mark.django_db(transaction=True)
def test_many_threads_store_every_event_once():
    """Overlapping batches in opposite orders: no deadlock, nothing lost, nothing doubled."""
    rows = [{"model": "m", "timestamp": NOON, "event_id": str(n)} for n in range(200)]
    results: list[RecordingResult] = []

    def store(batch: list[dict[str, Any]]) -> None:
        try:
            results.append(record_batch(batch))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=store, args=(rows if n % 2 else rows[::-1],)) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert UsageMetric.objects.count() == 200
    assert sum(result.accepted for result in results) == 200
    assert sum(result.duplicates for result in results) == 1000
    assert records_persisted() == 200


@pytest.mark.parametrize(
    ("given", "stored_status"), [(200, "200"), ("200", "200"), (" OK ", "ok"), ("", None)]
)
def test_a_status_is_stored_as_lower_case_text(given: Any, stored_status: str | None):
    record_usage("m", status=given)
    assert stored("status") == [(stored_status,)]


def test_a_ready_record_is_stored_without_another_look():
    record = UsageRecord(timestamp=NOON, model="m", total_tokens=7, event_id=2**63 - 1)
    assert record_batch([record, record]) == RecordingResult(1, 1)
    assert stored("total_tokens", "event_id") == [(7, 2**63 - 1)]

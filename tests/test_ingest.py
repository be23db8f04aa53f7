"""`POST /_qs/usage`: every shape, all or nothing."""

import datetime as dt
import gzip
import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from usage.models import UsageMetric
from usage.recording import hash_api_key

pytestmark = pytest.mark.django_db
URL = "/_qs/usage"


def post(client: Client, body: Any, content_type: str = "application/json", **extra: Any):
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(extra.pop("url", URL), data, content_type=content_type, **extra)


def models() -> list[str]:
    return list(UsageMetric.objects.order_by("id").values_list("model", flat=True))


MODEL_RULE = "is required: must be text of 1 to 255 characters"
ROWS = [{"model": "a"}, {"model": "b"}]
NDJSON = '{"model":"a"}\n\n  \r\n{"model":"b"}\n'


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ({"model": "a"}, "application/json", ["a"]),
        (ROWS, "application/json", ["a", "b"]),
        ([], "application/json", []),
        ({"metrics": ROWS}, "application/json", ["a", "b"]),
        ({"metrics": []}, "application/json", []),
        (NDJSON, "application/x-ndjson", ["a", "b"]),
        (NDJSON, "application/ndjson", ["a", "b"]),
        (NDJSON, "application/jsonl; charset=utf-8", ["a", "b"]),
        (NDJSON, "application/json", ["a", "b"]),
        ('{"model":"a"}', "application/x-ndjson", ["a"]),
        (b"\xef\xbb\xbf" + b'[{"model":"a"}]', "application/json", ["a"]),
        (' \n [{"model":"a"}] \n', "application/json; charset=utf-8", ["a"]),
        ('{"model":"模型-ü 🚀"}', "application/json", ["模型-ü 🚀"]),
    ],
)
def test_every_shape_is_stored(client, body: Any, content_type: str, expected: list[str]):
    answer = post(client, body, content_type)
    assert (answer.status_code, answer.json()) == (
        201,
        {"accepted": len(expected), "duplicates": 0},
    )
    assert models() == expected


def test_gzip_is_understood_in_one_or_more_members(client):
    body = gzip.compress(b'[{"model":"a"},') + gzip.compress(b'{"model":"b"}]')
    answer = post(client, body, headers={"Content-Encoding": "gzip"})
    assert answer.json() == {"accepted": 2, "duplicates": 0}


GO_ROW = {
    "Timestamp": "2024-01-15T10:00:00.123456789+01:00",
    "Model": "gpt-5",
    "PromptTokens": 10,
    "CompletionTokens": 5,
    "TotalTokens": 15,
    "RequestID": "r-1",
    "Status": "200",
    "LatencyMs": 120,
    "APIKeyHash": "h",
}


@pytest.mark.parametrize(
    "body", [GO_ROW, [GO_ROW], {"metrics": [GO_ROW]}, json.dumps(GO_ROW) + "\n"]
)
def test_the_go_structs_own_names_are_understood(client, body: Any):
    assert post(client, body).status_code == 201
    row = UsageMetric.objects.values(
        "timestamp", "model", "prompt_tokens", "completion_tokens", "total_tokens",
        "request_id", "status", "latency_ms", "api_key_hash",
    ).get()  # fmt: skip
    assert row == {
        "timestamp": dt.datetime(2024, 1, 15, 9, 0, 0, 123457, tzinfo=dt.UTC),
        "model": "gpt-5",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "request_id": "r-1",
        "status": "200",
        "latency_ms": 120,
        "api_key_hash": "h",
    }


def test_both_spellings_in_one_row_are_read_and_ours_wins(client):
    post(client, [{"model": "ours", "Model": "theirs", "PromptTokens": 3, "completion_tokens": 4}])
    assert list(UsageMetric.objects.values_list("model", "total_tokens")) == [("ours", 7)]


@pytest.mark.parametrize("others", [{}, {"x": "Status"}, {"y": {"Model": 1}}])
def test_a_row_means_the_same_in_every_envelope(client, others: dict[str, Any]):
    row = {"model": "m", "promptTokens": 5, "PromptTokens": 3, "completion_tokens": 1, **others}
    for body in (row, [row], {"metrics": [row]}, json.dumps(row) + "\n" + json.dumps(row)):
        assert post(client, body).status_code == 201
    assert set(UsageMetric.objects.values_list("total_tokens", flat=True)) == {4}


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        ("2024-01-15T10:00:00Z", "2024-01-15T10:00:00+00:00"),
        ("2024-01-15T10:00:00.5-08:00", "2024-01-15T18:00:00.500000+00:00"),
        (1705312800, "2024-01-15T10:00:00+00:00"),
        (1705312800.25, "2024-01-15T10:00:00.250000+00:00"),
        (1705312800123, "2024-01-15T10:00:00.123000+00:00"),
    ],
)
def test_every_kind_of_timestamp_is_stored_in_utc(client, timestamp: Any, moment: str):
    assert post(client, {"model": "m", "timestamp": timestamp}).status_code == 201
    assert UsageMetric.objects.get().timestamp.isoformat() == moment


def test_null_means_absent_and_unknown_fields_are_ignored(client):
    body = {"model": "m", "timestamp": None, "prompt_tokens": None, "event_id": None, "x": [{}]}
    assert post(client, body).status_code == 201


def test_the_largest_values_are_kept_to_the_token(client):
    body = {"model": "m" * 255, "total_tokens": 2**53, "latency_ms": 2**53, "status": "x" * 32}
    assert post(client, body).status_code == 201
    assert UsageMetric.objects.get().total_tokens == 2**53


def test_every_fault_of_every_bad_row_is_named_and_nothing_stored(client):
    body = [{"model": "a"}, {"model": 5, "prompt_tokens": -1}, {"model": "b", "status": []}]
    answer = post(client, body)
    assert answer.status_code == 400
    said = answer.json()
    assert [(e["index"], e["field"]) for e in said["errors"]] == [
        (1, "model"),
        (1, "prompt_tokens"),
        (2, "status"),
    ]
    assert said["bad_rows"] == 2
    assert models() == []


def test_partial_stores_the_good_rows_and_lists_the_bad(client):
    answer = post(client, [{"model": "a"}, {}, {"model": "b"}], url=URL + "?partial=true")
    assert answer.status_code == 201
    assert answer.json() == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": 1,
        "errors": [{"index": 1, "field": "model", "error": MODEL_RULE}],
    }
    assert models() == ["a", "b"]


def test_a_million_faults_are_counted_but_not_all_listed(client):
    answer = post(client, "[" + ",".join(["5"] * 20_000) + "]")
    said = answer.json()
    assert (answer.status_code, said["bad_rows"], len(said["errors"])) == (400, 20_000, 1000)


def test_duplicates_are_counted(client):
    event = {"model": "m", "timestamp": "2024-01-15T10:00:00Z", "event_id": "1"}
    assert post(client, [event, event]).json() == {"accepted": 1, "duplicates": 1}
    assert post(client, event).json() == {"accepted": 0, "duplicates": 1}


def test_a_key_in_clear_is_hashed_and_dropped(client):
    post(client, {"model": "m", "api_key": "sk-clear"})
    assert UsageMetric.objects.get().api_key_hash == hash_api_key("sk-clear")


def test_disabled_metrics_refuse_rows_for_now(client, settings):
    settings.USAGE_STATISTICS_ENABLED = False
    answer = post(client, {"model": "m"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "METRICS_ENABLED" in answer.json()["error"]
    assert models() == []


# --- Idempotency-Key --------------------------------------------------------------------------


def keyed(client: Client, key: str, body: Any, **extra: Any):
    return post(client, body, headers={"Idempotency-Key": key}, **extra)


def test_a_resend_gets_the_first_answer_and_stores_nothing(client):
    first = keyed(client, "k", ROWS)
    again = keyed(client, "k", ROWS)
    assert first.json() == again.json() == {"accepted": 2, "duplicates": 0}
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert models() == ["a", "b"]


def test_a_key_with_another_body_is_a_conflict(client):
    keyed(client, "k", ROWS)
    answer = keyed(client, "k", [{"model": "c"}])
    assert answer.status_code == 409
    assert "new key" in answer.json()["error"]
    assert models() == ["a", "b"]


def test_a_refused_post_leaves_its_key_free(client):
    assert keyed(client, "k", [{"model": ""}]).status_code == 400
    assert keyed(client, "k", [{"model": "m"}]).status_code == 201


def test_the_same_rows_compressed_are_the_same_body(client):
    keyed(client, "k", json.dumps(ROWS).encode())
    headers = {"Idempotency-Key": "k", "Content-Encoding": "gzip"}
    again = post(client, gzip.compress(json.dumps(ROWS).encode()), headers=headers)
    assert (again.status_code, models()) == (201, ["a", "b"])


def test_a_key_is_forgotten_after_48_hours(client):
    from usage.models import IdempotentPost

    keyed(client, "k", ROWS)
    old = dt.datetime.now(dt.UTC) - dt.timedelta(hours=48, minutes=1)
    IdempotentPost.objects.update(created_at=old)
    assert keyed(client, "k", [{"model": "c"}]).status_code == 201
    assert IdempotentPost.objects.count() == 1


def test_two_writers_may_use_the_same_key(client):
    from usage.models import IngestToken

    for name in ("first", "second"):
        _, text = IngestToken.objects.issue(name)
        headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "1"}
        assert post(client, {"model": name}, headers=headers).status_code == 201
    assert models() == ["first", "second"]


# --- No input makes a 500 ---------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["model", "timestamp", "prompt_tokens", "status", "Model", "metrics", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(value=json_values)
def test_no_json_makes_a_500(client, value: Any):
    client.raise_request_exception = True
    assert post(client, json.dumps(value)).status_code in (201, 400)


@given(body=st.binary(min_size=1, max_size=200), encoding=st.sampled_from(["", "gzip"]))
def test_no_bytes_make_a_500(client, body: bytes, encoding: str):
    client.raise_request_exception = True
    answer = post(client, body, headers={"Content-Encoding": encoding})
    assert answer.status_code in (201, 400)

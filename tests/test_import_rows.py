"""`manage.py import_metrics` of rows in the contract's fields, and of what proxies hand over."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cliproxy import record
from tests.factory import ALICE, at, store
from tests.old_files import counts, rejects_of, run
from usage.identity import event_identity, hash_api_key
from usage.intake import cliproxy, litellm
from usage.models import UsageMetric
from usage.recording import record_batch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
CAPTURES = Path(__file__).parent / "data" / "captures"
NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
ROW = {"timestamp": "2024-01-15T10:00:00Z", "model": "m", "total_tokens": 5}


@pytest.fixture
def file(tmp_path):
    def write(*rows: Any) -> Path:
        path = tmp_path / "file"
        texts = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
        path.write_bytes(b"\n".join(texts) + b"\n")
        return path

    return write


def portal_of_many_kinds() -> None:
    store(
        *({"model": model, "prompt_tokens": 1200} for model in ("gpt-4o", "claude-sonnet-4-5")),
        {"model": "gpt-4o", "timestamp": at("2024-02-01"), "status": 500, "source": "litellm"},
        {"timestamp": at("2025-06-30 23:59:59"), "status": None, "latency_ms": 1e6},
        {
            "model": "=1+1",
            "request_id": "-2",
            "user": "@me",
            "app": 'a, "quoted" app',
            "source": "s",
        },
        {"model": "ü 模型", "total_tokens": 2**53, "latency_ms": 0.125, "ttft_ms": 1e-3},
        {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 2, "reasoning_tokens": 1},
        {"api_key_hash": "team-a", "status": "OK", "cost_usd": 0.1 + 0.2, "event_id": "e1"},
        {"api_key_hash": ALICE, "provider": "openai", "response_id": "r", "cache_write_tokens": 0},
        {"team": "search", "project": "index", "session": "s-1", "account": "openai-2"},
        {"cache_write_tokens": 5, "cache_write_1h_tokens": 4, "service_tier": "batch"},
        {"audio_input_tokens": 1, "image_output_tokens": 2, "prompt_tokens": 3},
        {"request_id": "twice"},
        {"request_id": "twice"},
    )


def rows() -> list[tuple[Any, ...]]:
    names = [
        field.name
        for field in UsageMetric._meta.concrete_fields
        if field.name not in ("id", "created_at", "event_id", "source", "is_summed")
    ]
    return sorted(UsageMetric.objects.values_list(*names), key=repr)


def totals(client) -> Any:
    return client.get("/_qs/metrics").json()


@pytest.mark.parametrize("query", [{"format": "csv"}, {"format": "ndjson"}, {"limit": "1000"}])
def test_a_portals_export_gives_an_empty_portal_the_same_figures(client, tmp_path, query):
    portal_of_many_kinds()
    before, figures = rows(), totals(client)
    answer = client.get("/_qs/usage", query)
    path = tmp_path / "file"
    path.write_bytes(answer.getvalue())
    UsageMetric.objects.all().delete()

    first, second = run(path), run(path)

    assert counts(first) == "14 imported, 0 there before, 0 rejected."
    assert counts(second) == "0 imported, 14 there before, 0 rejected."
    assert rows() == before
    assert totals(client) == figures
    assert set(UsageMetric.objects.values_list("source", flat=True)) == {"import", "s", "litellm"}


def test_csv_and_ndjson_of_the_same_rows_know_each_other(client, tmp_path):
    portal_of_many_kinds()
    path = tmp_path / "file"
    texts = [client.get("/_qs/usage", {"format": kind}).getvalue() for kind in ("csv", "ndjson")]
    UsageMetric.objects.all().delete()
    said = []
    for text in texts:
        path.write_bytes(text)
        said.append(counts(run(path)))
    assert said[1] == "0 imported, 14 there before, 0 rejected."


def test_rows_that_no_figure_counts_are_passed_over(file):
    path = file(ROW, {**ROW, "excluded_as": "warm_up"}, {**ROW, "excluded_as": None, "id": 3})
    said = run(path)
    assert counts(said) == "2 imported, 0 there before, 0 rejected."
    assert "1 rows were passed over, which the portal they come from does not count" in said

    table = file(b"timestamp,model,total_tokens,excluded_as", b"2024-01-16,m,5,duplicate")
    assert counts(run(table)) == "0 imported, 0 there before, 0 rejected."


def test_a_cost_keeps_its_source(file):
    costs = [{"cost_source": kind, "cost_usd": 0.5, "id": kind} for kind in ("override", "x", None)]
    run(file(*({**ROW, **cost} for cost in costs)))
    found = UsageMetric.objects.values_list("cost_usd", "cost_source")
    assert sorted(found) == [(0.5, "override"), (0.5, "reported"), (0.5, "reported")]


def test_rows_alike_are_as_many_as_the_file_has(file):
    path = file(ROW, ROW, {**ROW, "user": "bob"}, ROW)
    assert counts(run(path)) == "4 imported, 0 there before, 0 rejected."
    assert counts(run(path)) == "0 imported, 4 there before, 0 rejected."
    assert counts(run(file(ROW, ROW))) == "0 imported, 2 there before, 0 rejected."


def test_an_id_tells_rows_apart_and_repeats_are_one(file):
    path = file(*({**ROW, "id": number} for number in (1, 2, 2, "2")))
    assert counts(run(path)) == "2 imported, 2 there before, 0 rejected."


def test_a_row_that_was_posted_before_is_known_by_its_event_id(client, file):
    row = {**ROW, "event_id": "e1", "source": "app"}
    client.post("/_qs/usage", row, content_type="application/json")
    assert counts(run(file(row))) == "0 imported, 1 there before, 0 rejected."
    assert UsageMetric.objects.get().event_id == event_identity("app", "e1")


def test_go_structs_and_loose_types_are_understood(file):
    go = {
        "ID": 9,
        "Timestamp": "2024-01-15T12:00:00.5+02:00",
        "Model": "m",
        "PromptTokens": 3,
        "CompletionTokens": 4,
        "TotalTokens": 7,
        "RequestID": "r",
        "Status": 200,
        "LatencyMs": 12,
        "APIKeyHash": "sk-live-key",
    }
    mixed = {"timestamp": 1705312801, "model": "o", "TotalTokens": 6}
    loose = {"timestamp": 1705312800, "model": "n", "total_tokens": "5", "status": 429.0}
    run(file(go, loose, mixed))
    names = ("timestamp", "model", "total_tokens", "request_id", "status", "api_key_hash")
    assert list(UsageMetric.objects.order_by("model").values_list(*names)) == [
        (at("2024-01-15 10:00:00.5"), "m", 7, "r", "200", hash_api_key("sk-live-key")),
        (at("2024-01-15 10:00"), "n", 5, None, "429", None),
        (at("2024-01-15 10:00:01"), "o", 6, None, None, None),
    ]


def test_a_zone_may_be_given_for_times_that_name_none(file):
    run(file({**ROW, "timestamp": "2024-01-15T10:00:00"}), source_time_zone="Europe/Prague")
    run(file(b"timestamp,model,status", b"2024-01-15 11:00,n,200"), source_time_zone="Asia/Tokyo")
    assert dict(UsageMetric.objects.values_list("model", "timestamp")) == {
        "m": at("2024-01-15 09:00"),
        "n": at("2024-01-15 02:00"),
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"timestamp": None}, "timestamp: is missing"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp: is before the year 2000"),
        ({"timestamp": "0001-01-01 00:00:00"}, "timestamp: is before the year 2000"),
        ({"timestamp": 2**70}, "timestamp: must be Unix seconds or milliseconds"),
        ({"model": None}, "model: is required"),
        ({"model": "m" * 300}, "model: must be text of 1 to 255 characters"),
        ({"model": "a\nb"}, "model: must not contain control characters"),
        ({"user": {"name": "x"}}, "user: must be text up to 255 characters, not an object"),
        ({"total_tokens": True}, "total_tokens: must be a whole number"),
        ({"cost_usd": -1}, "cost_usd: must be a number of US dollars"),
    ],
)
def test_a_bad_row_says_why(file, bad, reason):
    path = file(ROW, {**ROW, **bad})
    assert counts(run(path)) == "1 imported, 0 there before, 1 rejected."
    (line,) = map(json.loads, rejects_of(path).read_text().splitlines())
    assert (line["id"], line["reason"][: len(reason)]) == ("line 2", reason)


def test_an_account_in_the_place_of_the_source_is_not_kept(file):
    run(file(*({**ROW, "source": text} for text in ("me@example.com", "sk-key", "gateway"))))
    found = UsageMetric.objects.values_list("source", flat=True)
    assert sorted(found) == ["gateway", "import", "import"]


class TestQueue:
    def test_records_that_were_collected_live_are_known(self, file):
        live = [record(), record(failed=True), record(timestamp="2026-04-25T00:00:01Z")]
        record_batch([cliproxy.record_of(each, "east", NOW) for each in live])
        saved = [*live, record(request_id="another")]

        assert counts(run(file(*saved))) == "1 imported, 3 there before, 0 rejected."
        assert sorted(UsageMetric.objects.values_list("source", flat=True)) == [
            *("east", "east", "east", "import"),
        ]

    def test_an_array_as_the_proxy_answers_it(self, file):
        path = file(b"[" + b",".join([record(), b'"no JSON"', record(model="n")]) + b"]")
        assert counts(run(path)) == "2 imported, 0 there before, 1 rejected."

    @pytest.mark.parametrize("missing", ["0001-01-01T00:00:00Z", None, ""])
    def test_a_record_without_a_time_is_rejected_lest_it_be_doubled(self, file, missing):
        path = file(record(), record(timestamp=missing))
        assert counts(run(path)) == "1 imported, 0 there before, 1 rejected."

    def test_warm_ups_are_stored_and_not_counted(self, client, file):
        run(file(record(), record(generate=False, request_id="ffff")))
        assert UsageMetric.objects.count() == 2
        assert totals(client)["totals"]["requests"] == 1

    def test_kinds_may_be_mixed(self, file):
        payload = (CAPTURES / "litellm" / "003_litellm_single.body").read_bytes()
        sign = {"support_refresh": True}
        said = run(file(record(), ROW, payload.replace(b"\n", b""), sign))
        assert counts(said) == "3 imported, 0 there before, 0 rejected."
        assert "1 rows were passed over, which are no usage." in said


def test_payloads_that_litellm_posted_are_known(file):
    body = (CAPTURES / "litellm" / "001_litellm_json_array.body").read_bytes()
    record_batch(litellm.parse(body, NOW).records)
    assert counts(run(file(body))) == "0 imported, 4 there before, 0 rejected."

"""`manage.py import_metrics` of CPA Usage Keeper's and CPA-Manager's databases and exports."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.factory import at
from tests.old_files import counts, run
from usage.identity import hash_api_key
from usage.models import UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
EXPORTS = Path(__file__).parent / "data" / "exports"
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens")
KEEPER = {
    "event_key": "0011aabb",
    "api_group_key": "sk-SECRET-client-key-1",
    "provider": "openai",
    "endpoint": "POST /v1/responses",
    "auth_type": "apikey",
    "request_id": "0011aabb",
    "model": "gpt-5.4",
    "model_alias": "client-gpt",
    "executor_type": "CodexExecutor",
    "timestamp": "2026-05-16 11:28:48.5+08:00",
    "source": "secret.person@example.com",
    "auth_index": "idx1",
    "failed": 0,
    "latency_ms": 2500,
    "ttft_ms": 300,
    "input_tokens": 1000,
    "output_tokens": 200,
    "reasoning_tokens": 150,
    "cached_tokens": 600,
    "cache_read_tokens": 600,
    "cache_creation_tokens": 0,
    "total_tokens": 1200,
}


def database(path: Path, table: str, *rows: dict[str, Any]) -> Path:
    file = sqlite3.connect(path)
    columns = ", ".join(rows[0])
    file.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {columns})")
    for row in rows:
        marks = ", ".join("?" * len(row))
        file.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    file.commit()
    file.close()
    return path


def stored(*names: str) -> list[tuple[Any, ...]]:
    return list(UsageMetric.objects.order_by("timestamp").values_list(*names))


def test_keepers_database_with_what_it_moved_away(tmp_path):
    path = database(tmp_path / "file", "usage_events", KEEPER)
    database(path, "usage_events_archive", {**KEEPER, "timestamp": "2026-01-16T03:28:48.5Z"})

    first, second = run(path), run(path)

    assert counts(first) == "2 imported, 0 there before, 0 rejected."
    assert counts(second) == "0 imported, 2 there before, 0 rejected."
    names = ("timestamp", "model", "requested_model", "provider", "request_id", "status")
    assert stored(*names) == [
        (at(f"{day} 03:28:51"), "gpt-5.4", "client-gpt", "openai", "0011aabb", "200")
        for day in ("2026-01-16", "2026-05-16")
    ]
    row = UsageMetric.objects.first()
    assert (row.api_key_hash, row.source, row.latency_ms, row.ttft_ms) == (
        *(hash_api_key("sk-SECRET-client-key-1"), "import", 2500.0, 300.0),
    )


def test_an_event_that_keeper_moved_away_is_known(tmp_path):
    run(database(tmp_path / "file", "usage_events", KEEPER))
    later = database(tmp_path / "later", "usage_events_archive", KEEPER)
    assert counts(run(later)) == "0 imported, 1 there before, 0 rejected."


def test_keepers_database_and_exports_know_each_other(tmp_path):
    run(database(tmp_path / "file", "usage_events", KEEPER))
    first, second = run(EXPORTS / "keeper-events.csv"), run(EXPORTS / "keeper-events.json")
    assert counts(first) == "1 imported, 1 there before, 0 rejected."
    assert counts(second) == "0 imported, 2 there before, 0 rejected."


def test_keepers_export_names_keys_by_labels_which_are_not_taken():
    run(EXPORTS / "keeper-events.csv")
    assert stored("model", "status", "api_key_hash", "cost_usd")[0][:3] == (
        *("gpt-5.4", "200", None),
    )
    assert stored("status") == [("200",), ("500",)]


@pytest.mark.parametrize("group", ["openai", "POST /v1/responses", "unknown", "", None])
def test_what_keeper_has_instead_of_a_key_is_none(tmp_path, group):
    run(database(tmp_path / "file", "usage_events", {**KEEPER, "api_group_key": group}))
    assert stored("api_key_hash") == [(None,)]


@pytest.mark.parametrize(
    ("numbers", "row"),
    [
        # Newer Keepers put Claude's cache into the input, and Google's reasoning into the output.
        ({"provider": "claude", "input_tokens": 1000}, (1000, 200, 1200, 600)),
        ({"provider": "claude", "input_tokens": 100}, (700, 200, 1200, 600)),
        ({"provider": "gemini", "total_tokens": 1350}, (1000, 350, 1350, 600)),
        ({"provider": "gemini", "total_tokens": 1200}, (1000, 200, 1200, 600)),
        ({"cached_tokens": 600, "cache_read_tokens": 0}, (1000, 200, 1200, 600)),
        ({"total_tokens": 0}, (1000, 200, 1200, 600)),
    ],
)
def test_keepers_tokens_are_counted_as_the_numbers_tell(tmp_path, numbers, row):
    run(database(tmp_path / "file", "usage_events", {**KEEPER, **numbers}))
    assert stored(*TOKENS) == [row]


def test_the_first_keepers_left_claudes_cache_out_of_the_input(tmp_path):
    old = {name: value for name, value in KEEPER.items() if not name.startswith("cache_")}
    run(database(tmp_path / "file", "usage_events", {**old, "provider": "claude"}))
    assert stored(*TOKENS) == [(1600, 200, 1800, 600)]


def test_a_warm_up_is_marked_as_one(tmp_path):
    run(database(tmp_path / "file", "usage_events", {**KEEPER, "generate": 0}))
    assert stored("excluded_as") == [("warm_up",)]


def test_cpa_managers_lines():
    run(EXPORTS / "cpa-manager-events.jsonl")
    names = ("model", "requested_model", "provider", "status", "api_key_hash", *TOKENS)
    assert stored(*names) == [
        ("claude-sonnet-4-5", "my-alias", "claude", "200", "cd" * 32, 9070, 300, 9370, 9000),
        ("gemini-2.5-pro", "gemini-2.5-pro", "gemini", "429", None, 11, 10, 21, 5),
    ]


def test_cpa_managers_database_knows_its_lines(tmp_path):
    run(EXPORTS / "cpa-manager-events.jsonl")
    event = {
        "request_id": "0011aabc",
        "event_hash": "e2",
        "timestamp_ms": 1777075300000,
        "timestamp": "2026-04-25T00:01:40Z",
        "provider": "gemini",
        "model": "gemini-2.5-pro",
        "endpoint": "-",
        "auth_index": None,
        "source": "sec***@example.com",
        "api_key_hash": None,
        "input_tokens": 11,
        "output_tokens": 7,
        "reasoning_tokens": 3,
        "cached_tokens": 5,
        "cache_tokens": 0,
        "total_tokens": 21,
        "latency_ms": None,
        "failed": 1,
        "raw_json": '{"source":"secret.person@example.com"}',
        "created_at_ms": 1777075305000,
    }
    later = {**event, "event_hash": "e3", "timestamp": None, "timestamp_ms": 1777075400000}

    path = database(tmp_path / "file", "usage_events", event, later)

    assert counts(run(path)) == "1 imported, 1 there before, 0 rejected."
    assert UsageMetric.objects.latest("timestamp").timestamp == at("2026-04-25 00:03:20")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"timestamp": None}, "timestamp: is missing"),
        ({"input_tokens": -1}, "input_tokens: must be a whole number from 0"),
        ({"output_tokens": "many"}, "output_tokens: must be a whole number from 0"),
    ],
)
def test_a_bad_event_costs_only_itself(tmp_path, bad, reason):
    path = database(tmp_path / "file", "usage_events", KEEPER, {**KEEPER, **bad})
    assert counts(run(path)) == "1 imported, 0 there before, 1 rejected."
    text = (tmp_path / "portal" / "file.rejected.ndjson").read_text()
    assert f'"id": "row 2", "reason": "{reason}' in text
    assert "SECRET" not in text
    assert "example.com" not in text

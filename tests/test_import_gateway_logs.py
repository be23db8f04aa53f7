"""Logs of gateways, and CSV that a spreadsheet has saved: each call once, in the right columns."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.old_files import counts, rejects_of, run
from usage.importing.usage_files.spreadsheet_cells import as_exported
from usage.models import UsageMetric
from usage.recording import record_usage
from usage.records import InvalidRow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
BASE = {
    "id": 1,
    "created_at": 1795773600,
    "type": 2,
    "username": "ann",
    "token_name": "ci",
    "model_name": "gpt-5",
    "quota": 10,
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "use_time": 3,
    "channel": 7,
    "content": "SECRET PROMPT TEXT",
    "other": '{"frt": -1000}',
}
SPEND = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "ab" * 32,
    "spend": 0.25,
    "total_tokens": 120,
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "startTime": "2026-11-27T10:00:00.000Z",
    "endTime": "2026-11-27 10:00:02.500",
    "completionStartTime": "2026-11-27T10:00:00.700Z",
    "model": "openai/gpt-5",
    "custom_llm_provider": "openai",
    "model_group": "smart",
    "user": "u1",
    "team_id": "t1",
    "metadata": json.dumps(
        {
            "user_api_key_team_alias": "blue",
            "usage_object": {"prompt_tokens_details": {"cached_tokens": 40}},
        }
    ),
}
WHAT = (
    *("model", "status", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("cache_write_tokens", "latency_ms", "ttft_ms", "user", "app", "account"),
)


def stored(*names: str) -> list[tuple[Any, ...]]:
    """In an order of their own: rows of one time have none."""
    return sorted(UsageMetric.objects.values_list(*(names or WHAT)), key=str)


def sorted_rows(*rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=str)


def of_lines(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "file"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_calls_of_a_gateway_are_rows_and_payments_are_none(tmp_path):
    log = of_lines(
        tmp_path,
        BASE,
        {**BASE, "id": 2, "other": '{"cache_tokens": 60, "frt": 800}'},
        {**BASE, "id": 3, "other": '{"cache_tokens": 60, "claude": true}'},
        {**BASE, "id": 4, "type": 5, "completion_tokens": 0, "other": '{"status_code": 429}'},
        {**BASE, "id": 5, "type": 1},
        {**BASE, "id": 6, "use_time": None, "elapsed_time": 250, "other": "no JSON", "channel": 0},
    )
    assert counts(run(log)) == "5 imported, 0 there before, 0 rejected."
    assert stored() == sorted_rows(
        ("gpt-5", "200", 100, 20, 0, 0, 3000.0, None, "ann", "ci", "7"),
        ("gpt-5", "200", 100, 20, 60, 0, 3000.0, 800.0, "ann", "ci", "7"),
        ("gpt-5", "200", 160, 20, 60, 0, 3000.0, None, "ann", "ci", "7"),
        ("gpt-5", "429", 100, 0, 0, 0, 3000.0, None, "ann", "ci", "7"),
        ("gpt-5", "200", 100, 20, 0, 0, 250.0, None, "ann", "ci", None),
    )


def test_a_gateways_database_is_known_by_its_table_and_the_answer_of_its_api_knows_it(tmp_path):
    database = sqlite3.connect(tmp_path / "one-api.db")
    columns = ", ".join(f'"{name}"' for name in BASE if name != "channel")
    database.execute(f"CREATE TABLE logs ({columns}, channel_id)")
    marks = ", ".join("?" * len(BASE))
    values = [value for name, value in BASE.items() if name != "channel"]
    database.execute(f"INSERT INTO logs VALUES ({marks})", [*values, 7])
    database.commit()
    database.close()
    assert counts(run(tmp_path / "one-api.db")) == "1 imported, 0 there before, 0 rejected."
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"success": True, "data": {"items": [BASE], "total": 1}}))
    assert counts(run(answer)) == "0 imported, 1 there before, 0 rejected."
    assert stored() == [("gpt-5", "200", 100, 20, 0, 0, 3000.0, None, "ann", "ci", "7")]


def test_spend_logs_of_litellm_are_read_as_its_payloads_are(tmp_path):
    path = tmp_path / "spend.csv"
    failed = {**SPEND, "request_id": "chatcmpl-2", "completionStartTime": "", "spend": 0}
    told = {"status": "failure", "error_information": {"error_code": "429"}}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, SPEND)
        writer.writeheader()
        writer.writerows([SPEND, {**failed, "metadata": json.dumps(told)}])
    assert counts(run(path)) == "2 imported, 0 there before, 0 rejected."
    names = ("model", "requested_model", "status", "latency_ms", "ttft_ms", "cached_tokens")
    assert stored(*names) == [
        ("gpt-5", "smart", "200", 2500.0, 700.0, 40),
        ("gpt-5", "smart", "429", 2500.0, None, 0),
    ]
    who = ("user", "team", "api_key_hash", "response_id", "cost_source")
    assert stored(*who) == [
        ("u1", "blue", "ab" * 32, "chatcmpl-1", "reported"),
        ("u1", "t1", "ab" * 32, "chatcmpl-2", "genai-prices"),
    ]


def test_a_call_that_the_callback_has_posted_does_not_come_again_in_the_log(tmp_path):
    live = {"timestamp": "2026-11-27T10:00:02.5Z", "prompt_tokens": 100, "completion_tokens": 20}
    record_usage(model="gpt-5", source="litellm", response_id="chatcmpl-1", **live)
    path = of_lines(tmp_path, SPEND, {**SPEND, "request_id": "chatcmpl-3"})
    assert counts(run(path)) == "1 imported, 1 there before, 0 rejected."
    assert counts(run(path)) == "0 imported, 2 there before, 0 rejected."


@pytest.mark.parametrize(
    ("name", "cell", "meant"),
    [
        ("prompt_tokens", "1.200", "1200"),
        ("prompt_tokens", "1,234,567", "1234567"),
        ("prompt_tokens", "1\u202f200", "1200"),
        ("prompt_tokens", "12", "12"),
        ("cost_usd", "0,00036", "0.00036"),
        ("cost_usd", "1.234,5", "1234.5"),
        ("cost_usd", "3,6E-04", "3,6E-04"),
        ("latency_ms", "12.5", "12.5"),
        ("model", "gpt-5,1", "gpt-5,1"),
        ("request_id", "1e5b", "1e5b"),
    ],
)
def test_a_cell_that_a_spreadsheet_wrote_in_its_way_is_read(name, cell, meant):
    assert as_exported(name, cell) == meant


@pytest.mark.parametrize(
    ("name", "cell"),
    [("request_id", "1,23457E+17"), ("timestamp", "1.79577E+12"), ("total_tokens", "1E+06")],
)
def test_digits_that_a_spreadsheet_has_dropped_are_missed(name, cell):
    with pytest.raises(InvalidRow, match="a spreadsheet has rounded"):
        as_exported(name, cell)


def test_the_row_of_a_rounded_cell_is_rejected_by_its_name(tmp_path):
    path = tmp_path / "usage.csv"
    lines = ("sep=;", "model;timestamp;total_tokens;request_id", "m;2026-11-27T10:00:00Z;5;1E+17")
    path.write_text("\r\n".join((*lines, "m;2026-11-27T10:00:00Z;5;17")))
    assert counts(run(path)) == "1 imported, 0 there before, 1 rejected."
    reject = json.loads(rejects_of(path).read_text())
    assert reject["id"] == "line 3"
    assert reject["reason"].startswith("request_id: is a number that a spreadsheet has rounded")

"""`manage.py import_metrics` of coding agents' transcripts: each call once, and no word of it."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection

from tests.old_files import rejects_of, run
from usage.models import UsageMetric
from usage.recording import record_usage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
AT = dt.datetime(2026, 11, 27, 10, tzinfo=dt.UTC)
SECRET = "SECRET PROMPT TEXT"


def time(seconds: float) -> str:
    return (AT + dt.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def said(number: int, seconds: float, **usage: int) -> dict[str, Any]:
    """A line of Claude Code's: a part of an answer."""
    message = {
        "id": f"msg_{number}",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": SECRET}],
        "usage": usage,
    }
    return {
        "type": "assistant",
        "uuid": f"u{number}{seconds}",
        "sessionId": "s1",
        "requestId": f"req_{number}",
        "timestamp": time(seconds),
        "message": message,
    }


def asked(seconds: float) -> dict[str, Any]:
    return {
        "type": "user",
        "uuid": f"q{seconds}",
        "sessionId": "s1",
        "timestamp": time(seconds),
        "message": {"role": "user", "content": SECRET},
    }


def rollout(seconds: float, kind: str, **payload: Any) -> dict[str, Any]:
    """A line of Codex'."""
    return {"timestamp": time(seconds), "type": kind, "payload": payload}


def tokens(seconds: float, so_far: int, last: dict[str, int] | None) -> dict[str, Any]:
    total = {"input_tokens": so_far, "output_tokens": so_far // 10, "total_tokens": so_far}
    info = {"total_token_usage": total, "last_token_usage": last}
    return rollout(seconds, "event_msg", type="token_count", info=info)


CLAUDE = [
    {"type": "summary", "summary": SECRET, "leafUuid": "u1"},
    asked(0),
    said(1, 1, input_tokens=4, cache_creation_input_tokens=100, output_tokens=1),
    said(1, 2, input_tokens=4, cache_creation_input_tokens=100, output_tokens=50),
    said(2, 5, input_tokens=7, cache_read_input_tokens=104, output_tokens=9),
    {**said(3, 6, input_tokens=0), "message": {"model": "<synthetic>", "usage": {}}},
]
CODEX = [
    rollout(0, "session_meta", id="c1", model_provider="openai", instructions=SECRET),
    rollout(1, "turn_context", model="gpt-5-codex", cwd="/home/ann"),
    rollout(2, "response_item", type="message", content=SECRET),
    rollout(2, "event_msg", type="token_count", info=None),
    tokens(3, 900, {"input_tokens": 900, "cached_input_tokens": 300, "output_tokens": 90}),
    tokens(4, 900, {"input_tokens": 900, "cached_input_tokens": 300, "output_tokens": 90}),
    tokens(9, 1000, {"input_tokens": 100, "output_tokens": 10, "reasoning_output_tokens": 8}),
]
ROWS = [
    ("claude-sonnet-4-5-20250929", time(2), 104, 50, 0, 100, "s1", "req_1"),
    ("gpt-5-codex", time(3), 900, 90, 300, 0, "c1", None),
    ("claude-sonnet-4-5-20250929", time(5), 111, 9, 104, 0, "s1", "req_2"),
    ("gpt-5-codex", time(9), 100, 10, 0, 0, "c1", None),
]


@pytest.fixture
def folder(tmp_path) -> Path:
    """As both keep them, with what else lies there."""
    write(tmp_path / "home" / ".claude" / "projects" / "-src" / "s1.jsonl", CLAUDE)
    write(tmp_path / "home" / ".codex" / "sessions" / "2026" / "rollout-c1.jsonl", CODEX)
    write(tmp_path / "home" / ".codex" / "history.jsonl", [{"text": SECRET}])
    return tmp_path / "home"


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def counts(said: str) -> tuple[int, ...]:
    """Read, imported, there before, rejected."""
    first = said.splitlines()[0]
    found = re.match(r"Read (\d+) .*: (\d+) imported, (\d+) there before, (\d+) rejected", first)
    return tuple(map(int, found.groups()))


def stored() -> list[tuple[Any, ...]]:
    names = ("model", "timestamp", "prompt_tokens", "completion_tokens", "cached_tokens")
    more = ("cache_write_tokens", "session", "response_id")
    return [
        (model, at.isoformat().replace("+00:00", "Z"), *rest)
        for model, at, *rest in UsageMetric.objects.order_by("timestamp").values_list(*names, *more)
    ]


def test_a_folder_of_transcripts_becomes_a_row_for_each_call(folder):
    output = run(folder)
    assert counts(output) == (4, 4, 0, 0)
    assert "1 files of the folder are no transcripts" in output
    assert stored() == ROWS
    assert set(UsageMetric.objects.values_list("app", "source", "status")) == {
        ("claude-code", "import", "200"),
        ("codex", "import", "200"),
    }


def test_a_second_time_adds_what_is_new_alone(folder):
    run(folder)
    grown = [*CLAUDE, said(4, 20, input_tokens=1, output_tokens=1)]
    write(folder / ".claude" / "projects" / "-src" / "s1.jsonl", grown)
    write(folder / ".claude" / "projects" / "-src" / "resumed.jsonl", grown)  # which copies it
    assert counts(run(folder))[1:3] == (1, 7)
    assert UsageMetric.objects.count() == 5


def test_one_file_is_known_by_its_lines(folder):
    assert counts(run(folder / ".codex" / "sessions" / "2026" / "rollout-c1.jsonl")) == (2, 2, 0, 0)


def test_what_was_told_live_does_not_come_again(folder):
    model = "claude-sonnet-4-5-20250929"
    live = {"timestamp": time(2.5), "prompt_tokens": 104, "completion_tokens": 50}
    record_usage(model=model, source="claude-code", response_id="req_1", **live)
    later = {"timestamp": time(5.1), "prompt_tokens": 111, "completion_tokens": 9}
    record_usage(model=model, source="otlp", response_id="msg_2", **later)  # by a proxy's span
    codex = {"timestamp": time(9.4), "prompt_tokens": 100, "completion_tokens": 10}
    record_usage(model="gpt-5-codex", source="codex", reasoning_tokens=8, **codex)
    assert counts(run(folder))[:3] == (4, 1, 3)
    assert stored()[1] == ROWS[1]


def test_another_call_with_the_same_tokens_at_another_time_is_not_taken_for_it(folder):
    codex = {"timestamp": time(15), "prompt_tokens": 100, "completion_tokens": 10}
    record_usage(model="gpt-5-codex", source="codex", reasoning_tokens=8, **codex)
    assert counts(run(folder))[1] == 4


def test_no_word_of_a_conversation_is_kept(folder, portal_folder):
    with (folder / ".codex" / "sessions" / "2026" / "rollout-c1.jsonl").open("a") as file:
        file.write(f'{{"timestamp": 5, "type": "event_msg", "payload": "{SECRET}"}}\n{{"{SECRET}')
    output = run(folder)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM usage_metrics")
        everything = f"{output}{cursor.fetchall()}"
    everything += "".join(path.read_text() for path in portal_folder.glob("*.ndjson"))
    assert SECRET not in everything
    assert "is cut off" in everything


def test_an_older_codex_tells_the_sum_alone(tmp_path):
    path = write(tmp_path / "old.jsonl", [CODEX[1], tokens(1, 500, None), tokens(2, 800, None)])
    run(path)
    assert [row[2:4] for row in stored()] == [(500, 50), (300, 30)]


def test_a_broken_line_costs_itself_alone(tmp_path):
    lines = [CLAUDE[2], {**said(9, 9, input_tokens=1), "timestamp": None}, CLAUDE[4]]
    path = write(tmp_path / "s.jsonl", lines)
    assert counts(run(path))[1::2] == (2, 1)
    assert json.loads(rejects_of(path).read_text())["id"] == "s.jsonl line 2"


def test_a_folder_without_transcripts_says_what_to_give(tmp_path):
    write(tmp_path / "a.jsonl", [{"text": "x"}])
    with pytest.raises(CommandError, match="without transcripts of Claude Code"):
        run(tmp_path)

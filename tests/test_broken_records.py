"""One rule says what may be shown of a record that cannot be stored, wherever it came in."""

import json
from math import inf, nan
from pathlib import Path

import pytest

from usage.broken_records import HIDDEN, shown
from usage.collecting import dead_letters
from usage.importing.rejects import RejectFile

HASH = "ab" * 32
DEEP = {"tokens": {"input": {"cached": {"more": {"still": 1}}}}}


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"model": "gpt-5", "prompt_tokens": -5}, {"model": "gpt-5", "prompt_tokens": -5}),
        ({"model": "sk-1"}, {"model": "sk-1"}),  # a model's name, however it begins
        ({"request_id": "sk-1"}, {"request_id": HIDDEN}),
        ({"request_id": "req-1"}, {"request_id": "req-1"}),
        ({"provider": "me@example.com"}, {"provider": HIDDEN}),
        ({"model": "of me@example.com"}, {"model": HIDDEN}),
        ({"api_key_hash": HASH}, {"api_key_hash": HASH}),
        ({"api_key_hash": "weird key 3"}, {"api_key_hash": HIDDEN}),
        ({"model": "m" * 101}, {"model": "m" * 100 + "…"}),
        ({"model": b"m\xff"}, {"model": r"m\xff"}),
        ({"latency_ms": inf, "ttft_ms": nan}, {"latency_ms": "inf", "ttft_ms": "nan"}),
        ({"status": 2**64, "failed": True}, {"status": HIDDEN, "failed": True}),
        ({"status": ["me"]}, {"status": HIDDEN}),
        ({"tokens": {"input_tokens": 1}}, {"tokens": {"input_tokens": 1}}),
        ({"tokens": {"input": "what was said"}}, {"tokens": {"input": HIDDEN}}),
        ({"tokens": {"me@example.com": 1}}, {"tokens": {HIDDEN: 1}}),
        (DEEP, {"tokens": {"input": {"cached": {"more": HIDDEN}}}}),
        ({"prompt": "SECRET", "user": "jane", "source": "me", "headers": {"cookie": 1}}, {}),
        ("text", {}),
    ],
)
def test_figures_and_technical_names_are_shown_and_nothing_else(record, found):
    assert shown(record) == found


def test_rejects_and_dead_letters_show_the_same(tmp_path: Path):
    record = {"model": "m" * 150, "provider": "me@example.com", "user": "jane", "status": 200}
    with RejectFile(tmp_path / "rejects") as rejects:
        rejects.write({"id": 7, **record}, "why")
    dead_letters.keep(tmp_path / "broken", json.dumps(record).encode(), "why")

    reject = json.loads((tmp_path / "rejects").read_text())
    letter = json.loads((tmp_path / "broken").read_text())
    assert reject == {"id": 7, "reason": "why", "row": shown(record)}
    assert letter["record"] == shown(record)

"""A record of CLIProxyAPI's queue as a row, in every shape that its versions have made."""

import datetime as dt
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cliproxy import record
from usage.identity import hash_api_key
from usage.importing.source import Context
from usage.importing.usage_files import tool_event
from usage.intake.cliproxy import Sign, record_of, sign_in
from usage.records import InvalidRow

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
OLDEST = (
    b'{"timestamp":"2026-04-04T12:34:56.789Z","latency_ms":1234,"source":"codex@example.com",'
    b'"auth_index":"auth-1","tokens":{"input_tokens":100,"output_tokens":20,"reasoning_tokens":3,'
    b'"cached_tokens":40,"total_tokens":163},"failed":false,"provider":"openai","model":"gpt-5.4",'
    b'"endpoint":"/v1/responses","auth_type":"api_key","api_key":"sk-test","request_id":"req_123"}'
)


def row(payload: bytes) -> dict[str, Any]:
    return msgspec.structs.asdict(record_of(payload, "east", NOW))


def test_what_is_told_is_kept_and_the_rest_is_not():
    found = row(record())
    assert found | {"event_id": 0} == {
        "timestamp": dt.datetime(2026, 4, 25, 0, 0, 1, 623457, dt.UTC),  # began + latency
        "model": "gpt-5.4",
        "requested_model": "client-gpt",
        "provider": "openai",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "cached_tokens": 4,
        "cache_write_tokens": 3,
        "reasoning_tokens": 5,
        "request_id": "0011aabb",
        "status": "200",
        "latency_ms": 1500,
        "ttft_ms": 250,
        "api_key_hash": hash_api_key("client-key-1"),
        "cost_usd": None,
        "event_id": 0,
        "source": "east",
        "response_id": None,
        "app": None,
        **dict.fromkeys(("user", "team", "project", "session")),
        "account": "0",
        **dict.fromkeys(("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens")),
        **dict.fromkeys(("image_input_tokens", "image_output_tokens")),
        "service_tier": None,
        "cost_source": None,
        "excluded_as": None,
    }
    text = repr(found)
    assert not any(word in text for word in ("user@", "192.0.2", "COOKIE", "client-key-1"))


def test_the_oldest_shape():
    found = row(OLDEST)
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (
        *(100, 20),
        163,
    )
    assert (found["cached_tokens"], found["ttft_ms"], found["requested_model"]) == (
        *(40, None),
        "gpt-5.4",
    )


BREAKDOWN = {
    "quality": "complete",
    "total_tokens": 55,
    "input": {"total_tokens": 40, "cache_read_tokens": 8, "cache_write_tokens": 9},
    "output": {"total_tokens": 15, "reasoning_tokens": 6},
}
# Google's total has the thoughts in it, which are beside the output.
GOOGLE = {
    "input_tokens": 10,
    "output_tokens": 20,
    "reasoning_tokens": 5,
    "cache_read_tokens": 4,
    "cache_creation_tokens": 3,
    "total_tokens": 35,
}


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"accounting_version": 2, "token_breakdown": BREAKDOWN}, (40, 15, 55, 8, 9, 6)),
        (
            {"accounting_version": 2, "token_breakdown": BREAKDOWN | {"quality": "inconsistent"}},
            (10, 20, 30, 4, 3, 5),
        ),
        (
            {"accounting_version": 2, "token_breakdown": BREAKDOWN | {"unclassified_tokens": 1}},
            (10, 20, 30, 4, 3, 5),
        ),
        ({"accounting_version": 1, "token_breakdown": BREAKDOWN}, (10, 20, 30, 4, 3, 5)),
        ({"provider": "claude"}, (17, 20, 37, 4, 3, 5)),
        ({"provider": "gemini", "tokens": GOOGLE}, (10, 25, 35, 4, 3, 5)),
        ({"provider": "vertex", "tokens": GOOGLE}, (10, 25, 35, 4, 3, 5)),
        ({"provider": "gemini"}, (10, 20, 30, 4, 3, 5)),  # as its total says
        ({"provider": "", "executor_type": "ClaudeExecutor"}, (17, 20, 37, 4, 3, 5)),
        ({"provider": "openai-compatible-claude"}, (10, 20, 30, 4, 3, 5)),
        ({"provider": "codex"}, (10, 20, 30, 4, 3, 5)),
    ],
)
def test_each_provider_counts_in_its_own_way(fields, tokens):
    found = row(record(**fields))
    names = ("prompt", "completion", "total", "cached", "cache_write", "reasoning")
    assert tuple(found[f"{name}_tokens"] for name in names) == tokens


@pytest.mark.parametrize("provider", ["claude", "gemini", "openai", "xai", "codebuddy", ""])
@pytest.mark.parametrize("total", [0, 30, 35, 37, 42])
def test_the_same_figures_are_the_same_row_live_and_imported(provider: str, total: int):
    """The queue's record, and the row that an older tool made of it."""
    at = "2026-04-25T00:00:00Z"
    tokens = json.loads(record())["tokens"] | {"total_tokens": total}
    live = row(record(timestamp=at, provider=provider, tokens=tokens))
    context = Context(dt.UTC, NOW)
    told = json.loads(record(timestamp=at, provider=provider, tokens=tokens))
    imported = tool_event.record_of({**told, "event_hash": "1"}, context)
    names = [name for name in live if name.endswith("_tokens")]
    assert {name: getattr(imported, name) for name in names} == {name: live[name] for name in names}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "200"),
        ({"fail": None}, "200"),
        ({"failed": True, "fail": {"status_code": 429}}, "429"),
        ({"failed": True, "fail": {"status_code": 200}}, "500"),
        ({"failed": True, "fail": None}, "500"),
    ],
)
def test_the_status(fields, status):
    assert row(record(**fields))["status"] == status


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp": "2026-04-25T02:00:00.123456788+02:00"},
        {"model": "retry-model"},
        {"auth_index": "1"},
        {"endpoint": "GET /"},
        {"failed": True},
        {"latency_ms": 1501},
        {"request_id": "0011aabc"},
        {"tokens": {"input_tokens": 11}},
    ],
)
def test_attempts_are_told_apart_by_all_that_differs(fields):
    assert row(record(**fields))["event_id"] != row(record())["event_id"]
    assert row(record())["event_id"] == row(record(user_agent="other", ttft_ms=1))["event_id"]


def test_names_that_say_nothing():
    found = row(record(provider="unknown", model="unknown", alias="", api_key="", ttft_ms=0))
    names = ("provider", "model", "requested_model", "api_key_hash", "ttft_ms")
    assert [found[name] for name in names] == [None, "unknown", "unknown", None, None]


def test_go_has_a_time_that_means_none():
    assert row(record(timestamp="0001-01-01T00:00:00Z"))["timestamp"] == NOW


@pytest.mark.parametrize(
    ("payload", "sign"),
    [
        (b'{"support_refresh":true}', Sign.GREETING),
        (b'{"refresh":true}', Sign.REFRESH),
        (record(), None),
        (b"nonsense", None),
    ],
)
def test_signs_are_no_records(payload, sign):
    assert sign_in(payload) is sign


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"[]",
        b'"text"',
        b"{}",
        b"\xff",
        b"[" * 100_000,
        record(timestamp="yesterday"),
        record(timestamp="2026-04-25T02:00:00"),
        record(timestamp=5),
        record(tokens={"input_tokens": -1}),
        record(tokens={"input_tokens": -1}, auth_index=5),
        record(tokens={"output_tokens": "many"}),
        record(timestamp={"at": 5}),
    ],
)
def test_what_cannot_be_stored_says_why_and_shows_no_value(payload):
    with pytest.raises(InvalidRow) as error:
        record_of(payload, "east", NOW)
    assert "client-key-1" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"latency_ms": 1e300}, {"latency_ms": None, "prompt_tokens": 10}),
        ({"latency_ms": -5}, {"latency_ms": None, "prompt_tokens": 10}),
        ({"latency_ms": None}, {"latency_ms": 0, "prompt_tokens": 10}),
        ({"latency_ms": "1500"}, {"latency_ms": 1500}),
        ({"ttft_ms": "soon"}, {"ttft_ms": None}),
        ({"tokens": {"input_tokens": "5", "output_tokens": 2.0}}, {"prompt_tokens": 5}),
        ({"tokens": {"input_tokens": 5, "cached_tokens": "x"}}, {"cached_tokens": 0}),
        ({"tokens": "none"}, {"prompt_tokens": 0}),
        ({"request_id": "r" * 3000}, {"prompt_tokens": 10}),
        ({"request_id": 5}, {"request_id": None}),
        ({"model": "m" * 300}, {"model": "m" * 255}),
        ({"model": ""}, {"model": "unknown"}),
        ({"provider": ["openai"]}, {"provider": None}),
        ({"auth_index": 7}, {"account": None}),
        ({"fail": {"status_code": "429"}, "failed": True}, {"status": "429"}),
        ({"fail": "no", "failed": True}, {"status": "500"}),
        ({"token_breakdown": "none", "accounting_version": 2}, {"prompt_tokens": 10}),
        ({"session_id": "s-1"}, {"session": "s-1"}),
    ],
)
def test_an_optional_field_never_costs_the_record(fields, expected):
    found = row(record(**fields))
    assert {name: found[name] for name in expected} == expected


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.dictionaries(st.sampled_from(sorted(json.loads(record()))), values))
def test_nothing_else_is_raised(fields):
    try:
        record_of(record(**fields), "east", NOW)
    except InvalidRow:
        return

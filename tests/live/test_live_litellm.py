"""LiteLLM's own SDK and callback, at a real portal: each call becomes its row, whole."""

import datetime as dt

from tests.captures import CANARY
from tests.live.comparing import differences
from tests.live.programs import run

LARGE_BATCH, REST = 512, 20  # LiteLLM's default, and some that are over
SPOKEN = {
    "id": "chatcmpl-whole",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": CANARY}}],
    "usage": {
        "prompt_tokens": 120,
        "completion_tokens": 45,
        "total_tokens": 165,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 20},
    },
}
CALLS = {
    "plain": {"mock_response": CANARY},
    "with details": {"mock_response": SPOKEN},
    "stream": {"mock_response": CANARY, "stream": True},
    "of a provider": {"model": "anthropic/claude-haiku-4-5", "mock_response": CANARY},
    "without a price": {"model": "openai/acme-large", "mock_response": CANARY},
    "limited": {"fails_with": "RateLimitError"},
    "down": {"fails_with": "ServiceUnavailableError"},
    "refused": {"fails_with": "AuthenticationError"},
}
# What of a row LiteLLM cannot tell a callback otherwise.
DIFFERENT = {
    "with details": {"cached_tokens": 64, "reasoning_tokens": 20},
    "of a provider": {"provider": "anthropic", "model": "claude-haiku-4-5"},
    "without a price": {"model": "acme-large", "cost_usd": None},
    "limited": {"status": "429"},
    "down": {"status": "503"},
    "refused": {"status": "401"},
}


def wave(log_format, calls):
    named = [
        {"model": "gpt-4o-mini", **call, "litellm_call_id": f"{name} in {log_format}"}
        for name, call in calls.items()
    ]
    return {"log_format": log_format, "calls": named}


def row(call_id, told):
    """The row of a call, from what LiteLLM told a callback of it."""
    name = call_id.partition(" in ")[0]
    prompt, completion, total = told.get("tokens", [0, 0, 0])
    first = told.get("first")
    model = DIFFERENT.get(name, {}).get("model", "gpt-4o-mini")
    return {
        "response_id": told.get("response_id", call_id),
        "timestamp": dt.datetime.fromtimestamp(told["end"], dt.UTC),
        "model": model,
        "requested_model": model,
        "provider": "openai",
        "status": "200",
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "latency_ms": round((told["end"] - told["start"]) * 1000, 1),
        "ttft_ms": first and round((first - told["start"]) * 1000, 1),
        "cost_usd": told.get("cost", 0),
        "api_key_hash": None,
        "source": "litellm",
        **DIFFERENT.get(name, {}),
    }


def test_every_call_becomes_its_row_in_every_format(relay, reporting, new_rows):
    plain = {"mock_response": CANARY}
    waves = [wave(name, CALLS) for name in ("json_array", "ndjson", "single")]
    waves += [
        wave("json_array", {f"call {number}": plain for number in numbers})
        for numbers in (range(LARGE_BATCH), range(LARGE_BATCH, LARGE_BATCH + REST))
    ]
    told = run("litellm_calls.py", asked={"max_retries": 0, "waves": waves}, **reporting)
    assert len(told) == sum(len(each["calls"]) for each in waves)
    expected = [row(*each) for each in told.items()]
    assert differences(new_rows(), expected) == []
    assert {name for name, each in told.items() if each.get("first")} == {
        f"stream in {log_format}" for log_format in ("json_array", "ndjson", "single")
    }
    lengths = [int(head["content-length"]) for head in relay.heads()]
    assert len(lengths) == 3 + 1 + len(CALLS)
    assert max(lengths) > 2_500_000
    assert CANARY.encode() in relay.sent

"""Spans for exporters of any language to make, and the row that each must become, if any."""

import datetime as dt
import time
from typing import Any

from tests.captures import CANARY

MANY = 1100  # they send 512 at a time
_SECOND = 1_000_000_000
_START = (time.time_ns() // _SECOND - 3600) * _SECOND
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_APP = "live spans"
_WORDS = f'[{{"role": "user", "content": "{CANARY}"}}]'
_CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "acme-large",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.input.messages": _WORDS,
}
_ROW = {
    "model": "acme-large",
    "requested_model": "acme-large",
    "provider": "acme",
    "status": "200",
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": 0,
    "ttft_ms": None,
    "cost_usd": None,
    "user": None,
    "app": _APP,
    "source": "otel",
}
_FAILED = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
_NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
_OLDER = {
    "gen_ai.system": "acme",
    "gen_ai.request.model": "acme-large",
    "gen_ai.usage.prompt_tokens": 7,
    "gen_ai.usage.completion_tokens": 5,
}
_OPENINFERENCE = {
    "openinference.span.kind": "EMBEDDING",
    "embedding.model_name": "acme-embed",
    "llm.token_count.prompt": 9,
    "llm.provider": "acme",
}

# Name: attributes, other fields of the span, and what its row has that _ROW has not.
_CALLS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "all there is": (
        {
            **_CHAT,
            "gen_ai.response.model": "acme-large-2026-11-01",
            "gen_ai.usage.cache_read.input_tokens": 64,
            "gen_ai.usage.cache_write.input_tokens": 16,
            "gen_ai.usage.reasoning.output_tokens": 12,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.usage.cost": 0.0125,
            "user.id": "Žofie 🙂",
        },
        {},
        {
            "model": "acme-large-2026-11-01",
            "cached_tokens": 64,
            "cache_write_tokens": 16,
            "reasoning_tokens": 12,
            "ttft_ms": 250.0,
            "cost_usd": 0.0125,
            "user": "Žofie 🙂",
        },
    ),
    "long words": ({**_CHAT, "gen_ai.input.messages": CANARY * 10_000}, {}, {}),
    "many counts": (
        {**_CHAT, "gen_ai.usage.input_tokens": 5_000_000_000},
        {},
        {"prompt_tokens": 5_000_000_000, "total_tokens": 5_000_000_020},
    ),
    "a limit": (
        {**_CHAT, **_FAILED, "error.type": "RateLimitError"},
        {"has_failed": True},
        {**_NOTHING, "status": "429"},
    ),
    "an exception": (
        {**_CHAT, **_FAILED},
        {
            "has_failed": True,
            "events": [
                (
                    "exception",
                    1,
                    {
                        "exception.type": "openai.AuthenticationError",
                        "exception.message": CANARY,
                    },
                )
            ],
        },
        {**_NOTHING, "status": "401"},
    ),
    "a status of HTTP": (
        {**_CHAT, **_FAILED, "http.response.status_code": 503},
        {"has_failed": True},
        {**_NOTHING, "status": "503"},
    ),
    "an unknown error": ({**_CHAT, **_FAILED}, {"has_failed": True}, {**_NOTHING, "status": "500"}),
    "older names": (
        _OLDER,
        {"events": [("gen_ai.content.completion.chunk", _SECOND // 8, {"words": CANARY})]},
        {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "ttft_ms": 125.0},
    ),
    "an embedding": (
        _OPENINFERENCE,
        {},
        {
            "model": "acme-embed",
            "requested_model": None,
            "prompt_tokens": 9,
            "completion_tokens": 0,
            "total_tokens": 9,
        },
    ),
}
# These are no calls, or repeat what the calls within them used.
_NO_CALLS = {
    "an agent": {**_CHAT, "gen_ai.operation.name": "invoke_agent"},
    "a tool": {**_CHAT, "gen_ai.operation.name": "execute_tool"},
    "a chain": {**_OPENINFERENCE, "openinference.span.kind": "CHAIN", "input.value": _WORDS},
    "bare HTTP": {"http.request.method": "POST", "http.response.status_code": 200},
}


def asked(many: int = MANY) -> dict[str, Any]:
    """What a program is to export; times are text, since JavaScript's numbers are too short."""
    calls = [
        _span(number, name, {**attributes, "gen_ai.response.id": name}, **fields)
        for number, (name, (attributes, fields, _)) in enumerate(_CALLS.items())
    ]
    others = [_span(0, name, attributes) for name, attributes in _NO_CALLS.items()]
    plain = [
        _span(number, "chat", {**_CHAT, "gen_ai.response.id": f"call {number:04}"})
        for number in range(many)
    ]
    return {"resource": {"service.name": _APP}, "spans": [*calls, *others, *plain]}


def rows(many: int = MANY) -> list[dict[str, Any]]:
    """What is to be stored of it."""
    calls = [
        {**_ROW, **differing, "response_id": name, **_times(number)}
        for number, (name, (_, _, differing)) in enumerate(_CALLS.items())
    ]
    plain = [{**_ROW, "response_id": f"call {n:04}", **_times(n)} for n in range(many)]
    return [*calls, *plain]


def _took(number: int) -> int:
    """Nanoseconds, of which a timestamp keeps microseconds; more than until any first token."""
    return 300_000_123 + (number + 1) * 1_234_000


def _times(number: int) -> dict[str, Any]:
    end = _EPOCH + dt.timedelta(microseconds=(_START + _took(number)) // 1000)
    return {"timestamp": end, "latency_ms": round(_took(number) / 1_000_000, 1)}


def _span(number: int, name: str, attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    events = [(event, str(_START + after), of) for event, after, of in fields.get("events", ())]
    return {
        "name": name,
        "start_ns": str(_START),
        "end_ns": str(_START + _took(number)),
        "attributes": attributes,
        "events": events,
        "has_failed": fields.get("has_failed", False),
    }

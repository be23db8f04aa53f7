"""Codex' events: `response.completed` with figures, and what failed on the way there.

codex-rs/otel/src/events/session_telemetry.rs of openai/codex, and 0.171.0 as it was seen to send.
"""

from typing import Any

from usage.intake.agents.event import AgentEvent
from usage.intake.token_arithmetic import AS_TOLD, Counted, row_tokens

SOURCE = "codex"
SCOPE = "codex_otel.log_only"
PREFIX = "codex."
SPAN = "handle_responses"  # that has the usage of a response
_STREAM = "sse_event"
# Of these a good one tells only that headers came, or that something was sent.
_WAYS = ("api_request", "websocket_connect", "websocket_request")
EVENTS = (_STREAM, *_WAYS)

_INPUT, _OUTPUT, _FAILURE = "input_token_count", "output_token_count", "error.message"
# Where the stream ends; a part that could not be understood, in its midst, ends nothing.
_ENDS = (None, "unknown", "response.completed", "response.failed", "response.incomplete", "error")
ATTRIBUTES = frozenset(
    (
        *("event.kind", "model", "slug", "duration_ms", "ttft_ms", "attempt"),
        *(_INPUT, _OUTPUT, "cached_token_count", "cache_write_token_count"),
        *("reasoning_token_count", "http.response.status_code", _FAILURE),
    )
)


def values_of(event: AgentEvent, name: str) -> dict[str, Any] | None:
    """None for the many events between the first and the last of a call."""
    values = _completed(event) if name == _STREAM and _has_figures(event) else _failed(event, name)
    if values is None:
        return None
    return {
        "provider": "openai",
        "model": event.text("model", "slug"),
        "event_id": (name, event.text("event.kind", "attempt")),
        **values,
    }


def _has_figures(event: AgentEvent) -> bool:
    """Each response is told as completed twice, once without figures."""
    return event.count(_INPUT) is not None or event.count(_OUTPUT) is not None


def _completed(event: AgentEvent) -> dict[str, Any]:
    """`tool_token_count` is none: it is the sum of all."""
    counted = Counted(
        event.count(_INPUT),
        event.count(_OUTPUT),
        None,
        event.count("cached_token_count"),
        event.count("cache_write_token_count"),
        event.count("reasoning_token_count"),
    )
    return {
        **row_tokens(counted, AS_TOLD),
        "ttft_ms": event.number("ttft_ms"),
        "status": 200,
    }


def _failed(event: AgentEvent, name: str) -> dict[str, Any] | None:
    status = event.count("http.response.status_code") or 0
    if status < 400 and event.first(_FAILURE) is None:
        return None
    if name == _STREAM and event.text("event.kind") not in _ENDS:
        return None
    return {
        "status": status if status >= 400 else 500,
        "latency_ms": event.number("duration_ms"),
    }

"""Gemini CLI's events, which its forks have kept: `api_response` and `api_error`, one an attempt.

packages/core/src/telemetry/types.ts of google-gemini/gemini-cli, and 0.61.0 as it was seen to send.
"""

from typing import Any

from usage.intake.agents.event import AgentEvent
from usage.intake.error_types import http_status_of
from usage.intake.token_arithmetic import REASONING_BESIDE, Convention, Counted, row_tokens

SOURCE = "gemini-cli"
SCOPE = "gemini-cli"
PREFIX = "gemini_cli."
RESPONSE, ERROR = "api_response", "api_error"
EVENTS = (RESPONSE, ERROR)

ATTRIBUTES = frozenset(
    (
        *("model", "model_name", "duration_ms", "ttft_ms", "status_code", "http.status_code"),
        *("input_token_count", "output_token_count", "cached_content_token_count"),
        *("thoughts_token_count", "total_token_count"),
        *("error.type", "error_type", "prompt_id", "response_id", "auth_type", "role"),
    )
)


def values_of(event: AgentEvent, name: str) -> dict[str, Any]:
    """Google counts thoughts beside the output."""
    return {"provider": "google", **told(event, name, REASONING_BESIDE)}


def told(event: AgentEvent, name: str, convention: Convention) -> dict[str, Any]:
    """What all forks tell. The total, with what tools put into the prompt, is no row's."""
    counted = Counted(
        event.count("input_token_count"),
        event.count("output_token_count"),
        event.count("total_token_count"),
        event.count("cached_content_token_count"),
        None,
        event.count("thoughts_token_count"),
    )
    return {
        **row_tokens(counted, convention),
        "total_tokens": None,
        "model": event.text("model", "model_name"),
        "status": _status(event, has_failed=name == ERROR),
        "latency_ms": event.number("duration_ms"),
        "ttft_ms": event.number("ttft_ms"),
        "response_id": event.text("response_id"),
        "event_id": (event.text("response_id"), name, event.text("prompt_id")),
    }


def _status(event: AgentEvent, *, has_failed: bool) -> int:
    status = event.count("http.status_code", "status_code")
    if status is not None and 100 <= status <= 599:
        return status
    if not has_failed:
        return 200
    return http_status_of(event.text("status_code", "error.type", "error_type") or "")

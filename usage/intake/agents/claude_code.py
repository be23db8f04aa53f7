"""Claude Code's events: one `api_request` for each answer, one `api_error` where none came.

https://code.claude.com/docs/en/monitoring-usage, and 2.1.332 as it was seen to send.
"""

from typing import Any

from usage.intake.agents.event import AgentEvent
from usage.intake.token_arithmetic import CACHE_BESIDE, Counted, row_tokens

SOURCE = "claude-code"
SCOPE = "com.anthropic.claude_code.events"
PREFIX = "claude_code."
_REQUEST, _ERROR = "api_request", "api_error"
EVENTS = (_REQUEST, _ERROR)  # short in `event.name`, with the prefix in the body

# The names that OpenTelemetry gives to what answers for Anthropic's models.
_PROVIDERS = {
    "bedrock": "aws.bedrock",
    "mantle": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
    "foundry": "azure.ai.inference",
}
ATTRIBUTES = frozenset(
    (
        *("model", "anthropic.provider", "request_id", "client_request_id", "event.sequence"),
        *("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"),
        *("cost_usd", "duration_ms", "ttft_ms", "status_code", "attempt"),
    )
)


def values_of(event: AgentEvent, name: str) -> dict[str, Any]:
    has_failed = name == _ERROR
    # Anthropic's input is what was neither read from a cache nor written to one.
    counted = Counted(
        event.count("input_tokens"),
        event.count("output_tokens"),
        None,
        event.count("cache_read_tokens"),
        event.count("cache_creation_tokens"),
    )
    request = event.text("request_id")
    return {
        "provider": _PROVIDERS.get(event.text("anthropic.provider") or "", "anthropic"),
        "model": event.text("model"),
        **row_tokens(counted, CACHE_BESIDE),
        "status": (event.count("status_code") or 500) if has_failed else 200,
        "latency_ms": event.number("duration_ms"),
        "ttft_ms": event.number("ttft_ms"),
        "cost_usd": None if has_failed else event.number("cost_usd"),
        "request_id": event.text("client_request_id"),
        "response_id": request,
        "event_id": (request, event.text("client_request_id", "event.sequence")),
    }

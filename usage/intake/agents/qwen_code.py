"""Qwen Code's events: a fork of Gemini CLI that also tells the id of the answer.

packages/core/src/telemetry/types.ts of QwenLM/qwen-code, and 0.24.4 as it was seen to send.
"""

from typing import Any

from usage.intake.agents import gemini_cli
from usage.intake.agents.event import AgentEvent
from usage.intake.token_arithmetic import WITHIN

SOURCE = "qwen-code"
SCOPE = "qwen-code"
PREFIX = "qwen-code."
EVENTS = gemini_cli.EVENTS
ATTRIBUTES = gemini_cli.ATTRIBUTES

# By the way of signing in; `openai` is any server that speaks as OpenAI's do.
_PROVIDERS = {
    "qwen-oauth": "dashscope",
    "gemini": "google",
    "gemini-api-key": "google",
    "vertex-ai": "google",
    "anthropic": "anthropic",
}


def values_of(event: AgentEvent, name: str) -> dict[str, Any]:
    """Thoughts are within the output, as OpenAI counts them."""
    provider = _PROVIDERS.get(event.text("auth_type") or "")
    return {"provider": provider, **gemini_cli.told(event, name, WITHIN)}

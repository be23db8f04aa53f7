"""Events of agents that nobody here has seen, made from Gemini CLI's: known by its names alone."""

from typing import Any

from usage.intake.agents import gemini_cli
from usage.intake.agents.event import AgentEvent
from usage.intake.token_arithmetic import WITHIN

EVENTS = gemini_cli.EVENTS
ATTRIBUTES = gemini_cli.ATTRIBUTES
_FIGURES = ("input_token_count", "output_token_count", "total_token_count")


def values_of(event: AgentEvent, name: str) -> dict[str, Any] | None:
    """None for what other programs call a response or an error of theirs."""
    says_usage = event.says(_FIGURES)
    if not (says_usage or (name == gemini_cli.ERROR and event.says(("model",)))):
        return None
    if not event.says(("prompt_id", "response_id", "auth_type")):
        return None
    return gemini_cli.told(event, name, WITHIN)

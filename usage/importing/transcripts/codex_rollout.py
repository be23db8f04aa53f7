"""Codex' rollouts: ~/.codex/sessions/YEAR/MONTH/DAY/rollout-….jsonl, as of 0.40 to 0.171.

Each answer ends in an event with what it used, and what the session has used so far; the same event
comes again where only the limits of the plan are news.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from usage.importing.transcripts.call import Call
from usage.importing.usage_files.json_values import decoded_as
from usage.importing.usage_files.lines import Line, text_of
from usage.intake.token_arithmetic import AS_TOLD, Counted, row_tokens, whole_count

NAMES = frozenset(("timestamp", "type", "payload"))
_COUNTS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")


class _RolloutLine(msgspec.Struct, gc=False):
    timestamp: Any = None
    type: Any = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Payload(msgspec.Struct, gc=False):
    """What is looked at: the rest is what was said."""

    type: Any = None
    id: Any = None
    model: Any = None
    model_provider: Any = None
    info: Any = None


_line = msgspec.json.Decoder(_RolloutLine)
_payload = msgspec.json.Decoder(_Payload)
_TOLD = ("session_meta", "turn_context", "event_msg")


class CodexRollout:
    what: ClassVar[str] = "Codex' rollouts"

    def __init__(self) -> None:
        self._session: Any = None
        self._model: Any = None
        self._provider: Any = "openai"
        self._so_far: tuple[int, ...] = ()

    def take(self, line: Line) -> Call | None:
        found = decoded_as(_line, text_of(line))
        if found.type not in _TOLD:
            return None
        payload = decoded_as(_payload, found.payload)
        if found.type == "event_msg":
            return self._answer(found, payload, line.number)
        self._model = payload.model or self._model
        if found.type == "session_meta":
            self._session = payload.id
            self._provider = payload.model_provider or self._provider
        return None

    def rest(self) -> Iterator[Call]:
        yield from ()

    def _answer(self, line: _RolloutLine, payload: _Payload, number: int) -> Call | None:
        if payload.type != "token_count" or not isinstance(payload.info, dict):
            return None
        so_far = _counts(payload.info.get("total_token_usage"))
        told = _counts(payload.info.get("last_token_usage"))
        if not any(told) and any(so_far):  # versions that tell the sum alone
            told = tuple(
                max(0, now - before)
                for now, before in zip(so_far, self._so_far or (0,) * len(so_far), strict=True)
            )
        if (any(so_far) and so_far == self._so_far) or not any(told):
            return None
        self._so_far = so_far
        prompt, cached, completion, reasoning = told
        counted = Counted(prompt, completion, None, cached, None, reasoning)
        values = {
            "timestamp": line.timestamp,
            "provider": self._provider,
            "model": self._model,
            **row_tokens(counted, AS_TOLD),
            "status": 200,
            "session": self._session,
            "app": "codex",
        }
        return Call(values, number, f"codex|{line.timestamp}|{so_far}|{told}")


def _counts(told: Any) -> tuple[int, ...]:
    found = told if isinstance(told, dict) else {}
    return tuple(whole_count(found.get(name)) or 0 for name in _COUNTS)

"""Claude Code's transcripts: ~/.claude/projects/FOLDER/SESSION.jsonl, as of 1.0 to 2.1.

An answer is a line for each of its parts, which repeat its id; the last has all that it used.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from usage.importing.transcripts.call import Call
from usage.importing.usage_files.json_values import decoded_as
from usage.importing.usage_files.lines import Line, text_of
from usage.intake.token_arithmetic import CACHE_BESIDE, Counted, row_tokens, whole_count
from usage.intake.token_kinds import KindsTold, kinds_of
from usage.records import FieldError, InvalidRow

_NO_MODEL = "<synthetic>"  # of messages that the program wrote itself
SIGNS = frozenset(("sessionId", "type", "uuid"))


class _Message(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    usage: Any = None


class _TranscriptLine(msgspec.Struct, gc=False):
    """What is looked at: the rest is what was said."""

    type: Any = None
    timestamp: Any = None
    requestId: Any = None  # noqa: N815  # as it is written
    sessionId: Any = None  # noqa: N815
    costUSD: Any = None  # noqa: N815  # until 1.0
    message: msgspec.Raw = msgspec.Raw(b"null")


_line = msgspec.json.Decoder(_TranscriptLine)
_message = msgspec.json.Decoder(_Message)


class ClaudeCodeTranscript:
    what: ClassVar[str] = "Claude Code's transcripts"

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], Call] = {}

    def take(self, line: Line) -> Call | None:
        found = decoded_as(_line, text_of(line))
        if found.type != "assistant":
            return None  # what a user said is a text, not a message with figures
        message = decoded_as(_message, found.message)
        if isinstance(message.usage, dict) and message.model != _NO_MODEL:
            call = _call(found, message, line.number)
            self._calls[call.response_ids[0], call.response_ids[-1]] = call
        return None

    def rest(self) -> Iterator[Call]:
        yield from self._calls.values()


def _call(line: _TranscriptLine, message: _Message, number: int) -> Call:
    if not isinstance(line.timestamp, str):
        raise InvalidRow([FieldError("timestamp", "is missing")])
    told = message.usage
    # Anthropic's input is what was neither read from a cache nor written to one.
    counted = Counted(
        whole_count(told.get("input_tokens")),
        whole_count(told.get("output_tokens")),
        None,
        whole_count(told.get("cache_read_input_tokens")),
        whole_count(told.get("cache_creation_input_tokens")),
    )
    ids = tuple(str(each) for each in (line.requestId, message.id) if each) or (
        f"{line.sessionId} {line.timestamp}",
    )
    tokens = row_tokens(counted, CACHE_BESIDE)
    written = told.get("cache_creation")
    for_an_hour = written.get("ephemeral_1h_input_tokens") if isinstance(written, dict) else None
    values = {
        "timestamp": line.timestamp,
        "provider": "anthropic",
        "model": message.model,
        **tokens,
        **kinds_of(KindsTold(for_an_hour), tokens),
        "service_tier": told.get("service_tier"),
        "status": 200,
        "cost_usd": line.costUSD,
        "response_id": ids[0],
        "session": line.sessionId,
        "app": "claude-code",
    }
    return Call(values, number, f"claude-code|{'|'.join(ids)}", ids)

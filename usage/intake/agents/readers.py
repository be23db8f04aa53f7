"""Which events are calls of a model, by whom, and the usage record of each."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from types import ModuleType
from typing import Any

from usage.heard import Heard, source_of_row
from usage.intake import lenient
from usage.intake.agents import claude_code, codex, forks, gemini_cli, qwen_code
from usage.intake.agents.event import EVENT_NAME, EVENT_TIME, AgentEvent
from usage.intake.agents.who import ATTRIBUTES as WHO
from usage.intake.agents.who import who
from usage.intake.parsed import ParsedRows, collect
from usage.records import InvalidRow, UsageRecord

_READERS = (claude_code, codex, gemini_cli, qwen_code)
SOURCES = frozenset(reader.SOURCE for reader in _READERS)
KNOWN_ATTRIBUTES = WHO.union(
    (EVENT_NAME, EVENT_TIME), *(reader.ATTRIBUTES for reader in (*_READERS, forks))
)
# What is in the name of every event that a reader knows, however the name is told.
NAME_PARTS = tuple(sorted({name.encode() for reader in _READERS for name in reader.EVENTS}))
_SPAN_PREFIXES: dict[str, str] = {
    reader.PREFIX: reader.SOURCE for reader in (claude_code, qwen_code)
}
_LONGEST_NAME = 64
_LONGEST_SOURCE = 32


@dataclass(frozen=True)
class _KnownEvent:
    """An event of an agent: what it is called without the agent's prefix."""

    reader: ModuleType
    source: str
    name: str


def is_agent_event(names: tuple[str, ...], scope: str, service: str) -> bool:
    return _told(names, scope[:_LONGEST_NAME], service[:_LONGEST_NAME]) is not None


def is_name(text: str) -> bool:
    """Whether a body may be an event's name, and no sentence about it."""
    return 0 < len(text) <= _LONGEST_NAME and " " not in text


@lru_cache(maxsize=1024)
def agent_of_span(name: str, scope: str, service: str) -> str | None:
    """The source that the agent's logs have, where a span is of an agent that tells calls twice."""
    for prefix, source in _SPAN_PREFIXES.items():
        if name.startswith(prefix) or source in (scope, service):
            return source
    is_codex = name == codex.SPAN or scope.startswith("codex") or service.startswith("codex")
    return codex.SOURCE if is_codex else None


def records_of(
    events: Iterable[AgentEvent | InvalidRow], now: dt.datetime, heard: Heard
) -> ParsedRows:
    """Those of the calls among the events, and the faults of calls that cannot be stored."""
    return collect(events, partial(_record, now=now, heard=heard), ParsedRows(heard=heard))


@lru_cache(maxsize=1024)
def _told(names: tuple[str, ...], scope: str, service: str) -> _KnownEvent | None:
    """By the name's prefix, since a collector may rename the scope; else by the scope."""
    short = []
    for name in names:
        for reader in _READERS:
            if name.startswith(reader.PREFIX):
                event = name.removeprefix(reader.PREFIX)
                return _KnownEvent(reader, reader.SOURCE, event) if event in reader.EVENTS else None
        prefix, dot, event = name.rpartition(".")
        if dot and event in forks.EVENTS and prefix and len(prefix) <= _LONGEST_SOURCE:
            return _KnownEvent(forks, prefix.replace("_", "-"), event)
        short.append(name)
    for reader in _READERS:
        if scope == reader.SCOPE or service == reader.SOURCE:
            known = next((name for name in short if name in reader.EVENTS), None)
            return _KnownEvent(reader, reader.SOURCE, known) if known else None
    return None


def _record(event: AgentEvent | InvalidRow, now: dt.datetime, heard: Heard) -> UsageRecord | None:
    """None for what is no call."""
    if isinstance(event, InvalidRow):
        raise event
    service = event.text("service.name") or ""
    told = _told(event.names, event.scope[:_LONGEST_NAME], service[:_LONGEST_NAME])
    read = None if told is None else told.reader.values_of(event, told.name)
    if told is None or read is None:
        heard.pass_over(
            "event of an agent that is no call",
            source_of_row(told.source if told else None, service),
        )
        return None
    values = {**read, **who(event), "source": told.source, "timestamp": event.at}
    values["event_id"] = _identity(values) if event.at is not None else None
    return lenient.record_of(values, now)


def _identity(values: dict[str, Any]) -> str:
    """The same for each copy of an event, whether or not the agent gives its calls ids."""
    counts = (values.get("prompt_tokens"), values.get("completion_tokens"))
    parts = (values["session"], values["model"], values["status"], *values["event_id"], *counts)
    return blake2b("\0".join(map(str, parts)).encode(errors="replace"), digest_size=16).hexdigest()

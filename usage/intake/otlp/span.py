"""A span as both encodings of OTLP carry it, with only those attributes that we know."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from usage.intake.otlp import conventions, kinds, loose_names
from usage.intake.otlp.told import Told, told_by

Value = str | int | float | bool | dict[str, Any]
Attributes = dict[str, Value]

_KNOWN_ATTRIBUTES = conventions.KNOWN_ATTRIBUTES | kinds.ATTRIBUTES

_WHAT_IS_USED = frozenset((*conventions.TOKENS, loose_names.OBJECT))
_MOST_NAMES = 8192
STATUS_ERROR = 2  # of opentelemetry.proto.trace.v1.Status


@dataclass(slots=True)
class Event:
    """What happened within a span, and when."""

    name: str
    at_ns: int  # Unix time
    attributes: Attributes


@dataclass(slots=True)
class Span:
    """One operation. Ids are lower-case hex, times Unix nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    resource: Told
    parent_id: str = ""
    scope: str = ""  # the name of the instrumentation
    has_error: bool = False
    events: list[Event] = field(default_factory=list)
    told: Told = field(init=False)

    def __post_init__(self) -> None:
        self.told = told_by(self.attributes)

    @property
    def has_usage(self) -> bool:
        told = self.told
        return "prompt_tokens" in told or "completion_tokens" in told or "total_tokens" in told

    def take_usage_of(self, events: Iterable[Attributes]) -> None:
        """Some tell what a call used in events of its span alone; of several, the last counts."""
        told: Attributes = {}
        for attributes in events:
            if any(_is_figure(name) for name in attributes):
                told |= attributes
        if told:
            told.pop(kinds.LOGGED, None)
            self.attributes = told | self.attributes
            self.told = told_by(self.attributes)


class _Knowledge(dict[str, bool]):
    """Whether an attribute is worth decoding, by name; prompts and completions never are."""

    def __missing__(self, key: str) -> bool:
        if len(key) > loose_names.LONGEST_NAME:
            return False
        if len(self) >= _MOST_NAMES:
            self.clear()
        found = key in _KNOWN_ATTRIBUTES or loose_names.place_of(key) is not None
        self[key] = found
        return found


KNOWN = _Knowledge()
is_known = KNOWN.__getitem__


def may_be_object(key: str) -> bool:
    """Whether what is known under that name may be told as a map."""
    return key not in conventions.PLACES


def _is_figure(name: str) -> bool:
    place = conventions.PLACES.get(name) or loose_names.place_of(name)
    return place is not None and place[0] in _WHAT_IS_USED


def is_known_event(name: str) -> bool:
    return name in conventions.KNOWN_EVENTS

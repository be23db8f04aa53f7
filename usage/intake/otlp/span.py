"""A span as both encodings of OTLP carry it, with only those attributes that we know."""

from dataclasses import dataclass, field
from functools import lru_cache

from usage.intake.otlp import conventions, kinds, loose_names
from usage.intake.otlp.told import Told, told_by

Value = str | int | float | bool
Attributes = dict[str, Value]

_KNOWN_ATTRIBUTES = conventions.KNOWN_ATTRIBUTES | kinds.ATTRIBUTES

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


def is_known(key: str) -> bool:
    """Whether an attribute is worth decoding; prompts and completions never are."""
    return len(key) <= loose_names.LONGEST_NAME and _is_known(key)


@lru_cache(maxsize=4096)
def _is_known(key: str) -> bool:
    return key in _KNOWN_ATTRIBUTES or loose_names.place_of(key) is not None


def is_known_event(name: str) -> bool:
    return name in conventions.KNOWN_EVENTS

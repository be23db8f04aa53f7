"""OTLP in JSON: ids in hex, 64-bit integers as text or as numbers, lowerCamelCase names."""

from collections.abc import Iterator
from typing import Any

import msgspec

from usage.intake import numbers_of_json
from usage.intake.otlp.span import (
    STATUS_ERROR,
    Attributes,
    Event,
    Span,
    is_known,
    is_known_event,
)
from usage.intake.otlp.told import of_resource
from usage.intake.parsed import MalformedBody, TooManyRowsInBody

MEDIA_TYPE = "application/json"
_MOST_OBJECTS = 1_000_000  # a hundred times what exporters send at once


class AttributeValue(msgspec.Struct, rename="camel", gc=False):
    """Arrays and maps are passed over: nothing that we know is one."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None


class Attribute(msgspec.Struct, gc=False):
    key: str = ""
    value: AttributeValue | None = None


class _Event(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    time_unix_nano: int | str | None = None
    attributes: list[Attribute] | None = None


class _Status(msgspec.Struct, gc=False):
    code: int | str | None = None


class _Span(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[Attribute] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class InstrumentationName(msgspec.Struct, gc=False):
    name: str | None = None


class _ScopeSpans(msgspec.Struct, gc=False):
    scope: InstrumentationName | None = None
    spans: list[_Span] | None = None


class _Resource(msgspec.Struct, gc=False):
    attributes: list[Attribute] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel", gc=False):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(msgspec.Struct, rename="camel", gc=False):
    resource_spans: list[_ResourceSpans] | None = None


class PartialSuccess(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How many were not stored, as text like all 64-bit integers, and why."""

    error_message: str
    rejected_spans: str | msgspec.UnsetType = msgspec.UNSET
    rejected_log_records: str | msgspec.UnsetType = msgspec.UNSET


class Taken(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What a request is answered."""

    partial_success: PartialSuccess | msgspec.UnsetType = msgspec.UNSET


_request = msgspec.json.Decoder(_Request)


def spans(body: bytes) -> Iterator[Span]:
    """The spans of a request; MalformedBody if it is none."""
    refuse_empty(body)
    refuse_too_many(body)
    try:
        request = numbers_of_json.decoded(_request, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedBody("the body is not an OTLP trace request in JSON") from None
    for group in request.resource_spans or ():
        resource = of_resource(_attributes(group.resource.attributes if group.resource else None))
        for scope in group.scope_spans or ():
            for span in scope.spans or ():
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.lower(),
                    span_id=span.span_id.lower(),
                    start_ns=whole(span.start_time_unix_nano),
                    end_ns=whole(span.end_time_unix_nano),
                    attributes=_attributes(span.attributes),
                    resource=resource,
                    parent_id=(span.parent_span_id or "").lower(),
                    scope=(scope.scope and scope.scope.name) or "",
                    has_error=span.status is not None
                    and span.status.code in (STATUS_ERROR, "STATUS_CODE_ERROR"),
                    events=[
                        Event(
                            event.name, whole(event.time_unix_nano), _attributes(event.attributes)
                        )
                        for event in span.events or ()
                        if is_known_event(event.name)
                    ],
                )


def refuse_empty(body: bytes) -> None:
    """Nothing is no JSON."""
    if not body.strip():
        raise MalformedBody("the body is empty: send an OTLP request in JSON, {} at the least")


def refuse_too_many(body: bytes) -> None:
    """Objects cost memory that their few bytes do not show."""
    if body.count(b"{") > _MOST_OBJECTS:
        raise TooManyRowsInBody


def answer(rejected: int, message: str, what: str = "rejected_spans") -> bytes:
    """What a request is answered; `rejected` of it were not stored, for the reason given."""
    taken = Taken(PartialSuccess(message, **{what: str(rejected)})) if rejected else Taken()
    return msgspec.json.encode(taken)


def _attributes(pairs: list[Attribute] | None) -> Attributes:
    return {
        pair.key: value
        for pair in pairs or ()
        if is_known(pair.key) and (value := scalar(pair.value)) is not None
    }


def scalar(value: AttributeValue | None) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return whole(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if isinstance(value.double_value, str):  # "NaN", "Infinity"
        return float(value.double_value) if value.double_value in ("NaN", "Infinity") else None
    return value.double_value


def whole(number: int | str | None) -> int:
    """A 64-bit integer; what is none is zero, as protobuf has it."""
    try:
        return int(number or 0) if len(str(number)) <= 20 else 0
    except ValueError:
        return 0

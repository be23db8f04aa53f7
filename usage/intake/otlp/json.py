"""OTLP in JSON: ids in hex, 64-bit integers as text or as numbers, lowerCamelCase names."""

from collections.abc import Iterator

import msgspec

from usage.intake import nearly_json
from usage.intake.otlp import loose_json
from usage.intake.otlp.json_attributes import Attribute, attributes_of, unix_ns
from usage.intake.otlp.span import STATUS_ERROR, Event, Span, is_known_event
from usage.intake.otlp.told import Told, of_resource
from usage.intake.parsed import MalformedBody, TooManyRowsInBody
from usage.records import InvalidRow

MEDIA_TYPE = "application/json"
_MOST_OBJECTS = 1_000_000  # a hundred times what exporters send at once


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
_span = msgspec.json.Decoder(_Span)


def spans(body: bytes) -> Iterator[Span | InvalidRow]:
    """The spans of a request; of what is none, what is wrong with it. MalformedBody of a body."""
    refuse_empty(body)
    refuse_too_many(body)
    try:
        request = nearly_json.decoded(_request, body)
    except loose_json.UNREADABLE:
        yield from _spans_one_by_one(body)
        return
    for group in request.resource_spans or ():
        resource = of_resource(attributes_of(group.resource.attributes if group.resource else None))
        for scope in group.scope_spans or ():
            name = (scope.scope and scope.scope.name) or ""
            for span in scope.spans or ():
                yield _read(span, resource, name)


def _spans_one_by_one(body: bytes) -> Iterator[Span | InvalidRow]:
    """One odd value costs no other: what cannot be read at once is read value by value."""
    for part in loose_json.parts(nearly_json.mended(body), loose_json.TRACES):
        if isinstance(part, InvalidRow):
            yield part
            continue
        resource = of_resource(part.resource)
        try:
            yield _read(_span.decode(part.raw), resource, part.scope)
        except loose_json.UNREADABLE:
            yield loose_json.span(part.raw, resource, part.scope)


def _read(span: _Span, resource: Told, scope: str) -> Span:
    found = Span(
        name=span.name,
        trace_id=span.trace_id.lower(),
        span_id=span.span_id.lower(),
        start_ns=unix_ns(span.start_time_unix_nano),
        end_ns=unix_ns(span.end_time_unix_nano),
        attributes=attributes_of(span.attributes),
        resource=resource,
        parent_id=(span.parent_span_id or "").lower(),
        scope=scope,
        has_error=span.status is not None
        and span.status.code in (STATUS_ERROR, "STATUS_CODE_ERROR"),
        events=[
            Event(event.name, unix_ns(event.time_unix_nano), attributes_of(event.attributes))
            for event in span.events or ()
            if is_known_event(event.name)
        ],
    )
    if span.events and not found.has_usage:
        found.take_usage_of(attributes_of(event.attributes) for event in span.events)
    return found


def refuse_empty(body: bytes) -> None:
    """Nothing is no JSON."""
    if not body.strip():
        raise MalformedBody("the body is empty: send an OTLP request in JSON, {} at the least")


def refuse_too_many(body: bytes) -> None:
    """Objects cost memory that their few bytes do not show."""
    if body.count(b"{") > _MOST_OBJECTS:
        raise TooManyRowsInBody


def answer(rejected: int, message: str, what: str = "rejected_spans") -> bytes:
    """What a request is answered; `rejected` of it were not stored, for the reason given.

    A message where none was rejected is a warning.
    """
    if not (rejected or message):
        return msgspec.json.encode(Taken())
    counted = {what: str(rejected)} if rejected else {}
    return msgspec.json.encode(Taken(PartialSuccess(message, **counted)))

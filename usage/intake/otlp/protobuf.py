"""OTLP in its binary encoding."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from usage.intake.otlp.span import (
    KNOWN,
    STATUS_ERROR,
    Attributes,
    Event,
    Span,
    is_known,
    is_known_event,
    may_be_object,
)
from usage.intake.otlp.told import Told, of_resource
from usage.intake.otlp.wire import Parts, as_far_as_readable
from usage.intake.parsed import MalformedBody
from usage.records import InvalidRow

MEDIA_TYPE = "application/x-protobuf"
_SCALARS = {"string_value", "int_value", "double_value", "bool_value"}
# Numbers of fields in opentelemetry/proto/collector/trace/v1, trace/v1 and common/v1.
_RESOURCE_SPANS = 1
_RESOURCE, _SCOPE_SPANS = 1, 2
_SCOPE, _SPANS = 1, 2
_ATTRIBUTES, _EVENTS, _LINKS = 9, 11, 13
_RESOURCE_ATTRIBUTES, _SCOPE_NAME = 1, 1
_LARGE = 65_536  # bytes; a span with more holds what was said in the call
_LARGEST_KNOWN = 16_384
_LONGEST_NAME = 200
_MAP, _DEEPEST = "kvlist_value", 8
_BROKEN = InvalidRow.whole("is not a span of OTLP in protobuf")


def spans(body: bytes) -> Iterator[Span | InvalidRow]:
    """The spans of a request; of what is none, what is wrong with it.

    MalformedBody if it is no request, TooManyRowsInBody.
    """
    parts = Parts(body)
    count = broken = 0
    for _, _, begin, end in parts.of(0, len(body), _RESOURCE_SPANS):
        for span in _of_group(body, parts, begin, end):
            count += 1
            broken += isinstance(span, InvalidRow)
            yield span
    if broken and broken == count:
        raise MalformedBody("the body is not an OTLP trace request in protobuf")


def _of_group(body: bytes, parts: Parts, begin: int, end: int) -> Iterator[Span | InvalidRow]:
    """A resource may stand behind its spans: fields of a message have no order."""
    try:
        fields = list(parts.of(begin, end, _RESOURCE, _SCOPE_SPANS))
        resource = Told()
        for number, _, start, stop in fields:
            if number == _RESOURCE:
                resource = _resource(body, parts, start, stop)
        for number, _, start, stop in fields:
            if number == _SCOPE_SPANS:
                yield from _of_scope(body, parts, start, stop, resource)
    except MalformedBody:
        yield _BROKEN


def _of_scope(
    body: bytes, parts: Parts, begin: int, end: int, resource: Told
) -> Iterator[Span | InvalidRow]:
    scope = ""
    try:
        for part, _, first, last in parts.of(begin, end, _SCOPE, _SPANS):
            if part == _SCOPE:
                scope = _scope_name(body, parts, first, last)
            else:
                yield _one(body, parts, first, last, resource, scope)
    except MalformedBody:
        yield _BROKEN


def _one(
    body: bytes, parts: Parts, begin: int, end: int, resource: Told, scope: str
) -> Span | InvalidRow:
    try:
        data = _shortened(body, parts, begin, end)
        return _span(trace_pb2.Span.FromString(data), resource, scope)
    except DecodeError:
        pass
    except InvalidRow as error:
        return error
    except MalformedBody:
        return _BROKEN
    try:
        return _span(as_far_as_readable(trace_pb2.Span(), data), resource, scope)
    except MalformedBody:
        return _BROKEN


def refuse_empty(body: bytes) -> None:
    """Nothing is a request without parts."""


def answer(rejected: int, message: str) -> bytes:
    """What a request is answered; `rejected` spans were not stored, for the reason given."""
    if not (rejected or message):
        return ExportTraceServiceResponse().SerializeToString()
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def status(message: str) -> bytes:
    """A google.rpc.Status with that message, whose field has the number of this one's."""
    return ExportTracePartialSuccess(error_message=message).SerializeToString()


def _resource(body: bytes, parts: Parts, begin: int, end: int) -> Told:
    """Attribute by attribute: what all spans share must not cost them."""
    known = b"".join(
        body[start:stop]
        for _, start, content, stop in parts.of(begin, end, _RESOURCE_ATTRIBUTES)
        if _begins_with_known_name(body[content:stop], _ATTRIBUTES)
    )
    return of_resource(_attributes(as_far_as_readable(Resource(), known).attributes))


def _scope_name(body: bytes, parts: Parts, begin: int, end: int) -> str:
    for _, _, start, stop in parts.of(begin, end, _SCOPE_NAME):
        return body[start : min(stop, start + _LONGEST_NAME)].decode(errors="replace")
    return ""


def _shortened(body: bytes, parts: Parts, begin: int, end: int) -> bytes:
    """A span; a large one without what we know nothing of, which is what makes it large."""
    if end - begin <= _LARGE:
        return body[begin:end]
    kept, at = [], begin
    for number, start, content, stop in parts.of(begin, end, _ATTRIBUTES, _EVENTS, _LINKS):
        if number == _LINKS or not _begins_with_known_name(body[content:stop], number):
            kept.append(body[at:start])
            at = stop
    kept.append(body[at:end])
    short = b"".join(kept)
    if len(short) > _LARGE:
        raise InvalidRow.whole(f"has more than {_LARGE} bytes in attributes that are known")
    return short


def _begins_with_known_name(part: bytes, number: int) -> bool:
    """Of an attribute the name is field 1, of an event field 2 after its time."""
    start = 1 if number == _ATTRIBUTES else 10
    name = part[start + 1 : start + 1 + part[start]] if len(part) > start else b""
    is_ours = is_known if number == _ATTRIBUTES else is_known_event
    return len(part) <= _LARGEST_KNOWN and is_ours(name.decode(errors="replace"))


def _span(span: trace_pb2.Span, resource: Told, scope: str) -> Span:
    found = Span(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        resource=resource,
        parent_id=span.parent_span_id.hex(),
        scope=scope,
        has_error=span.status.code == STATUS_ERROR,
        events=[
            Event(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in span.events
            if is_known_event(event.name)
        ],
    )
    if span.events and not found.has_usage:
        found.take_usage_of(_attributes(event.attributes) for event in span.events)
    return found


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    found: Attributes = {}
    known = KNOWN
    for pair in pairs:
        key = pair.key
        if known[key]:
            value = pair.value
            kind = value.WhichOneof("value")
            if kind in _SCALARS:
                found[key] = getattr(value, kind)
            elif kind == _MAP and may_be_object(key):
                found[key] = _as_dict(value.kvlist_value)
    return found


def _as_dict(pairs: KeyValueList, depth: int = 0) -> dict[str, Any]:
    """A map of OTLP's, with the maps within it."""
    found: dict[str, Any] = {}
    for pair in pairs.values:
        kind = pair.value.WhichOneof("value")
        if kind == _MAP and depth < _DEEPEST:
            found[pair.key] = _as_dict(pair.value.kvlist_value, depth + 1)
        elif kind in _SCALARS:
            found[pair.key] = getattr(pair.value, kind)
    return found

"""OTLP in its binary encoding."""

from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from usage.intake.otlp.span import STATUS_ERROR, Attributes, Event, Span, is_known, is_known_event
from usage.intake.otlp.told import Told, of_resource
from usage.intake.otlp.wire import Parts
from usage.intake.parsed import MalformedBody, TooManyRowsInBody

MEDIA_TYPE = "application/x-protobuf"
_SCALARS = {"string_value", "int_value", "double_value", "bool_value"}
# Numbers of fields in opentelemetry/proto/collector/trace/v1, trace/v1 and common/v1.
_RESOURCE_SPANS = 1
_RESOURCE, _SCOPE_SPANS = 1, 2
_SCOPE, _SPANS = 1, 2
_ATTRIBUTES, _EVENTS, _LINKS = 9, 11, 13
_LARGE = 65_536  # bytes; a span with more holds what was said in the call
_LARGEST_KNOWN = 16_384


def spans(body: bytes) -> Iterator[Span]:
    """The spans of a request; MalformedBody if it is none, TooManyRowsInBody."""
    parts = Parts(body)
    try:
        for _, _, begin, end in parts.of(0, len(body), _RESOURCE_SPANS):
            resource = Told()
            for number, _, start, stop in parts.of(begin, end, _RESOURCE, _SCOPE_SPANS):
                if number == _RESOURCE:
                    resource = _resource(body[start:stop])
                    continue
                scope = ""
                for part, _, first, last in parts.of(start, stop, _SCOPE, _SPANS):
                    if part == _SCOPE:
                        scope = _scope_name(body[first:last])
                    else:
                        yield _span(_shortened(body, parts, first, last), resource, scope)
    except DecodeError:
        raise MalformedBody("the body is not an OTLP trace request in protobuf") from None


def refuse_empty(body: bytes) -> None:
    """Nothing is a request without parts."""


def answer(rejected: int, message: str) -> bytes:
    """What a request is answered; `rejected` spans were not stored, for the reason given."""
    if not rejected:
        return ExportTraceServiceResponse().SerializeToString()
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def status(message: str) -> bytes:
    """A google.rpc.Status with that message, whose field has the number of this one's."""
    return ExportTracePartialSuccess(error_message=message).SerializeToString()


def _resource(data: bytes) -> Told:
    if len(data) > _LARGE:
        return Told()
    return of_resource(_attributes(Resource.FromString(data).attributes))


def _scope_name(data: bytes) -> str:
    return InstrumentationScope.FromString(data).name if len(data) <= _LARGE else ""


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
        raise TooManyRowsInBody
    return short


def _begins_with_known_name(part: bytes, number: int) -> bool:
    """Of an attribute the name is field 1, of an event field 2 after its time."""
    start = 1 if number == _ATTRIBUTES else 10
    name = part[start + 1 : start + 1 + part[start]] if len(part) > start else b""
    is_ours = is_known if number == _ATTRIBUTES else is_known_event
    return len(part) <= _LARGEST_KNOWN and is_ours(name.decode(errors="replace"))


def _span(data: bytes, resource: Told, scope: str) -> Span:
    span = trace_pb2.Span.FromString(data)
    return Span(
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


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    found: Attributes = {}
    for pair in pairs:
        if is_known(pair.key):
            kind = pair.value.WhichOneof("value")
            if kind in _SCALARS:
                found[pair.key] = getattr(pair.value, kind)
    return found

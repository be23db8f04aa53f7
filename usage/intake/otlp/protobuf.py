"""OTLP in its binary encoding."""

from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from usage.intake.native import MalformedBody
from usage.intake.otlp.span import STATUS_ERROR, Attributes, Event, Span, is_known, is_known_event

MEDIA_TYPE = "application/x-protobuf"
_SCALARS = {"string_value", "int_value", "double_value", "bool_value"}


def spans(body: bytes) -> Iterator[Span]:
    """The spans of a request; MalformedBody if it is none."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise MalformedBody("the body is not an OTLP trace request in protobuf") from None
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Span(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    resource=resource,
                    has_error=span.status.code == STATUS_ERROR,
                    events=[
                        Event(event.name, event.time_unix_nano, _attributes(event.attributes))
                        for event in span.events
                        if is_known_event(event.name)
                    ],
                )


def answer(rejected: int, message: str) -> bytes:
    """What a request is answered; `rejected` spans were not stored, for the reason given."""
    if not rejected:
        return ExportTraceServiceResponse().SerializeToString()
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def status(message: str) -> bytes:
    """A google.rpc.Status with that message, whose field has the number of this one's."""
    return ExportTracePartialSuccess(error_message=message).SerializeToString()


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    found: Attributes = {}
    for pair in pairs:
        if is_known(pair.key):
            kind = pair.value.WhichOneof("value")
            if kind in _SCALARS:
                found[pair.key] = getattr(pair.value, kind)
    return found

"""OTLP's logs in protobuf: the events of agents, and of all else no more than where it ends."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from usage.heard import Heard
from usage.intake.agents.event import AgentEvent, Value
from usage.intake.agents.readers import KNOWN_ATTRIBUTES, NAME_PARTS
from usage.intake.otlp.log_records import event_of, known, service_of
from usage.intake.otlp.wire import Parts, as_far_as_readable
from usage.intake.parsed import MalformedBody
from usage.records import InvalidRow

# Numbers of fields in opentelemetry/proto/collector/logs/v1, logs/v1 and common/v1.
_RESOURCE_LOGS = 1
_RESOURCE, _SCOPE_LOGS = 1, 2
_SCOPE, _LOG_RECORDS = 1, 2
_BODY, _ATTRIBUTES = 5, 6
_RESOURCE_ATTRIBUTES, _SCOPE_ATTRIBUTES = 1, 3
_SCALARS = {"string_value", "int_value", "double_value", "bool_value"}
_LONGEST_BODY = 100  # bytes; a longer one is no event's name
_LARGEST_KNOWN = 16_384  # bytes of an attribute
_LARGE = 4096  # bytes; a record with more holds what was said
_BROKEN = InvalidRow.whole("is not a log record of OTLP in protobuf")

Decoded = TypeVar("Decoded", Resource, InstrumentationScope)


def events(body: bytes, heard: Heard) -> Iterator[AgentEvent | InvalidRow]:
    """The events of a request that are known; of one that is broken, what is wrong with it.

    MalformedBody if it is no request, TooManyRowsInBody.
    """
    parts = Parts(body)
    is_one = False
    fault = None
    for _, _, begin, end in parts.of(0, len(body), _RESOURCE_LOGS):
        try:
            for event in _of_resource(body, parts, begin, end, heard):
                is_one = True
                yield event
        except MalformedBody as error:
            fault = error
            yield _BROKEN
    if fault is not None and not is_one:
        raise fault


def answer(rejected: int, message: str) -> bytes:
    """What a request is answered; `rejected` records were not stored, for the reason given."""
    if not (rejected or message):
        return ExportLogsServiceResponse().SerializeToString()
    partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
    return ExportLogsServiceResponse(partial_success=partial).SerializeToString()


def _of_resource(
    body: bytes, parts: Parts, begin: int, end: int, heard: Heard
) -> Iterator[AgentEvent | InvalidRow]:
    """A resource may stand behind its logs: fields of a message have no order."""
    fields = list(parts.of(begin, end, _RESOURCE, _SCOPE_LOGS))
    resource: dict[str, Value] = {}
    for number, _, start, stop in fields:
        if number == _RESOURCE:
            short = _shortened(body, parts, start, stop, _RESOURCE_ATTRIBUTES)
            resource |= _attributes(_decoded(Resource(), short).attributes)
    for number, _, start, stop in fields:
        if number == _SCOPE_LOGS:
            read = _of_scope(body, parts, start, stop, service_of(resource))
            yield from known(read, resource, heard)


def _of_scope(
    body: bytes, parts: Parts, begin: int, end: int, service: str
) -> Iterator[AgentEvent | InvalidRow | None]:
    """None for each record that no reader knows."""
    scope = ""
    for number, _, start, stop in parts.of(begin, end, _SCOPE, _LOG_RECORDS):
        if number == _SCOPE:
            short = _shortened(body, parts, start, stop, _SCOPE_ATTRIBUTES)
            scope = _decoded(InstrumentationScope(), short).name
        elif any(body.find(name, start, stop) >= 0 for name in NAME_PARTS):
            yield _event(body, parts, start, stop, scope, service)
        else:
            yield None


def _decoded(message: Decoded, data: bytes) -> Decoded:
    """As much of it as can be: what calls share must not cost them."""
    with contextlib.suppress(DecodeError):
        message.ParseFromString(data)
    return message


def _shortened(body: bytes, parts: Parts, begin: int, end: int, attributes: int) -> bytes:
    """A message without attributes that no reader knows: prompts are never decoded."""
    kept, at = [], begin
    for number, start, content, stop in parts.of(begin, end, attributes, _BODY):
        is_attribute = number == attributes
        is_kept = (
            _begins_with_known_name(body[content:stop])
            if is_attribute
            else attributes != _ATTRIBUTES or stop - content <= _LONGEST_BODY
        )
        if not is_kept:
            kept.append(body[at:start])
            at = stop
    kept.append(body[at:end])
    return b"".join(kept)


def _begins_with_known_name(part: bytes) -> bool:
    """Of an attribute the name is field 1."""
    name = part[2 : 2 + part[1]] if len(part) > 1 and len(part) <= _LARGEST_KNOWN else b""
    return name.decode(errors="replace") in KNOWN_ATTRIBUTES


def _event(
    body: bytes, parts: Parts, begin: int, end: int, scope: str, service: str
) -> AgentEvent | InvalidRow | None:
    """A small record is decoded whole, though only what is known of it becomes a text."""
    try:
        is_small = end - begin <= _LARGE
        data = body[begin:end] if is_small else _shortened(body, parts, begin, end, _ATTRIBUTES)
        record = as_far_as_readable(LogRecord(), data)
    except MalformedBody:
        return _BROKEN
    attributes = _attributes(record.attributes)
    others = (record.body.string_value, record.event_name)
    at_ns = record.time_unix_nano or record.observed_time_unix_nano
    return event_of(attributes, others, scope, service, at_ns)


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:
        key = pair.key
        if key in KNOWN_ATTRIBUTES:
            any_value = pair.value
            kind = any_value.WhichOneof("value")
            if kind in _SCALARS and (value := getattr(any_value, kind)) != "":
                found[key] = value
    return found

"""OTLP's logs in JSON: the events of agents, and of all else no more than where it ends."""

from collections.abc import Iterator
from typing import Any

import msgspec

from usage.heard import Heard
from usage.intake import nearly_json
from usage.intake.agents.event import AgentEvent
from usage.intake.agents.readers import KNOWN_ATTRIBUTES, NAME_PARTS
from usage.intake.otlp import json, json_attributes, loose_json
from usage.intake.otlp.log_records import event_of, known, service_of
from usage.records import InvalidRow

_NULL = msgspec.Raw(b"null")


class _UnreadAttribute(msgspec.Struct, gc=False):
    """Most values are passed over unread: they may be prompts."""

    key: str = ""
    value: msgspec.Raw = _NULL


class _LogRecord(msgspec.Struct, rename="camel", gc=False):
    time_unix_nano: int | str | None = None
    observed_time_unix_nano: int | str | None = None
    event_name: str | None = None
    body: json_attributes.AttributeValue | None = None
    attributes: list[json_attributes.Attribute] | None = None


class _UnreadLogRecord(msgspec.Struct, rename="camel", gc=False):
    time_unix_nano: int | str | None = None
    observed_time_unix_nano: int | str | None = None
    event_name: str = ""
    body: msgspec.Raw = _NULL
    attributes: list[_UnreadAttribute] | None = None


class _ScopeLogs(msgspec.Struct, rename="camel", gc=False):
    scope: json.InstrumentationName | None = None
    log_records: list[msgspec.Raw] | None = None


class _LogResource(msgspec.Struct, gc=False):
    attributes: list[_UnreadAttribute] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel", gc=False):
    resource: _LogResource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _LogsRequest(msgspec.Struct, rename="camel", gc=False):
    resource_logs: list[_ResourceLogs] | None = None


_request = msgspec.json.Decoder(_LogsRequest)
_log_record = msgspec.json.Decoder(_LogRecord)
_unread_log_record = msgspec.json.Decoder(_UnreadLogRecord)
_value = msgspec.json.Decoder(json_attributes.AttributeValue | None)
_BROKEN = loose_json.UNREADABLE
_LOGS = loose_json.Shape(
    "resourceLogs", "scopeLogs", "logRecords", KNOWN_ATTRIBUTES.__contains__,
    "an OTLP logs request in JSON", "a log record of OTLP in JSON",
)  # fmt: skip
# Within a text its end would be escaped, so these stand only where a text is at its end.
_NAME_ENDS = tuple(name + b'"' for name in NAME_PARTS)
_EMPTY = (None, "")
_LONGEST_BODY = 200  # bytes; a longer one is no event's name


def events(body: bytes, heard: Heard) -> Iterator[AgentEvent | InvalidRow]:
    """The events of a request that are known; of one that is broken, what is wrong with it.

    MalformedBody if it is no request, TooManyRowsInBody.
    """
    json.refuse_empty(body)
    json.refuse_too_many(body)
    try:
        request = nearly_json.decoded(_request, body)
    except _BROKEN:
        yield from _events_one_by_one(body, heard)
        return
    for group in request.resource_logs or ():
        resource = _attributes(group.resource.attributes if group.resource else None)
        service = service_of(resource)
        for scope in group.scope_logs or ():
            name = (scope.scope and scope.scope.name) or ""
            read = (_event(bytes(raw), name, service) for raw in scope.log_records or ())
            yield from known(read, resource, heard)


def _events_one_by_one(body: bytes, heard: Heard) -> Iterator[AgentEvent | InvalidRow]:
    """Where what all records share is not as it should be."""
    for part in loose_json.parts(nearly_json.mended(body), _LOGS):
        if isinstance(part, InvalidRow):
            yield part
            continue
        resource = {k: v for k, v in part.resource.items() if not isinstance(v, dict)}
        event = _event(bytes(part.raw), part.scope, service_of(resource))
        yield from known([event], resource, heard)


def answer(rejected: int, message: str) -> bytes:
    """What a request is answered; `rejected` records were not stored, for the reason given."""
    return json.answer(rejected, message, "rejected_log_records")


def _event(raw: bytes, scope: str, service: str) -> AgentEvent | InvalidRow | None:
    if not any(end in raw for end in _NAME_ENDS):
        return None
    try:
        record = _log_record.decode(raw)
    except _BROKEN:
        return _event_among_odd_values(raw, scope, service)
    attributes = {
        pair.key: value
        for pair in record.attributes or ()
        if pair.key in KNOWN_ATTRIBUTES
        and (value := json_attributes.scalar(pair.value)) not in _EMPTY
    }
    others = (json_attributes.scalar(record.body), record.event_name)
    return event_of(attributes, others, scope, service, _unix_ns(record))


def _event_among_odd_values(raw: bytes, scope: str, service: str) -> AgentEvent | InvalidRow | None:
    """Value by value, so that one that is none of OTLP's costs no more than itself."""
    try:
        record = _unread_log_record.decode(raw)
        attributes = _attributes(record.attributes)
        body = _read(record.body) if len(memoryview(record.body)) <= _LONGEST_BODY else None
        others = (body, record.event_name)
        return event_of(attributes, others, scope, service, _unix_ns(record))
    except _BROKEN:
        return InvalidRow.whole("is not a log record of OTLP in JSON")


def _unix_ns(record: Any) -> int:
    return json_attributes.unix_ns(record.time_unix_nano) or json_attributes.unix_ns(
        record.observed_time_unix_nano
    )


def _attributes(pairs: list[_UnreadAttribute] | None) -> dict[str, Any]:
    return {
        pair.key: value
        for pair in pairs or ()
        if pair.key in KNOWN_ATTRIBUTES and (value := _read(pair.value)) not in _EMPTY
    }


def _read(raw: msgspec.Raw) -> Any:
    """None of what is no value, such as the {} that JavaScript makes of one that is missing."""
    try:
        return json_attributes.scalar(_value.decode(raw))
    except _BROKEN:
        return None

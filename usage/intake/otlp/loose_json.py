"""OTLP in JSON that is not as it should be, read value by value: an odd one costs only itself.

Much slower than reading a request at once, so only what could not be read so comes here.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from usage.intake import lenient
from usage.intake.otlp.json_attributes import AttributeValue, as_dict, scalar, unix_ns
from usage.intake.otlp.span import (
    STATUS_ERROR,
    Attributes,
    Event,
    Span,
    is_known,
    is_known_event,
    may_be_object,
)
from usage.intake.otlp.told import Told
from usage.intake.parsed import MalformedBody
from usage.records import InvalidRow

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LONGEST_VALUE = 16_384  # bytes; a longer one holds what was said
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_value = msgspec.json.Decoder(AttributeValue)

Members = dict[str, msgspec.Raw]


class Shape(NamedTuple):
    """Of a request: under which names its parts stand, and what it is called."""

    groups: str
    scopes: str
    records: str
    is_ours: Callable[[str], bool]  # attributes of a resource
    request: str
    record: str


TRACES = Shape(
    "resourceSpans", "scopeSpans", "spans", is_known,
    "an OTLP trace request in JSON", "a span of OTLP in JSON",
)  # fmt: skip


class LoosePart(NamedTuple):
    """A span or log record, not decoded, and what is told of all in its group."""

    resource: Attributes
    scope: str
    raw: msgspec.Raw


def parts(body: bytes, shape: Shape) -> Iterator[LoosePart | InvalidRow]:
    """All spans or log records. MalformedBody where there is none that is one, but others are."""
    request = members_of(body)
    if request is None or _is_no_list(request.get(shape.groups)):
        raise _malformed(shape)
    count = broken = 0
    for raw_group in items_of(request.get(shape.groups)):
        for part in _of_group(raw_group, shape):
            count += 1
            broken += isinstance(part, InvalidRow)
            yield part
    if broken and broken == count:
        raise _malformed(shape)


def _malformed(shape: Shape) -> MalformedBody:
    return MalformedBody(f"the body is not {shape.request}, or was cut off")


def _of_group(raw_group: msgspec.Raw, shape: Shape) -> Iterator[LoosePart | InvalidRow]:
    group = members_of(raw_group)
    if group is None or _is_no_list(group.get(shape.scopes)):
        yield InvalidRow.whole(f"is not {shape.record}")
        return
    told = members_of(group.get("resource")) or {}
    resource = attributes(told.get("attributes"), shape.is_ours)
    for raw_scope in items_of(group.get(shape.scopes)):
        scope = members_of(raw_scope)
        if scope is None or _is_no_list(scope.get(shape.records)):
            yield InvalidRow.whole(f"is not {shape.record}")
            continue
        name = text((members_of(scope.get("scope")) or {}).get("name"))
        for raw in items_of(scope.get(shape.records)):
            is_object = _begins(raw) == b"{"
            yield (
                LoosePart(resource, name, raw)
                if is_object
                else InvalidRow.whole(f"is not {shape.record}")
            )


def span(raw: msgspec.Raw, resource: Told, scope: str) -> Span | InvalidRow:
    fields = members_of(raw)
    if fields is None:
        return InvalidRow.whole("is not a span of OTLP in JSON")
    events = [members_of(each) or {} for each in items_of(fields.get("events"))]
    status = members_of(fields.get("status")) or {}
    found = Span(
        name=text(fields.get("name")),
        trace_id=text(fields.get("traceId")).lower(),
        span_id=text(fields.get("spanId")).lower(),
        start_ns=unix_ns(plain(fields.get("startTimeUnixNano"))),
        end_ns=unix_ns(plain(fields.get("endTimeUnixNano"))),
        attributes=attributes(fields.get("attributes")),
        resource=resource,
        parent_id=text(fields.get("parentSpanId")).lower(),
        scope=scope,
        has_error=text(status.get("code")) in (str(STATUS_ERROR), "STATUS_CODE_ERROR"),
        events=[
            Event(
                name, unix_ns(plain(each.get("timeUnixNano"))), attributes(each.get("attributes"))
            )
            for each in events
            if is_known_event(name := text(each.get("name")))
        ],
    )
    if events and not found.has_usage:
        found.take_usage_of(attributes(each.get("attributes")) for each in events)
    return found


def attributes(raw: msgspec.Raw | None, is_ours: Callable[[str], bool] = is_known) -> Attributes:
    """Of a list of pairs, or of an object, as some write by hand."""
    found: Attributes = {}
    for key, value in _pairs(raw):
        if is_ours(key) and (told := _told(key, value)) is not None:
            found[key] = told
    return found


def _pairs(raw: msgspec.Raw | None) -> Iterator[tuple[str, msgspec.Raw]]:
    yield from (members_of(raw) or {}).items()
    for each in items_of(raw):
        pair = members_of(each) or {}
        if "value" in pair:
            yield text(pair.get("key")), pair["value"]


def _told(key: str, raw: msgspec.Raw) -> Any:
    """A scalar of one of OTLP's types, or one that stands there in none of them."""
    try:
        value = _value.decode(raw)
        told = scalar(value)
        return as_dict(value.kvlist_value) if told is None and may_be_object(key) else told
    except UNREADABLE:
        pass
    told = plain(raw)
    if isinstance(told, dict):  # {"stringValue": 5}
        told = next(
            (told[kind] for kind in ("stringValue", "intValue", "doubleValue", "boolValue")
             if kind in told), None,
        )  # fmt: skip
    return told if isinstance(told, str | int | float) else None


def members_of(raw: bytes | msgspec.Raw | None) -> Members | None:
    """None of what is no object."""
    if raw is None:
        return None
    try:
        return _fields.decode(raw)
    except UNREADABLE:
        return None


def items_of(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """None of what is no list."""
    if raw is None:
        return []
    try:
        return _items.decode(raw)
    except UNREADABLE:
        return []


def _is_no_list(raw: msgspec.Raw | None) -> bool:
    return raw is not None and _begins(raw) not in (b"[", b"n")


def _begins(raw: msgspec.Raw) -> bytes:
    return bytes(memoryview(raw)[:1])


def text(raw: msgspec.Raw | None) -> str:
    """Of a number too; empty for all else."""
    value = plain(raw)
    return lenient.as_text(value) if isinstance(value, str | int | float) else ""


def plain(raw: msgspec.Raw | None) -> Any:
    """What Python makes of a short value; None of a longer one."""
    if raw is None or len(memoryview(raw)) > _LONGEST_VALUE:
        return None
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None

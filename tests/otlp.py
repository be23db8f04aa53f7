"""OTLP requests made for tests, in both encodings."""

import json
import math
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
START = 1_705_320_000_000_000_000  # 2024-01-15T12:00:00Z
SECOND = 1_000_000_000


def value(of: Any) -> dict[str, Any]:
    if isinstance(of, bool):
        return {"boolValue": of}
    if isinstance(of, int):
        return {"intValue": str(of)}
    if isinstance(of, float):
        return {"doubleValue": of if math.isfinite(of) else "NaN"}
    if isinstance(of, list):
        return {"arrayValue": {"values": [value(each) for each in of]}}
    if isinstance(of, dict):
        return {"kvlistValue": {"values": pairs(of)}}
    return {"stringValue": of}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(of)} for key, of in attributes.items()]


def span(attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A span of two seconds as OTLP/JSON has it; `events` are name, nanoseconds, attributes."""
    events = [
        {"name": name, "timeUnixNano": str(at), "attributes": pairs(of)}
        for name, at, of in fields.pop("events", [])
    ]
    return {
        "name": "chat",
        "traceId": TRACE,
        "spanId": SPAN,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 2 * SECOND),
        "attributes": pairs(attributes),
        "events": events,
        "status": {},
        **fields,
    }


def request(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {"attributes": pairs(resource or {})}
    return {"resourceSpans": [{"resource": found, "scopeSpans": [{"spans": list(spans)}]}]}


def as_json(of: dict[str, Any]) -> bytes:
    return json.dumps(of).encode()


def as_protobuf(of: dict[str, Any]) -> bytes:
    """Ids are base64 to protobuf's own JSON and hex to OTLP's."""
    message = ParseDict(_without_ids(of), ExportTraceServiceRequest())
    for group, theirs in zip(message.resource_spans, of["resourceSpans"], strict=True):
        for scope, their_scope in zip(group.scope_spans, theirs["scopeSpans"], strict=True):
            for each, their_span in zip(scope.spans, their_scope["spans"], strict=True):
                each.trace_id = bytes.fromhex(their_span["traceId"])
                each.span_id = bytes.fromhex(their_span["spanId"])
                each.parent_span_id = bytes.fromhex(their_span.get("parentSpanId") or "")
    return message.SerializeToString()


def log(attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A log record as OTLP/JSON has it; `event.name` is among its attributes."""
    return {"timeUnixNano": str(START), "attributes": pairs(attributes), **fields}


def logs(
    *records: dict[str, Any], scope: str = "", resource: dict[str, Any] | None = None
) -> dict[str, Any]:
    found = {"attributes": pairs(resource or {})}
    by_scope = [{"scope": {"name": scope}, "logRecords": list(records)}]
    return {"resourceLogs": [{"resource": found, "scopeLogs": by_scope}]}


def logs_as_protobuf(of: dict[str, Any]) -> bytes:
    return ParseDict(_without_ids(of), ExportLogsServiceRequest()).SerializeToString()


def _without_ids(of: Any) -> Any:
    if isinstance(of, dict):
        ids = ("traceId", "spanId", "parentSpanId")
        return {name: _without_ids(part) for name, part in of.items() if name not in ids}
    return [_without_ids(part) for part in of] if isinstance(of, list) else of

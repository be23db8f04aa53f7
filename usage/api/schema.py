"""What OpenAPI says of each operation: its parameters, bodies, answers and refusals."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from msgspec import Meta

from usage.api.questions import (
    METRICS_QUESTION,
    NOW_QUESTION,
    POST_OF_ROWS,
    ROWS_QUESTION,
    SCRAPE,
)
from usage.api.shapes.listing import UsagePage
from usage.api.shapes.metrics_answer import ReportAnswer
from usage.api.shapes.outcomes import Error, Stored, TelemetryError
from usage.api.shapes.senders_now import Now
from usage.api.shapes.state import Health, Unhealthy
from usage.api.struct_schemas import OneOf
from usage.asking.declared import Declared
from usage.incoming_row import IncomingRow
from usage.intake.otlp.json import Taken
from usage.intake.parsed import MOST_ROWS

_JSON, _NDJSON, _PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"
_SAID = {
    400: "What is wrong with the request.",
    401: "Nobody, or somebody else, is signed in: how to.",
    406: "Only types that this does not have are accepted.",
    408: "The request came too slowly.",
    409: "The Idempotency-Key came with another body.",
    411: "The length of the body is missing.",
    413: "The body, or what it decodes to, is too large: the limit.",
    414: "The URL is too long.",
    415: "The body is of another type: which are taken.",
    417: "The Expect header asks for what is not possible.",
    429: "Too many failed logins: when to try again.",
    431: "The headers are too long.",
    503: "Not now: when to try again.",
}
_ALWAYS = (400, 408, 414, 417, 431, 503)
_READING = (*_ALWAYS, 401, 429)
_POSTING = (*_READING, 411, 413, 415)


class WrappedRows(msgspec.Struct):
    """Rows in an object."""

    metrics: Annotated[list[IncomingRow], Meta(max_length=MOST_ROWS)]


_ROWS = OneOf(
    "Rows", IncomingRow, Annotated[list[IncomingRow], Meta(max_length=MOST_ROWS)], WrappedRows
)
_CALLS = {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}


def _parameters(declared: Iterable[Declared]) -> list[OpenApiParameter]:
    return [OpenApiParameter(each.name, each.schema, description=each.help) for each in declared]


def _refusals(statuses: Iterable[int], shape: Any = Error) -> dict[Any, Any]:
    return {status: OpenApiResponse(shape, _SAID[status]) for status in sorted(statuses)}


def _telemetry_answers() -> dict[Any, Any]:
    """In the encoding of the request, refusals too, but for those from before it is known."""
    answers: dict[Any, Any] = {
        (200, _JSON): OpenApiResponse(Taken, "What was not stored of it, and why."),
        (200, _PROTOBUF): OpenApiResponse(OpenApiTypes.BINARY),
    }
    for status, refusal in _refusals(_POSTING, TelemetryError).items():
        answers[status, _JSON] = refusal
        answers[status, _PROTOBUF] = OpenApiResponse(OpenApiTypes.BINARY, _SAID[status])
    return answers


def _header(name: str, text: str, *statuses: int) -> OpenApiParameter:
    return OpenApiParameter(
        name, location=OpenApiParameter.HEADER, description=text, response=list(statuses)
    )


# Security requirements, of which the stubs think as names. None is needed on loopback.
_NOBODY: Any = [{}]
_READER: Any = [{}, {"pair": []}]
_WRITER: Any = [{}, {"token": []}, {"pair": []}]
_RETRY = _header("Retry-After", "Seconds.", 429, 503)
_WAY_IN = _header("WWW-Authenticate", "How to sign in.", 401)

METRICS = extend_schema(
    summary="Totals, parts and a series",
    description="Of all time, by hours of UTC with requests, where nothing else is asked for.",
    parameters=[*_parameters(METRICS_QUESTION), _RETRY, _WAY_IN],
    responses={200: ReportAnswer, **_refusals((*_READING, 406))},
    auth=_READER,
)
PROMETHEUS = extend_schema(
    summary="Counters and latency histograms of all time, as OpenMetrics text",
    description="For Prometheus, whatever its Accept header says.",
    parameters=[*_parameters(SCRAPE), _RETRY, _WAY_IN],
    responses={(200, "application/openmetrics-text"): OpenApiTypes.STR, **_refusals(_READING)},
    auth=_READER,
)
NOW = extend_schema(
    summary="What comes of each source and token, and what does not; and upstream accounts",
    description="Last seen, rows, calls without usage, what is passed over, rejected and refused; "
    "of accounts the quota windows, as their providers told them last.",
    parameters=[*_parameters(NOW_QUESTION), _RETRY, _WAY_IN],
    responses={200: Now, **_refusals((*_READING, 406))},
    auth=_READER,
)
LIST_USAGE = extend_schema(
    summary="Raw rows, newest first; or a CSV or NDJSON export",
    description="An Accept header that names an export and no JSON asks for it as well.",
    parameters=[*_parameters(ROWS_QUESTION), _RETRY, _WAY_IN],
    responses={
        (200, _JSON): UsagePage,
        (200, "text/csv"): OpenApiTypes.STR,
        (200, _NDJSON): OpenApiTypes.STR,
        **_refusals((*_READING, 406)),
    },
    auth=_READER,
)
STORE_USAGE = extend_schema(
    summary="Store rows: an object, an array, {metrics: […]} or NDJSON",
    description="All or none, unless `partial`. A body may be compressed (Content-Encoding: gzip).",
    parameters=[
        *_parameters(POST_OF_ROWS),
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 255},
            location=OpenApiParameter.HEADER,
            description="A resend with it is a no-op.",
        ),
        _header("Idempotency-Replayed", "`true` where a post with that key came before.", 201),
        _RETRY,
        _WAY_IN,
    ],
    request={_JSON: _ROWS, _NDJSON: OpenApiTypes.STR},
    responses={201: Stored, **_refusals((*_POSTING, 409))},
    auth=_WRITER,
)
_NOTHING_TO_STORE = OpenApiResponse(Stored, "None of it was a call of a model.")
STORE_LITELLM = extend_schema(
    summary="Store what LiteLLM's generic API callback sends",
    description="Its json_array, ndjson and single. What can be stored is, the rest is listed.",
    request={_JSON: _CALLS},
    parameters=[_RETRY, _WAY_IN],
    responses={201: Stored, 200: _NOTHING_TO_STORE, **_refusals(_POSTING)},
    auth=_WRITER,
)
_TELEMETRY = {_PROTOBUF: OpenApiTypes.BINARY, _JSON: OpenApiTypes.OBJECT}
STORE_TRACES = extend_schema(
    summary="OTLP/HTTP: store the spans that are calls of a model",
    description="Langfuse's clients have a path of their own, where the password is the token.",
    request=_TELEMETRY,
    parameters=[_RETRY, _WAY_IN],
    responses=_telemetry_answers(),
    auth=_WRITER,
)
STORE_LOGS = extend_schema(
    summary="OTLP/HTTP: store the calls that coding agents tell in log events",
    description="All other records are passed over.",
    request=_TELEMETRY,
    parameters=[_RETRY, _WAY_IN],
    responses=_telemetry_answers(),
    auth=_WRITER,
)
DROP_TELEMETRY = extend_schema(
    summary="OTLP/HTTP: taken and not stored",
    description="Metrics repeat the spans and logs.",
    request=_TELEMETRY,
    parameters=[_RETRY, _WAY_IN],
    responses=_telemetry_answers(),
    auth=_WRITER,
)
HEALTH = extend_schema(
    summary="Whether the portal can store usage",
    description="Open to all, and tells no secret.",
    parameters=[_RETRY],
    responses={
        200: Health,
        **_refusals(_ALWAYS),
        503: OpenApiResponse(Unhealthy, "It cannot."),
    },
    auth=_NOBODY,
)

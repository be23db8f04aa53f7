"""OpenTelemetry's OTLP/HTTP: calls in traces and logs are stored; metrics are taken and dropped."""

import datetime as dt
from collections.abc import Callable, Iterable
from types import ModuleType

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema_view

from usage.api import errors
from usage.api.parsers import parse_with
from usage.api.posts import Delivery, PostView, Way
from usage.api.schema import DROP_TELEMETRY, STORE_LOGS, STORE_TRACES
from usage.api.set_up_warning import warning_for
from usage.api.shapes.outcomes import TelemetryError
from usage.asking.refusal import ApiError
from usage.exception_gate import Refusal
from usage.heard import METRICS, Heard
from usage.intake.agents import readers
from usage.intake.otlp import calls, json, json_logs, protobuf, protobuf_logs
from usage.intake.otlp.passed_over import service_in
from usage.intake.parsed import ParsedRows
from usage.recording import record_checked
from usage.records import FieldError, InvalidRow

_ENCODINGS: dict[str, ModuleType] = {each.MEDIA_TYPE: each for each in (protobuf, json)}
_LOGS: dict[ModuleType, ModuleType] = {protobuf: protobuf_logs, json: json_logs}


def _take_traces(delivery: Delivery) -> HttpResponse:
    encoding = _encoding_of(delivery.request)
    return _take(
        delivery, lambda body, now: calls.records_of(encoding.spans(body), now), encoding.answer
    )


def _take_logs(delivery: Delivery) -> HttpResponse:
    logs, heard = _LOGS[_encoding_of(delivery.request)], Heard()
    return _take(
        delivery,
        lambda body, now: readers.records_of(logs.events(body, heard), now, heard),
        logs.answer,
    )


def _take(
    delivery: Delivery,
    records_of: Callable[[bytes, dt.datetime], ParsedRows],
    answer: Callable[[int, str], bytes],
) -> HttpResponse:
    def parsed(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
        return records_of(b"".join(pieces), now)

    rows = parse_with(parsed, delivery.request, delivery.share)
    record_checked(
        rows.records,
        sender=delivery.sender,
        traces=rows.traces,
        origin=delivery.origin,
        heard=rows.heard,
    )
    media_type = _encoding_of(delivery.request).MEDIA_TYPE
    message = _first_fault(rows)
    if not (rows.records or rows.bad_rows):
        message = warning_for(delivery.origin, rows.heard)
    return HttpResponse(answer(rows.bad_rows, message), media_type)


def _drop(delivery: Delivery) -> HttpResponse:
    encoding = _encoding_of(delivery.request)

    def looked_at(pieces: Iterable[bytes], _: dt.datetime) -> bytes:
        # Of what is dropped, only the beginning is held, and that of each piece.
        pieces = iter(pieces)
        first = next(pieces, b"")
        encoding.refuse_empty(b"".join(each.strip()[:1] for each in (first, *pieces)))
        return first

    first = parse_with(looked_at, delivery.request, delivery.share)
    heard = Heard()
    heard.pass_over(METRICS, service_in(first))
    record_checked((), origin=delivery.origin, heard=heard)
    warning = warning_for(delivery.origin, heard)
    return HttpResponse(encoding.answer(0, warning), encoding.MEDIA_TYPE)


def _encoding_of(request: HttpRequest) -> ModuleType:
    encoding = _ENCODINGS.get(request.content_type or "")
    if encoding is None:
        raise ApiError(415, f"send OTLP with Content-Type {' or '.join(_ENCODINGS)}")
    return encoding


def _first_fault(rows: ParsedRows) -> str:
    """What is wrong with the first call that cannot be stored."""
    faults = [fault for fault in rows.errors if fault.index == rows.errors[0].index]
    return str(InvalidRow([FieldError(fault.field, fault.error) for fault in faults]))


def _refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """An error as OTLP wants it: google.rpc.Status in the request's encoding."""
    if request.content_type == protobuf.MEDIA_TYPE:
        body, media_type = protobuf.status(refusal.sentence), protobuf.MEDIA_TYPE
        return HttpResponse(body, media_type, refusal.status, headers=dict(refusal.headers))
    error = TelemetryError(refusal.sentence, message=refusal.sentence, **refusal.details)
    return errors.json_answer(error, refusal.status, refusal.headers)


@extend_schema_view(post=STORE_TRACES)
class TracesView(PostView):
    way = Way(_take_traces, _refuse)


@extend_schema_view(post=STORE_TRACES)
class LangfuseTracesView(PostView):
    """For Langfuse's clients, which send a pair of keys: the secret one is the ingest token."""

    way = Way(_take_traces, _refuse, takes_basic_tokens=True)


@extend_schema_view(post=STORE_LOGS)
class LogsView(PostView):
    """Coding agents tell their calls in log events; all other records are passed over."""

    way = Way(_take_logs, _refuse)


@extend_schema_view(post=DROP_TELEMETRY)
class DroppedView(PostView):
    """Exporters of metrics are told that all is well: what they send repeats spans and logs."""

    way = Way(_drop, _refuse, stores=False)

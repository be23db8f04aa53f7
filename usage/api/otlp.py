"""OpenTelemetry's OTLP/HTTP: traces are stored; metrics and logs are taken and dropped."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.access import require_writer
from usage.api import errors
from usage.api.errors import ApiError
from usage.api.parsers import parse_with, require_enabled, room
from usage.api.schema import DROP_TELEMETRY, STORE_TRACES
from usage.intake.otlp import calls, json, protobuf
from usage.recording import record_batch
from usage.records import InvalidRow, UsageRecord

_ENCODINGS = {each.MEDIA_TYPE: each for each in (protobuf, json)}


class _Read(NamedTuple):
    records: list[UsageRecord]
    rejected: int
    first_fault: str


class _AsAsked(BaseContentNegotiation):
    """Answers are in the encoding of the request, whatever its Accept header says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class _TelemetryView(APIView):
    permission_classes = [AllowAny]  # writers are named in `_answer`
    content_negotiation_class = _AsAsked
    takes_basic_tokens = False

    def _answer(self, request: Request, take: Callable[[HttpRequest, Any], bytes]) -> HttpResponse:
        posted = request._request
        media_type = posted.content_type or ""
        encoding = _ENCODINGS.get(media_type)
        if encoding is None:
            raise ApiError(415, f"send OTLP with Content-Type {' or '.join(_ENCODINGS)}")
        response = self._stored(posted, lambda each: HttpResponse(take(each, encoding), media_type))
        if response.status_code >= 400:
            return _as_status(response, encoding)
        return response

    def _stored(
        self, posted: HttpRequest, view: Callable[[HttpRequest], HttpResponse]
    ) -> HttpResponse:
        @errors.answered
        def checked(posted: HttpRequest) -> HttpResponse:
            require_writer(posted, basic_tokens=self.takes_basic_tokens)
            return view(posted)

        return checked(posted)


class TracesView(_TelemetryView):
    @STORE_TRACES
    def post(self, request: Request) -> HttpResponse:
        return self._answer(request, _take_traces)


class LangfuseTracesView(TracesView):
    """For Langfuse's clients, which send a pair of keys: the secret one is the ingest token."""

    takes_basic_tokens = True


class DroppedView(_TelemetryView):
    """Exporters of metrics and logs are told that all is well: what they send repeats the spans."""

    @DROP_TELEMETRY
    def post(self, request: Request) -> HttpResponse:
        return self._answer(request, _drop)


def _take_traces(posted: HttpRequest, encoding: Any) -> bytes:
    require_enabled()
    with room.share() as share:
        read = parse_with(lambda pieces, now: _read(encoding.spans, pieces, now), posted, share)
        record_batch(read.records)
    answer: bytes = encoding.answer(read.rejected, read.first_fault)
    return answer


def _read(
    spans: Callable[[bytes], Iterable[Any]], pieces: Iterable[bytes], now: dt.datetime
) -> _Read:
    records, rejected, first_fault = [], 0, ""
    for span in spans(b"".join(pieces)):
        if not calls.is_call(span):
            continue
        try:
            records.append(calls.record_of(span, now))
        except InvalidRow as error:
            rejected += 1
            first_fault = first_fault or str(error)
    return _Read(records, rejected, first_fault)


def _drop(posted: HttpRequest, encoding: Any) -> bytes:
    with room.share() as share:
        parse_with(lambda pieces, _: [None for _ in pieces], posted, share)
    return b"" if encoding is protobuf else b"{}"


def _as_status(response: HttpResponse, encoding: Any) -> HttpResponse:
    """An error as OTLP wants it: google.rpc.Status in the request's encoding."""
    body = msgspec.json.decode(response.content)
    if encoding is protobuf:
        response.content = protobuf.status(body["error"])
        response["Content-Type"] = protobuf.MEDIA_TYPE
    else:
        response.content = msgspec.json.encode(body | {"message": body["error"]})
    return response

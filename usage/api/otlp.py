"""OpenTelemetry's OTLP/HTTP: traces are stored; metrics and logs are taken and dropped."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from usage.access.rules import require_writer, sender_of
from usage.api import errors
from usage.api.parsers import parse_with, require_enabled, room
from usage.api.schema import DROP_TELEMETRY, STORE_TRACES
from usage.asking.refusal import ApiError
from usage.intake.otlp import calls, json, protobuf
from usage.intake.parsed import ParsedRows
from usage.recording import record_checked
from usage.records import FieldError, InvalidRow

_ENCODINGS = {each.MEDIA_TYPE: each for each in (protobuf, json)}


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

    def _answer(
        self, request: Request, take: Callable[[HttpRequest, Any, str], bytes]
    ) -> HttpResponse:
        posted = request._request
        media_type = posted.content_type or ""
        encoding = _ENCODINGS.get(media_type)
        if encoding is None:
            raise ApiError(415, f"send OTLP with Content-Type {' or '.join(_ENCODINGS)}")

        @errors.answered
        def answered(posted: HttpRequest) -> HttpResponse:
            writer = require_writer(posted, basic_tokens=self.takes_basic_tokens)
            return HttpResponse(take(posted, encoding, sender_of(posted, writer)), media_type)

        response = answered(posted)
        return _as_status(response, encoding) if response.status_code >= 400 else response


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


def _take_traces(posted: HttpRequest, encoding: Any, sender: str) -> bytes:
    require_enabled()
    with room.share() as share:
        rows = parse_with(
            lambda pieces, now: calls.records_of(encoding.spans(b"".join(pieces)), now),
            posted,
            share,
        )
        record_checked(rows.records, sender=sender)
    answer: bytes = encoding.answer(rows.bad_rows, _first_fault(rows))
    return answer


def _first_fault(rows: ParsedRows) -> str:
    """What is wrong with the first call that cannot be stored."""
    faults = [fault for fault in rows.errors if fault.index == rows.errors[0].index]
    return str(InvalidRow([FieldError(fault.field, fault.error) for fault in faults]))


def _drop(posted: HttpRequest, encoding: Any, sender: str) -> bytes:
    with room.share() as share:
        parse_with(
            # Of what is dropped, only the beginning of each piece is held.
            lambda pieces, _: encoding.refuse_empty(b"".join(each.strip()[:1] for each in pieces)),
            posted,
            share,
        )
    answer: bytes = encoding.answer(0, "")
    return answer


def _as_status(response: HttpResponse, encoding: Any) -> HttpResponse:
    """An error as OTLP wants it: google.rpc.Status in the request's encoding."""
    body = msgspec.json.decode(response.content)
    if encoding is protobuf:
        response.content = protobuf.status(body["error"])
        response["Content-Type"] = protobuf.MEDIA_TYPE
    else:
        response.content = msgspec.json.encode(body | {"message": body["error"]})
    return response

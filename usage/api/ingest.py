"""`POST /_qs/usage`: stores rows, all or none, and names every row that it cannot store."""

import hashlib
from dataclasses import asdict
from typing import Any, cast

from django.conf import settings
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from usage.access import require_writer
from usage.api import parameters
from usage.api.errors import ApiError
from usage.api.parsers import PostedRows
from usage.intake.native import ParsedRows
from usage.recording import KeyReused, Post, RecordingResult, record_batch, record_once

_MOST_KEY_CHARACTERS = 255


def ingest(request: Request) -> Response:
    """Store the rows of a post and answer how many were new."""
    writer = require_writer(request._request)
    parameters.refuse_unknown(request.query_params, ["partial"])
    if not settings.USAGE_STATISTICS_ENABLED:
        raise ApiError(
            503, "metrics are disabled: set METRICS_ENABLED and USAGE_STATISTICS_ENABLED to true"
        )
    if "*" in request.content_type:  # no parser's type, though it matches each
        raise UnsupportedMediaType(request.content_type)
    _require_length(request)
    partial = parameters.flag(request.query_params, "partial")
    key = _idempotency_key(request)
    posted = cast("PostedRows", request.data)
    rows = posted.rows
    if rows.errors and not partial:
        raise ApiError(400, _summary(rows), errors=_named(rows), bad_rows=rows.bad_rows)
    if key is None:
        return Response(_answer(rows, record_batch(rows.records), partial), status=201)
    post = Post(writer, key, hashlib.sha256(posted.body).hexdigest())
    try:
        answer, replayed = record_once(
            post, rows.records, lambda result: _answer(rows, result, partial)
        )
    except KeyReused:
        raise ApiError(
            409, "this Idempotency-Key came with another body: use a new key for new rows"
        ) from None
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return Response(answer, status=201, headers=headers)


def _require_length(request: Request) -> None:
    """Servers that mark the end of input pass on the client's own length, or none."""
    if request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH"):
        raise ApiError(411, "send Content-Length, or Transfer-Encoding: chunked")
    if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
        raise ApiError(400, 'the body is empty: send a row such as {"model": "gpt-5"}')


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _MOST_KEY_CHARACTERS or not key.isprintable():
        raise ApiError(
            400, f"Idempotency-Key must be 1 to {_MOST_KEY_CHARACTERS} printable characters"
        )
    return key


def _answer(rows: ParsedRows, result: RecordingResult, partial: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"accepted": result.accepted, "duplicates": result.duplicates}
    if partial:
        answer |= {"rejected": rows.bad_rows, "errors": _named(rows)}
    return answer


def _named(rows: ParsedRows) -> list[dict[str, Any]]:
    return [asdict(error) for error in rows.errors]


def _summary(rows: ParsedRows) -> str:
    count = "1 row" if rows.bad_rows == 1 else f"{rows.bad_rows} rows"
    return f"{count} cannot be stored, so none was: mend what `errors` names, or add ?partial=true"

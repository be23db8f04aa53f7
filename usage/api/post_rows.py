"""`POST /_qs/usage`: stores rows, all or none, and names every row that it cannot store."""

import msgspec
from django.http import HttpRequest, HttpResponse

from usage.api import errors
from usage.api.parsers import BodyDigest, parse_body, require_length
from usage.api.posts import Delivery, Way
from usage.api.questions import PARTIAL, POST_OF_ROWS
from usage.api.shapes.outcomes import stored_of
from usage.asking import parameters
from usage.asking.declared import parameter_names
from usage.asking.refusal import ApiError
from usage.heard import Origin
from usage.intake.parsed import ParsedRows
from usage.recording import (
    KeyReused,
    Post,
    record_checked,
    record_once,
)
from usage.recording.unwritten import note

_MOST_KEY_CHARACTERS = 255


def _take(delivery: Delivery) -> HttpResponse:
    """Store the rows of a post and answer how many were new."""
    partial = _wants_partial(delivery.request)
    require_length(delivery.request)
    key = _idempotency_key(delivery.request)
    if key is None:
        rows = _storable(parse_body(delivery.request, delivery.share), partial, delivery.origin)
        result = record_checked(
            rows.records, sender=delivery.sender, origin=delivery.origin, heard=rows.heard
        )
        return errors.json_answer(stored_of(rows, result, with_faults=partial), 201)
    digest = BodyDigest()
    rows = _storable(parse_body(delivery.request, delivery.share, digest), partial, delivery.origin)
    return _answer_once(Post(delivery.writer, key, str(digest)), rows, partial, delivery)


USAGE = Way(_take)


def _answer_once(post: Post, rows: ParsedRows, partial: bool, delivery: Delivery) -> HttpResponse:
    try:
        answer, replayed = record_once(
            post,
            rows.records,
            lambda result: msgspec.to_builtins(stored_of(rows, result, with_faults=partial)),
            sender=delivery.sender,
            origin=delivery.origin,
            heard=rows.heard,
        )
    except KeyReused:
        raise ApiError(
            409, "this Idempotency-Key came with another body: use a new key for new rows"
        ) from None
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    return errors.json_answer(answer, 201, headers)


def _storable(rows: ParsedRows, partial: bool, origin: Origin) -> ParsedRows:
    if rows.errors and not partial:
        note(rows.heard.entries(origin))
        raise ApiError(400, _summary(rows), errors=rows.errors, bad_rows=rows.bad_rows)
    return rows


def _wants_partial(request: HttpRequest) -> bool:
    if not request.META.get("QUERY_STRING"):
        return False
    parameters.refuse_unknown(request.GET, parameter_names(POST_OF_ROWS))
    return PARTIAL.of(request.GET)


def _idempotency_key(request: HttpRequest) -> str | None:
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not 0 < len(key) <= _MOST_KEY_CHARACTERS or not key.isprintable():
        raise ApiError(
            400, f"Idempotency-Key must be 1 to {_MOST_KEY_CHARACTERS} printable characters"
        )
    return key


def _summary(rows: ParsedRows) -> str:
    count = "1 row" if rows.bad_rows == 1 else f"{rows.bad_rows} rows"
    return f"{count} cannot be stored, so none was: mend what `errors` names, or add ?partial=true"

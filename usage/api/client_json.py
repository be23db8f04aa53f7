"""JSON in a shape of the client's own, from one of which `usage/intake` has a reader."""

import datetime as dt
from collections.abc import Callable, Iterable

from django.http import HttpResponse

from usage.api import errors
from usage.api.parsers import parse_with, require_length
from usage.api.posts import Delivery, Way
from usage.api.shapes.outcomes import stored_of
from usage.asking.refusal import ApiError
from usage.intake.parsed import ParsedRows
from usage.recording import record_checked
from usage.recording.unwritten import note


def way_of(client: str, parse: Callable[[bytes, dt.datetime], ParsedRows]) -> Way:
    """Stores what can be stored: such clients send a batch once, so one bad record must not cost
    the others."""

    def parsed(pieces: Iterable[bytes], now: dt.datetime) -> ParsedRows:
        return parse(b"".join(pieces), now)

    def take(delivery: Delivery) -> HttpResponse:
        # Never another type: a web page elsewhere can send those without asking.
        if delivery.request.content_type != "application/json":
            message = f"send the body with Content-Type application/json, as {client} does"
            raise ApiError(415, message)
        require_length(delivery.request)
        return _stored(parse_with(parsed, delivery.request, delivery.share), delivery)

    return Way(take)


def _stored(rows: ParsedRows, delivery: Delivery) -> HttpResponse:
    if rows.bad_rows and not rows.records:
        note(rows.heard.entries(delivery.origin))
        raise ApiError(
            400,
            "no record can be stored: `errors` says why",
            errors=rows.errors,
            bad_rows=rows.bad_rows,
        )
    result = record_checked(
        rows.records,
        sender=delivery.sender,
        told=rows.told,
        origin=delivery.origin,
        heard=rows.heard,
    )
    stored = stored_of(rows, result, with_faults=bool(rows.bad_rows))
    return errors.json_answer(stored, 201 if rows.records else 200)

"""`GET /_qs/usage`: raw rows, newest first, a page at a time or exported whole."""

import base64
import binascii
import datetime as dt
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from usage import export
from usage.api import parameters
from usage.api.errors import ApiError
from usage.models import UsageMetricQuerySet
from usage.periods import parse_moment

DEFAULT_LIMIT = 100
MOST_ROWS = 1000
_OTHERS = ("limit", "cursor", "format", "with_excluded")
_FORMATS = ("json", "csv", "ndjson")
_MEDIA_TYPES = {"text/csv": "csv", "application/x-ndjson": "ndjson"}


class RowsNegotiation(DefaultContentNegotiation):
    """An Accept header may ask for an export too; errors are JSON all the same."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if not _accepted_export(request):
                raise
            return renderers[0], renderers[0].media_type


def list_or_export(request: Request) -> HttpResponseBase:
    query = request.query_params
    parameters.refuse_unknown(query, [*parameters.FILTERS, *_OTHERS])
    wanted_rows = parameters.usage_filter(query)
    with_excluded = parameters.flag(query, "with_excluded")
    rows = wanted_rows.rows_and_excluded() if with_excluded else wanted_rows.rows()
    rows = rows.newest_first()
    wanted = parameters.single(query, "format") or _accepted_export(request) or "json"
    if wanted not in _FORMATS:
        raise ApiError(400, f"`format` must be {', '.join(_FORMATS)}", parameter="format")
    if wanted != "json":
        return export.download(rows, wanted)
    return _page(rows, _limit(query), parameters.single(query, "cursor"))


def _accepted_export(request: Request) -> str | None:
    """The export that an Accept header names, when JSON is not named too."""
    accepted = request.headers.get("Accept", "")
    if "application/json" in accepted or "*/*" in accepted:
        return None
    return next((name for media, name in _MEDIA_TYPES.items() if media in accepted), None)


def _page(rows: UsageMetricQuerySet, limit: int, cursor: str) -> Response:
    if cursor:
        rows = rows.earlier_than(*_position(cursor))
    found = [export.json_row(values) for values in rows.values_list(*export.COLUMNS)[: limit + 1]]
    page = found[:limit]
    return Response(
        {"usage": page, "next_cursor": _cursor(page[-1]) if len(found) > limit else None}
    )


def _cursor(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['timestamp']} {row['id']}".encode()).decode()


def _position(cursor: str) -> tuple[dt.datetime, int]:
    try:
        timestamp, row_id = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").split(" ")
        if not row_id.isdigit() or len(row_id) > 18:
            raise ValueError
        return parse_moment(timestamp), int(row_id)
    except (binascii.Error, ValueError):
        raise ApiError(
            400, "`cursor` must be the next_cursor of an earlier answer", parameter="cursor"
        ) from None


def _limit(query: Any) -> int:
    text = parameters.single(query, "limit")
    if not text:
        return DEFAULT_LIMIT
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_ROWS))
    if not is_number or not 1 <= int(text) <= MOST_ROWS:
        raise ApiError(
            400, f"`limit` must be a whole number from 1 to {MOST_ROWS}", parameter="limit"
        )
    return int(text)

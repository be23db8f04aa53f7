"""`GET /_qs/usage`: raw rows, newest first, a page at a time or exported whole."""

import base64
import binascii

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from usage import export
from usage.account_labels import AccountLabels
from usage.answered_row import COLUMNS, UsageRow, label_of
from usage.api.errors import json_answer
from usage.api.negotiation import RefusesOtherData
from usage.api.questions import CURSOR, FORMAT, ROWS, ROWS_QUESTION, WITH_EXCLUDED
from usage.api.shapes.listing import UsagePage
from usage.asking import parameters
from usage.asking.declared import parameter_names
from usage.asking.refusal import ApiError
from usage.periods import parse_moment, rfc3339
from usage.queries import NewestRows, Position

_MEDIA_TYPES = {"text/csv": "csv", "application/x-ndjson": "ndjson"}


class RowsNegotiation(RefusesOtherData):
    """An Accept header may ask for an export too; errors are JSON all the same."""

    def refuses(self, request: Request) -> bool:
        return super().refuses(request) and not _accepted_export(request)


def list_or_export(request: Request) -> HttpResponseBase:
    query = request.query_params
    parameters.refuse_unknown(query, parameter_names(ROWS_QUESTION))
    wanted = parameters.usage_filter(query, parameters.ROW_FILTERS)
    rows = NewestRows(wanted, COLUMNS, with_excluded=WITH_EXCLUDED.of(query))
    form = parameters.single(query, FORMAT.name) or _accepted_export(request) or FORMAT.default
    if form not in FORMAT.choices:
        raise ApiError(400, f"`format` must be {', '.join(FORMAT.choices)}", parameter=FORMAT.name)
    if form != FORMAT.default:
        return export.download(rows.all(), form)
    return _page(rows, ROWS.of(query), CURSOR.of(query))


def _accepted_export(request: Request) -> str | None:
    """The export that an Accept header names, when JSON is not named too."""
    accepted = request.headers.get("Accept", "")
    if "application/json" in accepted or "*/*" in accepted:
        return None
    return next((name for media, name in _MEDIA_TYPES.items() if media in accepted), None)


def _page(rows: NewestRows, limit: int, cursor: str) -> HttpResponse:
    found = rows.page(limit, _position(cursor) if cursor else None)
    labels = AccountLabels()
    page = [UsageRow(*values, label_of(values, labels)) for values in found.rows]
    return json_answer(UsagePage(page, _cursor(found.next) if found.next else None))


def _cursor(position: Position) -> str:
    timestamp, row_id = position
    return base64.urlsafe_b64encode(f"{rfc3339(timestamp)} {row_id}".encode()).decode()


def _position(cursor: str) -> Position:
    try:
        timestamp, row_id = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").split(" ")
        if not row_id.isdigit() or len(row_id) > 18:
            raise ValueError
        return parse_moment(timestamp), int(row_id)
    except (binascii.Error, ValueError):
        raise ApiError(
            400, "`cursor` must be the next_cursor of an earlier answer", parameter="cursor"
        ) from None

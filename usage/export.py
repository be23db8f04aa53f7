"""Rows as CSV or NDJSON downloads, streamed in constant memory however many there are."""

import csv
import datetime as dt
import io
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from django.http import StreamingHttpResponse

from usage import spreadsheets
from usage.account_labels import AccountLabels
from usage.answered_row import ANSWERED, COLUMNS, UsageRow, label_of
from usage.long_requests import WhileSent, places
from usage.models import UsageMetricQuerySet
from usage.periods import rfc3339

Row = tuple[Any, ...]
_CHUNK = 2000


def download(rows: Iterable[Row], wanted: str, name: str = "usage") -> StreamingHttpResponse:
    """All rows as the file `name`.`wanted`, csv or ndjson, which is made while it is sent.

    Rows have the COLUMNS, and are read as they are needed.

    NoPlaceFree when too many threads are busy with such files.
    """
    place = places.take()
    lines, media_type = (
        (csv_lines(rows), "text/csv; charset=utf-8")
        if wanted == "csv"
        else (ndjson(rows), "application/x-ndjson")
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.{wanted}"'}
    try:
        # The first lines are made here, where trouble with the database can still be answered.
        first = next(lines, "")
    except BaseException:
        place.give_back()
        raise
    sent = WhileSent(itertools.chain([first], lines), place)
    return StreamingHttpResponse(sent, content_type=media_type, headers=headers)


def newest_first(rows: UsageMetricQuerySet) -> Iterator[Row]:
    """In constant memory."""
    for page in rows.pages(COLUMNS, _CHUNK):
        yield from page


def ndjson(rows: Iterable[Row]) -> Iterator[str]:
    labels = AccountLabels()
    for values in rows:
        yield msgspec.json.encode(UsageRow(*values, label_of(values, labels))).decode() + "\n"


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A header line, then a line for each row."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(ANSWERED)
    labels = AccountLabels()
    for values in rows:
        writer.writerow([_cell(value) for value in (*values, label_of(values, labels))])
        if line.tell() > 16_384:
            yield line.getvalue()
            line.seek(0)
            line.truncate()
    yield line.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    return spreadsheets.as_text(value) if isinstance(value, str) else value

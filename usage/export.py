"""Rows as CSV or NDJSON text, streamed in constant memory however many there are."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

from usage.models import UsageMetric, UsageMetricQuerySet
from usage.periods import rfc3339

COLUMNS = tuple(
    field.name for field in UsageMetric._meta.concrete_fields if field.name != "event_id"
)
_CHUNK = 2000
# A spreadsheet would run a cell that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_row(values: tuple[Any, ...]) -> dict[str, Any]:
    return {
        name: rfc3339(value) if isinstance(value, dt.datetime) else value
        for name, value in zip(COLUMNS, values, strict=True)
    }


def ndjson(rows: UsageMetricQuerySet) -> Iterator[str]:
    for values in _stream(rows):
        yield json.dumps(json_row(values), ensure_ascii=False, separators=(",", ":")) + "\n"


def csv_lines(rows: UsageMetricQuerySet) -> Iterator[str]:
    """A header line, then a line for each row."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    for values in _stream(rows):
        writer.writerow([_cell(value) for value in values])
        if line.tell() > 16_384:
            yield line.getvalue()
            line.seek(0)
            line.truncate()
    yield line.getvalue()


def _stream(rows: UsageMetricQuerySet) -> Iterator[tuple[Any, ...]]:
    return rows.values_list(*COLUMNS).iterator(chunk_size=_CHUNK)


def _cell(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value

"""Stores usage: one transaction a batch, an event at most once."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection

from usage.recording.transactions import write_transaction
from usage.records import FieldError, InvalidRow, UsageRecord, record_from

_COLUMNS = UsageRecord.__struct_fields__
_INSERT = (  # of our own column names
    f"INSERT INTO usage_metrics ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "
    "ON CONFLICT (timestamp, event_id) DO NOTHING"
)
_ADD_TO_TOTAL = (
    "INSERT INTO usage_recordedtotal (id, records) VALUES (1, %s) "
    "ON CONFLICT (id) DO UPDATE SET records = usage_recordedtotal.records + excluded.records"
)


@dataclass(frozen=True)
class RecordingResult:
    """Of the rows of a batch: how many are stored by it, how many were stored before."""

    accepted: int
    duplicates: int


def record_batch(rows: Iterable[UsageRecord | Mapping[str, Any]]) -> RecordingResult:
    """Store all rows in one transaction, or none; they are durable when this returns.

    Rows are records, or mappings of the contract's row fields. InvalidRow names every fault,
    the row's place in front; a DatabaseError means that nothing was stored.
    """
    records = _as_records(rows)
    if not records:
        return RecordingResult(0, 0)
    # One order for all writers: two batches that share events cannot deadlock.
    records.sort(key=lambda record: (record.timestamp, record.event_id or 0))
    adapt = connection.ops.adapt_datetimefield_value
    parameters = [
        (adapt(record.timestamp), *msgspec.structs.astuple(record)[1:]) for record in records
    ]
    with write_transaction(), connection.cursor() as cursor:
        cursor.executemany(_INSERT, parameters)
        accepted = cursor.rowcount
        if accepted:
            cursor.execute(_ADD_TO_TOTAL, [accepted])
    return RecordingResult(accepted, len(records) - accepted)


def record_usage(model: str, **fields: Any) -> bool:
    """Store one row of the contract's fields (`timestamp` defaults to now).

    False when its event was stored before; InvalidRow when a field cannot be stored.
    """
    record = record_from({"model": model, **fields}, dt.datetime.now(dt.UTC))
    return record_batch([record]).accepted == 1


def _as_records(rows: Iterable[UsageRecord | Mapping[str, Any]]) -> list[UsageRecord]:
    now = dt.datetime.now(dt.UTC)
    records: list[UsageRecord] = []
    faults: list[FieldError] = []
    for index, row in enumerate(rows):
        try:
            records.append(row if isinstance(row, UsageRecord) else record_from(row, now))
        except InvalidRow as error:
            faults += [FieldError(f"{index}.{f.field}", f.error) for f in error.faults]
    if faults:
        raise InvalidRow(faults)
    return records

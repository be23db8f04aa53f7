"""One row of the old file as a record: loose types made strict, and an identity of its own."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from usage.identity import event_identity
from usage.importing import go_timestamps
from usage.records import FieldError, IncomingRow, InvalidRow, UsageRecord, record_from

SOURCE = "import"
_FIELDS = IncomingRow.__struct_fields__
_WHOLE = tuple(name for name in _FIELDS if name.endswith("_tokens"))
_REAL = ("latency_ms", "ttft_ms", "cost_usd")
_TEXT = tuple(
    name for name in _FIELDS if name not in (*_WHOLE, *_REAL, "timestamp", "event_id", "source")
)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_REAL_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST_EVENT_ID = 2**63 - 1


def record_of(row: Mapping[str, Any], zone: dt.tzinfo, now: dt.datetime) -> UsageRecord:
    """The record that `row` stands for; InvalidRow lists its faults.

    `zone` is that of timestamps which name none.
    """
    values: dict[str, Any] = {name: _text(row.get(name)) for name in _TEXT}
    values |= {name: _whole(row.get(name)) for name in _WHOLE}
    values |= {name: _real(row.get(name)) for name in _REAL}
    values["model"] = (values["model"] or "").strip() or "unknown"
    try:
        values["timestamp"] = go_timestamps.parse(row.get("timestamp"), zone)
    except ValueError as error:
        raise InvalidRow([FieldError("timestamp", str(error))]) from None
    source = _text(row.get("source")) or SOURCE
    record = record_from({**values, "source": source}, now)
    return msgspec.structs.replace(record, event_id=_event_id(row, record))


def _event_id(row: Mapping[str, Any], record: UsageRecord) -> int:
    """A portal's own file keeps its events' identities; else the old id and the content count.

    The content is there because every old file counts its ids from 1; the file's name is not,
    because files move.
    """
    known = row.get("event_id")
    if isinstance(known, int) and 0 <= known <= _LARGEST_EVENT_ID:
        return known
    content = (
        record.timestamp.isoformat(timespec="microseconds"),
        record.model,
        record.prompt_tokens,
        record.completion_tokens,
        record.total_tokens,
        record.request_id,
        record.status,
        record.latency_ms,
        record.api_key_hash,
    )
    parts = "\x1f".join("" if part is None else str(part) for part in content)
    return event_identity(SOURCE, f"{_decoded(row.get('id'))}|{parts}")


def _decoded(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _text(value: Any) -> str | None:
    """Columns have no strict types in SQLite: ids and statuses may be numbers. "" is absent."""
    value = _decoded(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value) or None


def _whole(value: Any) -> Any:
    """An integer where the value means one; else itself, which the record refuses."""
    value = _decoded(value)
    if isinstance(value, str):
        value = value.strip()
        if _WHOLE_NUMBER.fullmatch(value):
            return int(value)
        return value or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _real(value: Any) -> Any:
    value = _decoded(value)
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _REAL_NUMBER.fullmatch(value) else value or None
    return value

"""One row of the old file as a record: loose types made strict, and an identity of its own."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from usage.identity import event_identity, joined_parts
from usage.importing import go_timestamps, loose
from usage.importing.source import SOURCE
from usage.incoming_row import IncomingRow
from usage.records import FieldError, InvalidRow, UsageRecord, record_from

_FIELDS = IncomingRow.__struct_fields__
_WHOLE = tuple(name for name in _FIELDS if name.endswith("_tokens"))
_REAL = ("latency_ms", "ttft_ms", "cost_usd")
_TEXT = tuple(
    name for name in _FIELDS if name not in (*_WHOLE, *_REAL, "timestamp", "event_id", "source")
)
_LARGEST_EVENT_ID = 2**63 - 1


def record_of(row: Mapping[str, Any], zone: dt.tzinfo, now: dt.datetime) -> UsageRecord:
    """The record that `row` stands for; InvalidRow lists its faults.

    `zone` is that of timestamps which name none.
    """
    values = strict_values(row, zone)
    values["model"] = str(values["model"] or "").strip() or "unknown"
    source = loose.text(row.get("source")) or SOURCE
    record = record_from({**values, "source": source}, now)
    return msgspec.structs.replace(record, event_id=_event_id(row, values, record))


def strict_values(row: Mapping[str, Any], zone: dt.tzinfo) -> dict[str, Any]:
    """The row's fields for `record_from`, but for event_id and source; InvalidRow without a time.

    What means no value of the field's type is left as it is, for `record_from` to refuse.
    """
    values: dict[str, Any] = {name: loose.text(row.get(name)) for name in _TEXT}
    values |= {name: loose.whole(row.get(name)) for name in _WHOLE}
    values |= {name: loose.real(row.get(name)) for name in _REAL}
    try:
        values["timestamp"] = go_timestamps.parse(row.get("timestamp"), zone)
    except ValueError as error:
        raise InvalidRow([FieldError("timestamp", str(error))]) from None
    return values


def _event_id(row: Mapping[str, Any], values: Mapping[str, Any], record: UsageRecord) -> int:
    """A portal's own file keeps its events' identities; else the old id and the content count.

    The content is there because every old file counts its ids from 1; the file's name is not,
    because files move. Texts count as they stand in the file, whatever the guard makes of them.
    """
    known = row.get("event_id")
    if isinstance(known, int) and 0 <= known <= _LARGEST_EVENT_ID:
        return known
    content = (
        record.timestamp.isoformat(timespec="microseconds"),
        values["model"],
        record.prompt_tokens,
        record.completion_tokens,
        record.total_tokens,
        values["request_id"],
        record.status,
        record.latency_ms,
        record.api_key_hash,
    )
    return event_identity(SOURCE, f"{loose.decoded(row.get('id'))}|{joined_parts(content)}")

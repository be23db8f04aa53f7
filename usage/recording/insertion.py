"""Raw rows into usage_metrics: as few statements as the engine allows, no ORM."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import IntegrityError, InternalError, connection

from usage.database import extensions, times
from usage.database.statements import execute_for_each, takes_streams
from usage.records import UsageRecord

_FIELDS = UsageRecord.__struct_fields__
_COLUMNS = (*_FIELDS, "created_at", "is_summed")
_QUOTED = {name: f'"{name}"' for name in _COLUMNS}  # PostgreSQL has a `user` of its own
_INTO = f"usage_metrics ({', '.join(_QUOTED.values())})"
_ONCE = "ON CONFLICT (timestamp, event_id) DO NOTHING"
_VALUES = f"INSERT INTO {_INTO} VALUES ({', '.join(['%s'] * len(_COLUMNS))}) {_ONCE}"
_COPY = f"COPY {_INTO} FROM STDIN"
_COPIED_FROM = 10  # rows; fewer cost less as values
_TYPES = dict.fromkeys(_FIELDS, "text") | {"timestamp": "timestamptz", "event_id": "bigint"}
_TYPES |= {name: "bigint" for name in _FIELDS if name.endswith("_tokens")}
_TYPES |= {name: "float8" for name in _FIELDS if name.endswith(("_ms", "_usd"))}
_TYPED = ", ".join(f"{_QUOTED[name]} {kind}" for name, kind in _TYPES.items())
_FROM_JSON = (
    f"INSERT INTO {_INTO} "
    f"SELECT {', '.join(_QUOTED[name] for name in _FIELDS)}, now(), excluded_as IS NULL "
    f"FROM json_to_recordset(%s) AS t({_TYPED}) {_ONCE} RETURNING timestamp, event_id"
)


def insert_rows(records: Sequence[UsageRecord]) -> int:
    """Insert the records whose events are not there yet; how many those were.

    IntegrityError where it takes `insert_and_tell` to find that out.
    """
    if takes_streams() and len(records) >= _COPIED_FROM:
        _copy(records)
        return len(records)
    return execute_for_each(_VALUES, _rows(records))


def _copy(records: Sequence[UsageRecord]) -> None:
    try:
        with (
            connection.cursor() as cursor,
            connection.wrap_database_errors,
            cursor.copy(_COPY) as copy,
        ):
            for row in _rows(records):
                copy.write_row(row)
    except InternalError as error:
        # What a node of Citus refuses in COPY, such as a second copy of an event, is all the same
        # to the coordinator. Whether it was that, the slower statement finds out.
        if not extensions.is_distributed():
            raise
        raise IntegrityError("a node refused the rows") from error


def insert_and_tell(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """As `insert_rows`, and slower; which ones were inserted."""
    inserted = []
    with connection.cursor() as cursor:
        if not takes_streams():
            for record, row in zip(records, _rows(records), strict=True):
                cursor.execute(_VALUES, row)
                inserted += [record] * cursor.rowcount
            return inserted
        cursor.execute(_FROM_JSON, [msgspec.json.encode(records).decode()])
        new = set(cursor.fetchall())
    for record in records:
        event = (record.timestamp, record.event_id)
        if record.event_id is None or event in new:
            inserted.append(record)
            new.discard(event)  # a second one of this batch was not inserted
    return inserted


def _rows(records: Sequence[UsageRecord]) -> list[tuple[Any, ...]]:
    as_tuple = msgspec.structs.astuple
    created_at = times.stored_now()
    completed_at = times.stored([record.timestamp for record in records])
    return [
        (time, *as_tuple(record)[1:], created_at, record.excluded_as is None)
        for time, record in zip(completed_at, records, strict=True)
    ]

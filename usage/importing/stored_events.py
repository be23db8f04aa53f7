"""What is stored of the events that an import has read."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from usage.records import UsageRecord


class StoredEvent(NamedTuple):
    tokens: int
    told_usd: float  # 0.0 where the record told no cost


def different(records: Sequence[UsageRecord]) -> list[UsageRecord]:
    """Of records of one event the last."""
    return list({(record.event_id, record.timestamp): record for record in records}.values())


def stored_events(records: Sequence[UsageRecord]) -> dict[int, StoredEvent]:
    """By the place of the record; without those that are not stored."""
    if not records:
        return {}
    adapt = connection.ops.adapt_datetimefield_value
    values = ", ".join(["(%s, %s, %s)"] * len(records))
    parameters = [
        value
        for place, record in enumerate(records)
        for value in (place, record.event_id, adapt(record.timestamp))
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH candidate (place, event_id, timestamp) AS (VALUES {values})"
            " SELECT candidate.place, stored.total_tokens, stored.cost_usd"
            # CROSS, so that SQLite begins with the candidates and looks each one up.
            " FROM candidate CROSS JOIN usage_metrics stored"
            " WHERE stored.timestamp = candidate.timestamp"
            " AND stored.event_id = candidate.event_id",
            parameters,
        )
        return {
            place: StoredEvent(tokens or 0, 0.0 if records[place].cost_usd is None else usd or 0.0)
            for place, tokens, usd in cursor.fetchall()
        }

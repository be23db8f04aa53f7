"""Rows for tests, quickly: real ones, through the only writer."""

import datetime as dt
from typing import Any

from usage.recording import record_batch

NOON = dt.datetime(2024, 1, 15, 12, tzinfo=dt.UTC)


def at(text: str) -> dt.datetime:
    """`at("2024-01-15 10:30")` in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def store(*rows: dict[str, Any]) -> None:
    """Store rows that say only what matters to a test."""
    record_batch([{"model": "m", "timestamp": NOON, **row} for row in rows])

"""Rows for tests, quickly: real ones, through the only writer."""

import csv
import datetime as dt
import io
from typing import Any

from django.test import RequestFactory
from model_bakery import baker

from usage.access.rules import require_writer
from usage.identity import hash_api_key
from usage.models import UsageMetric
from usage.recording import record_batch

ALICE, BOB = hash_api_key("alice"), hash_api_key("bob")
NOON = dt.datetime(2024, 1, 15, 12, tzinfo=dt.UTC)


def at(text: str) -> dt.datetime:
    """`at("2024-01-15 10:30")` in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def store(*rows: dict[str, Any]) -> None:
    """Store rows that say only what matters to a test."""
    record_batch([{"model": "m", "timestamp": NOON, **row} for row in rows])


def writer_with(token: str) -> str:
    """Who may write with it, as every post finds out; AccessDenied where it is not accepted."""
    request = RequestFactory().post("/", headers={"Authorization": f"Bearer {token}"})
    return require_writer(request, basic_tokens=False)


def four_rows() -> list[UsageMetric]:
    """Rows of three months, two models and two keys, and one of nulls."""
    common = {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}
    rows = [
        ("2024-01-15T10:00:00", "gpt-4o", "200", ALICE, "req-1"),
        ("2024-01-15T11:30:00", "claude", "429", BOB, "req-2"),
        ("2024-02-01T00:00:00", "gpt-4o", "500", ALICE, "req-3"),
        ("2025-06-30T23:59:59", "gpt-4o", None, None, None),
    ]
    return [
        baker.make(
            UsageMetric,
            timestamp=at(time),
            model=model,
            status=status,
            api_key_hash=key,
            request_id=request_id,
            **common,
        )
        for time, model, status, key, request_id in rows
    ]


def read_csv(response: Any) -> list[dict[str, str]]:
    """The lines of a streamed CSV answer."""
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(b"".join(response).decode())))

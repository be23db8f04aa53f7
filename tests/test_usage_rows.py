"""`GET /_qs/usage`: pages without gaps or repeats, exports of everything."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client

from tests.factory import at, store
from usage.export import ANSWERED

pytestmark = pytest.mark.django_db
URL = "/_qs/usage"


def pages(client: Client, **query: Any) -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get(URL, {**query, "cursor": cursor}).json()
        found.append(answer["usage"])
        cursor = answer["next_cursor"]
    return found


def text(answer) -> str:
    return b"".join(answer.streaming_content).decode()


def test_a_row_has_every_column_but_the_identity(client):
    store({"model": "ü", "status": 200, "latency_ms": 1.5, "event_id": "e", "source": "s"})
    (row,) = client.get(URL).json()["usage"]
    assert tuple(row) == ANSWERED
    assert row["timestamp"] == "2024-01-15T12:00:00Z"
    assert (row["model"], row["status"], row["latency_ms"], row["source"]) == ("ü", "200", 1.5, "s")


def test_pages_show_every_row_once_newest_first(client):
    store(*[{"timestamp": at("2024-01-15 10:00"), "request_id": str(n)} for n in range(7)])
    store(*[{"timestamp": at(f"2024-01-15 0{n}:00"), "request_id": f"early-{n}"} for n in range(4)])
    found = pages(client, limit=3)
    assert [len(page) for page in found] == [3, 3, 3, 2]
    order = [row["request_id"] for page in found for row in page]
    assert order == ["6", "5", "4", "3", "2", "1", "0", "early-3", "early-2", "early-1", "early-0"]


def test_rows_that_arrive_between_pages_are_not_repeated(client):
    store(*[{"request_id": str(n)} for n in range(4)])
    first = client.get(URL, {"limit": 2}).json()
    store({"request_id": "new"})
    second = client.get(URL, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["request_id"] for row in second["usage"]] == ["1", "0"]
    assert second["next_cursor"] is None


def test_a_filter_narrows_every_page(client):
    store(*[{"model": "a" if n % 2 else "b", "request_id": str(n)} for n in range(6)])
    order = [row["request_id"] for page in pages(client, model="a", limit=2) for row in page]
    assert order == ["5", "3", "1"]


def test_csv_exports_every_row_that_matches(client):
    store({"model": 'a,"b"\n'.strip(), "total_tokens": 5}, {"model": "=1+1"}, {"model": "z"})
    answer = client.get(URL, {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="usage.csv"'
    header, *rows = list(csv.reader(io.StringIO(text(answer))))
    assert tuple(header) == ANSWERED
    assert [row[header.index("model")] for row in rows] == ["z", "'=1+1", 'a,"b"']


def test_ndjson_exports_what_can_be_posted_back(client):
    store(*[{"model": "ü", "request_id": str(n), "total_tokens": 2**53} for n in range(3)])
    exported = text(client.get(URL, {"format": "ndjson"}))
    rows = [json.loads(line) for line in exported.splitlines()]
    assert [(row["request_id"], row["total_tokens"]) for row in rows] == [
        ("2", 2**53), ("1", 2**53), ("0", 2**53),
    ]  # fmt: skip
    answer = client.post(URL, exported, content_type="application/x-ndjson")
    assert answer.json() == {"accepted": 3, "duplicates": 0}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/json", "application/json"),
        ("text/csv, */*", "application/json"),
    ],
)
def test_the_accept_header_may_ask_for_an_export(client, accept: str, content_type: str):
    answer = client.get(URL, headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)


def test_errors_of_an_export_are_json(client):
    answer = client.get(URL, {"limit": "x", "status": "a\0"}, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")


def test_an_empty_export_is_a_header_or_nothing(client):
    assert text(client.get(URL, {"format": "csv"})).strip() == ",".join(ANSWERED)
    assert text(client.get(URL, {"format": "ndjson"})) == ""


def test_a_page_is_one_query(client, django_assert_num_queries):
    store(*[{}] * 5)
    with django_assert_num_queries(1):
        assert len(client.get(URL).json()["usage"]) == 5

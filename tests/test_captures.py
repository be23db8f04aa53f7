"""What real clients send becomes exactly the rows that it means, once, and no prompt is kept."""

import http.client
import sqlite3

import pytest

from tests.captures import CANARY, Capture, captures, incomplete
from tests.migrated import migrated
from tests.serving import Portal, serving
from usage.models import UsageMetric
from usage.pricing.sources import REPORTED

ALL = list(captures())


def send(portal: Portal, capture: Capture) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(portal.host, portal.port, timeout=30)
    body = capture.body
    pieces = (body[start : start + 500] for start in range(0, len(body), 500))
    try:
        connection.request(
            "POST",
            capture.path,
            pieces if capture.is_chunked else body,
            capture.headers,
            encode_chunked=capture.is_chunked,
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_none_lacks_a_part():
    assert incomplete() == []


@pytest.mark.parametrize("capture", ALL, ids=lambda capture: capture.name)
@pytest.mark.django_db
def test_a_request_becomes_its_rows(client, capture: Capture):
    extra = {"HTTP_CONTENT_ENCODING": "gzip"} if "content-encoding" in capture.headers else {}
    answer = client.post(
        capture.path, capture.body, content_type=capture.headers["content-type"], **extra
    )
    assert answer.status_code in (200, 201), answer.content
    rows = UsageMetric.objects.order_by("timestamp")
    for row, expected in zip(rows.values(), capture.rows, strict=True):
        if row["cost_source"] != REPORTED:  # `expected` has the costs that were reported
            row["cost_usd"] = None
        assert {name: row[name] for name in expected} == expected


def test_all_of_them_twice_over_sockets(tmp_path):
    assert len(ALL) > 25
    with serving(migrated(tmp_path)) as portal:
        for _ in range(2):
            for capture in ALL:
                status, answer = send(portal, capture)
                assert status in (200, 201), (capture.name, answer)
                assert CANARY.encode() not in answer
        pages = [
            portal.request("GET", path).body
            for path in ("/_qs/usage", "/_qs/usage?format=csv", "/_qs/metrics", "/_qs/metrics/ui")
        ]
        totals = portal.request("GET", "/_qs/metrics").json()["totals"]
    expected = [row for capture in ALL for row in capture.rows]
    assert totals["total_requests"] == len(expected)
    assert totals["total_tokens"] == sum(row["total_tokens"] for row in expected)
    with sqlite3.connect(portal.database) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()
        assert count == len({(row["timestamp"], row["event_id"]) for row in expected})
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    kept = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    assert not any(CANARY.encode() in each for each in (*kept, *pages, portal.output.encode()))

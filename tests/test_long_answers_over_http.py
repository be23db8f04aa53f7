"""The contract's own question past the bound, over a socket: whole, or visibly not."""

import datetime as dt
import http.client
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving import Portal, manage, serving

HOURS = 21_000
FIRST = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory):
    """One with a request in every hour of two and a half years."""
    folder: Path = tmp_path_factory.mktemp("long")
    assert manage(folder, "migrate", "-v0").returncode == 0
    times = (f"{FIRST + hour * dt.timedelta(hours=1):%Y-%m-%d %H:%M:%S}" for hour in range(HOURS))
    with closing(sqlite3.connect(folder / "metrics.db")) as database, database:
        database.executemany(
            "INSERT INTO usage_metrics (timestamp, model, total_tokens) VALUES (?, 'm', 2)",
            ((time,) for time in times),
        )
    assert manage(folder, "rebuild_rollups").returncode == 0
    with serving(folder) as portal:
        yield portal


def test_all_its_hours_come(portal: Portal):
    answer = portal.request("GET", "/_qs/metrics")
    assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
    found = answer.json()
    assert found["totals"]["total_requests"] == HOURS
    assert len(found["timeseries"]) == HOURS
    halves = [
        portal.request("GET", "/_qs/metrics?" + ends).json()["timeseries"]
        for ends in ("to=2024-01-01T00:59:59Z", "from=2024-01-01T01:00:00Z")
    ]
    assert found["timeseries"] == halves[0] + halves[1]


def test_it_comes_to_clients_of_http_1_0_as_well(portal: Portal):
    sent = portal.raw(b"GET /_qs/metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"200", head
    assert len(json.loads(body)["timeseries"]) == HOURS


def test_a_client_that_leaves_gives_its_turn_back(portal: Portal):
    for _ in range(3):
        connection = http.client.HTTPConnection(portal.host, portal.port, timeout=20)
        connection.request("GET", "/_qs/metrics")
        assert connection.getresponse().read(100).startswith(b'{"totals"')
        connection.close()
    assert portal.request("HEAD", "/_qs/metrics").status == 200
    assert len(portal.request("GET", "/_qs/metrics").json()["timeseries"]) == HOURS

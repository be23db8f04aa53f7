"""The contract's own question past the bound, over a socket: whole, or visibly not."""

import datetime as dt
import http.client
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from benchmarks import processes
from tests.migrated import migrated
from tests.serving import Portal, manage, serving

pytestmark = pytest.mark.process

HOURS = 21_000
FIRST = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory):
    """One with a request in every hour of two and a half years."""
    folder = migrated(tmp_path_factory.mktemp("long"))
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


def test_eight_large_questions_at_once_leave_memory_and_posts_alone(portal: Portal):
    paths = [
        "/_qs/metrics",
        "/_qs/metrics?model=m",
        "/_qs/metrics?from=2023-06-01&fill=true&group_by=status&compare=previous",
        "/_qs/metrics?interval=15m",
        "/_qs/metrics?interval=15m&from=2025-01-01&tz=Asia/Kathmandu",
        "/_qs/metrics/prometheus",
        "/_qs/usage?format=csv",
        "/?range=all",
    ]
    with ThreadPoolExecutor(len(paths)) as askers:
        answers = [askers.submit(portal.request, "GET", path) for path in 3 * paths]
        row = {"model": "m", "timestamp": FIRST.isoformat()}
        posted = [portal.request("POST", "/_qs/usage", row).status for _ in range(10)]
    assert posted == [201] * 10
    assert {answer.result().status for answer in answers} <= {200, 400, 503}
    assert sum(answer.result().status == 200 for answer in answers) >= len(paths)
    assert max(processes.peak_bytes(worker) for worker in portal.workers()) < 250 * 2**20

"""Two portals on one PostgreSQL, workers killed while clients post: nothing lost or doubled.

QSMETRICS_SOAK_SECONDS=300 makes the long run (four workers each, a kill every ten seconds);
`-s` shows its figures.
"""

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from tests.serving import Answer, Portal, manage, send, serving

SECONDS = float(os.environ.get("QSMETRICS_SOAK_SECONDS", "6"))
IS_LONG = SECONDS >= 60
WORKERS = 4 if IS_LONG else 2
CLIENTS = 16
KILL_EVERY = 10.0 if IS_LONG else 1.5
SECRET = "only-for-tests-" * 4
MODELS = [f"model-{n}" for n in range(5)]

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one portal"),
    pytest.mark.django_db,  # for the address of the server
]


class Client(threading.Thread):
    """Posts single rows or batches to both portals; sends each until it is acknowledged."""

    def __init__(self, name: str, portals: list[Portal], until: float) -> None:
        super().__init__(daemon=True)
        self.client = name
        self.acknowledged: list[str] = []
        self.resent = 0
        self.surprises: list[str] = []
        self._portals = portals
        self._until = until
        self._chance = random.Random(name)
        self._rows_a_post = self._chance.choice((1, 1, 20, 100))
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        number = 0
        while time.monotonic() < self._until and not self.surprises:
            number += 1
            rows = self._rows(number)
            headers = {"Idempotency-Key": f"{self.client}-{number}"} if number % 2 else {}
            while not self._is_acknowledged(rows, headers) and not self.surprises:
                self.resent += 1
                time.sleep(0.05)
            self.acknowledged += [row["request_id"] for row in rows]
        self._hang_up()

    def _rows(self, number: int) -> list[dict[str, str]]:
        now = datetime.now(UTC).isoformat()
        rows = [
            {"model": self._chance.choice(MODELS), "request_id": f"{self.client}-{number}-{row}",
             "total_tokens": 3, "api_key": self._chance.choice("abcdef"), "latency_ms": 5}
            for row in range(self._rows_a_post)
        ]  # fmt: skip
        if number % 2:
            return rows
        return [{**row, "timestamp": now, "event_id": row["request_id"]} for row in rows]

    def _is_acknowledged(self, rows: object, headers: dict[str, str]) -> bool:
        try:
            answer = self._send(rows, headers)
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return False
        if answer.status not in {201, 503}:
            self.surprises.append(f"{answer.status} {answer.body[:200]!r}")
        return answer.status == 201

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, rows: object, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            portal = self._chance.choice(self._portals)
            self._connection = http.client.HTTPConnection(portal.host, portal.port, timeout=30)
        return send(self._connection, "POST", "/_qs/usage", rows, headers)


def kill_workers(portals: list[Portal], until: float) -> int:
    killed = 0
    while (wait := min(KILL_EVERY, until - time.monotonic())) > 0:
        time.sleep(wait)
        with contextlib.suppress(IndexError, ProcessLookupError):
            os.kill(random.choice(random.choice(portals).workers()), signal.SIGKILL)
            killed += 1
    return killed


def test_rows_sums_and_acknowledgements_agree_whatever_dies(tmp_path, database_url):
    settings = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET,
        "METRICS_WORKERS": str(WORKERS),
    }
    with serving(tmp_path, **settings) as one, serving(tmp_path, **settings) as two:
        until = time.monotonic() + SECONDS
        clients = [Client(f"c{n}", [one, two], until) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        killed = kill_workers([one, two], until)
        for client in clients:
            client.join(timeout=60)
        checked = manage(tmp_path, "rebuild_rollups", "--check", **settings)
    promised = [row for client in clients for row in client.acknowledged]
    with psycopg.connect(database_url) as database:
        stored = [row for (row,) in database.execute("SELECT request_id FROM usage_metrics")]
        summed = database.execute("SELECT SUM(requests) FROM usage_rollups WHERE rollup = 3")
        requests = int(summed.fetchone()[0])
        deadlocks = database.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()[0]
    output = one.output + two.output
    print({
        "seconds": SECONDS, "workers killed": killed, "acknowledged rows": len(promised),
        "stored rows": len(stored), "requests in the sums": requests,
        "posts sent again": sum(client.resent for client in clients),
        "deadlocks": deadlocks, "second tries": output.count("trying a write again"),
    })  # fmt: skip
    assert [client.surprises for client in clients if client.surprises] == []
    assert not any(client.is_alive() for client in clients)
    assert killed >= 1
    assert sorted(stored) == sorted(promised)
    assert requests == len(promised) > 0
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Traceback" not in output

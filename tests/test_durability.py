"""A 201 means stored: through kill -9 at any moment nothing is lost, nothing resent doubled.

QSMETRICS_KILL_RUNS=20 makes more runs than the usual two; `-s` shows the figures of each.
"""

import collections
import datetime as dt
import http.client
import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from tests.migrated import migrated
from tests.serving import launch, send, serving, stopped_afterwards

pytestmark = pytest.mark.process

RUNS = int(os.environ.get("QSMETRICS_KILL_RUNS", "2"))
ROWS_A_POST = 10


@dataclass
class Client:
    """Posts batch after batch and remembers which were acknowledged, until nobody answers."""

    name: str
    has_keys: bool
    acknowledged: list[list[dict[str, str]]] = field(default_factory=list)
    unanswered: list[list[dict[str, str]]] = field(default_factory=list)
    surprises: list[object] = field(default_factory=list)

    def post_until_killed(self, host, port):
        with closing(http.client.HTTPConnection(host, port, timeout=20)) as connection:
            while not self.unanswered:
                rows = self._next_rows()
                try:
                    answer = send(connection, "POST", "/_qs/usage", rows, self._headers(rows))
                except (OSError, http.client.HTTPException):
                    self.unanswered.append(rows)
                    return
                if answer.status == 201:
                    self.acknowledged.append(rows)
                else:
                    self.surprises.append(answer)
                    return

    def resend(self, portal):
        """What a client does after a reconnect: the same rows under the same identity."""
        return [
            portal.request("POST", "/_qs/usage", rows, self._headers(rows))
            for rows in self.unanswered
        ]

    def _next_rows(self):
        number = len(self.acknowledged)
        rows = [
            {"model": "x", "request_id": f"{self.name}-{number}-{row}"}
            for row in range(ROWS_A_POST)
        ]
        if not self.has_keys:
            now = dt.datetime.now(dt.UTC).isoformat()
            rows = [{**row, "timestamp": now, "event_id": row["request_id"]} for row in rows]
        return rows

    def _headers(self, rows):
        return {"Idempotency-Key": rows[0]["request_id"]} if self.has_keys else {}


def kill_while_posting(folder, clients, seconds):
    """Serve, let the clients post, and end every process of the portal at once."""
    with stopped_afterwards(launch(folder)) as portal:
        address = (portal.host, portal.port)
        threads = [threading.Thread(target=c.post_until_killed, args=address) for c in clients]
        for thread in threads:
            thread.start()
        while not all(client.acknowledged or client.surprises for client in clients):
            time.sleep(0.01)
        time.sleep(seconds)
        portal.kill()
        for thread in threads:
            thread.join(timeout=30)


def kept_rows(database):
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT request_id FROM usage_metrics")
        counter = connection.execute(
            "SELECT SUM(requests) FROM usage_rollups WHERE rollup = 3"
        ).fetchone()[0]
        return collections.Counter(row[0] for row in rows), counter


@pytest.mark.parametrize("has_keys", [True, False], ids=["Idempotency-Key", "event_id"])
def test_rows_survive_a_kill_once_each(tmp_path, has_keys):
    runs = RUNS // 2 + (RUNS % 2 if has_keys else 0)
    clients, resent = [], []
    migrated(tmp_path)
    for run in range(runs):
        posting = [Client(f"{run}{name}", has_keys) for name in "abcd"]
        kill_while_posting(tmp_path, posting, random.uniform(0.05, 0.6))
        clients += posting
        with serving(tmp_path) as portal:
            resent += [answer for client in posting for answer in client.resend(portal)]
    kept, counter = kept_rows(tmp_path / "metrics.db")

    promised = [row for c in clients for batch in c.acknowledged for row in batch]
    unsure = [row for c in clients for batch in c.unanswered for row in batch]
    expected = {row["request_id"]: 1 for row in promised + unsure}
    figures = {
        "runs": runs,
        "posts": sum(len(c.acknowledged) + len(c.unanswered) for c in clients),
        "rows": len(expected),
        "acknowledged": len(promised),
        "resent": len(unsure),
        "stored before the kill already": sum(had_been_stored(answer) for answer in resent),
        "lost": sum(name not in kept for name in expected),
        "doubled": sum(count > 1 for count in kept.values()),
    }
    print(figures)
    assert [client.surprises for client in clients if client.surprises] == []
    assert {answer.status for answer in resent} == {201}
    assert len(promised) > 0
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert dict(kept) == expected
    assert counter == len(expected)


def had_been_stored(answer):
    """How many of a resent batch's rows the portal knew: none of them, or all."""
    replayed = answer.headers.get("Idempotency-Replayed") == "true"
    duplicates = answer.json()["duplicates"]
    assert duplicates in {0, ROWS_A_POST}
    return ROWS_A_POST if replayed else duplicates

"""Two portals under posts, resends, questions and a purge while their server restarts.

QSMETRICS_RESTARTS=10 makes a long run; `-s` shows the figures. SQLite has no server.
"""

import os
import subprocess
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connections

from tests import server_engine
from tests.engines.posting import Poster
from tests.serving import PROJECT, manage, serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        server_engine.engine() == "sqlite"
        or "ENGINE_FOLDER" not in os.environ
        or "PYTEST_XDIST_WORKER" in os.environ,
        reason="needs a server of its own: `.ci/with_engine`, without -n",
    ),
]
RESTARTS = int(os.environ.get("QSMETRICS_RESTARTS", "1"))
UNDISTURBED_SECONDS = 1.5
OLD = 600
QUESTIONS = (
    "/_qs/metrics",
    "/_qs/metrics?group_by=model&interval=day",
    "/_qs/usage?limit=20",
    "/_qs/metrics/prometheus",
)


class Asker(threading.Thread):
    """Asks the portals in turn; an answer is right, or 503 with when to come again."""

    def __init__(self, portals) -> None:
        super().__init__(daemon=True)
        self.answered, self.faults = 0, []
        self._portals, self._is_over = portals, threading.Event()
        self.start()

    def run(self):
        number = 0
        while not self._is_over.wait(0.02):
            number += 1
            portal = self._portals[number % len(self._portals)]
            answer = portal.request("GET", QUESTIONS[number % len(QUESTIONS)])
            self.answered += answer.status == 200
            is_told_when = answer.status == 503 and answer.headers.get("Retry-After")
            if not (answer.status == 200 or is_told_when):
                self.faults.append((answer.status, answer.body[:200]))

    def stop(self):
        self._is_over.set()
        self.join(timeout=60)
        assert not self.is_alive()


def old_rows():
    before = datetime.now(UTC) - timedelta(days=200)
    return [
        {"model": "old", "timestamp": (before + timedelta(minutes=n)).isoformat(),
         "event_id": f"old-{n}", "request_id": f"old-{n}", "total_tokens": 1} for n in range(OLD)
    ]  # fmt: skip


def restart():
    node = str(PROJECT / ".ci" / "engine_node")
    for arguments in (("stop", "-m", "fast"), ("start",)):
        subprocess.run([node, "0", *arguments], check=False, capture_output=True, timeout=60)
    connections.close_all()  # this process's own are lost as well


def test_nothing_is_lost_or_doubled_while_the_server_restarts(tmp_path, portal_settings):
    now = datetime.now(UTC).isoformat()
    kept = [{"model": "m", "timestamp": now, "event_id": f"kept-{n}", "request_id": f"kept-{n}"}
            for n in range(30)]  # fmt: skip
    with ExitStack() as stack:
        portals = [stack.enter_context(serving(tmp_path, **portal_settings)) for _ in range(2)]
        assert portals[0].request("POST", "/_qs/usage", old_rows()).json()["accepted"] == OLD
        assert portals[1].request("POST", "/_qs/usage", kept).json()["accepted"] == len(kept)
        posters = [Poster(f"c{n}", portals, has_keys=n % 2 == 0) for n in range(4)]
        asker = Asker(portals)
        for _ in range(RESTARTS):
            time.sleep(UNDISTURBED_SECONDS)
            restart()
        time.sleep(UNDISTURBED_SECONDS)
        purged = manage(tmp_path, "purge", "--older-than", "100d", **portal_settings)
        for each in (*posters, asker):
            each.stop()
        again = portals[1].request("POST", "/_qs/usage", kept).json()
        output = "".join(portal.output for portal in portals)
    assert purged.returncode == 0, purged.stderr
    assert [fault for each in (*posters, asker) for fault in each.faults] == []
    assert asker.answered > 0
    acknowledged = [name for poster in posters for name in poster.acknowledged]
    expected = sorted(acknowledged + [row["request_id"] for row in kept])
    with psycopg.connect(portal_settings["DATABASE_URL"]) as database:
        (started,) = database.execute("SELECT pg_postmaster_start_time()").fetchone()
        stored = database.execute("SELECT request_id FROM usage_metrics").fetchall()
        summed = database.execute("SELECT SUM(requests) FROM usage_rollups WHERE rollup = 3")
        requests = int(summed.fetchone()[0])
    assert started > datetime.fromisoformat(now)
    assert sorted(name for (name,) in stored) == expected
    assert requests == len(expected) + OLD
    assert again == {"accepted": 0, "duplicates": len(kept)}

    checked = manage(tmp_path, "rebuild_rollups", "--check", **portal_settings)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Traceback" not in output
    answers = sum((poster.answers for poster in posters), start=type(posters[0].answers)())
    print({"engine": server_engine.engine(), "restarts": RESTARTS, "rows": len(acknowledged),
           "answers": dict(answers), "questions answered": asker.answered})  # fmt: skip

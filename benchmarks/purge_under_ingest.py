"""How long posts wait while half of the rows are purged, beside the same posts without a purge.

.venv/bin/python -m benchmarks.purge_under_ingest        (ROWS=2_000_000 by default)
"""

import http.client
import json
import os
import sqlite3
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from tests.serving import manage, serving

ROWS = int(os.environ.get("ROWS", "2_000_000"))
CLIENTS = 4
ROWS_A_POST = 10
IDLE_SECONDS = 20

FILL = """
WITH RECURSIVE number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < :rows)
INSERT INTO usage_metrics (timestamp, model, prompt_tokens, completion_tokens, total_tokens,
                           request_id, status, latency_ms, api_key_hash, event_id)
SELECT strftime('%Y-%m-%d %H:%M:%f', :now - 15552000 + i * 15552000.0 / :rows, 'unixepoch'),
       'model-' || (i * 7919 % 12), 100, 50, 150, 'req_' || hex(randomblob(8)), '200', 1234.5,
       printf('%064x', i * 104729 % 30), i
FROM number
"""


class Clients:
    """Posts from several threads, each wait noted under the phase it began in."""

    def __init__(self, host: str, port: int) -> None:
        self.phase = "warm-up"
        self.waits_ms: defaultdict[str, list[float]] = defaultdict(list)
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._post, args=(host, port)) for _ in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _post(self, host: str, port: int) -> None:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        body = json.dumps([{"model": "m", "prompt_tokens": 5, "status": 200}] * ROWS_A_POST)
        while not self._is_over.is_set():
            phase, began = self.phase, time.perf_counter()
            connection.request("POST", "/_qs/usage", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
            self.waits_ms[phase].append(1000 * (time.perf_counter() - began))
        connection.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert manage(folder, "migrate", "-v0").returncode == 0
        with sqlite3.connect(folder / "metrics.db") as database:
            database.execute(FILL, {"rows": ROWS, "now": int(time.time())})
        database.close()
        with serving(folder) as portal:
            clients = Clients(portal.host, portal.port)
            time.sleep(3)
            clients.phase = "without purge"
            time.sleep(IDLE_SECONDS)
            clients.phase = "during purge"
            purged = manage(folder, "purge", "--older-than", "90d", patience=1800)
            clients.phase = "cool-down"
            clients.stop()
    print(purged.stdout)
    show(clients.waits_ms)


def show(waits_ms: dict[str, list[float]]) -> None:
    print(f"{CLIENTS} clients, {ROWS_A_POST} rows a post, {ROWS:,} rows before the purge\n")
    print("| phase | posts | median ms | p99 ms | longest ms | p99 ratio |")
    print("|---|---|---|---|---|---|")
    idle_p99 = percentile(waits_ms["without purge"], 0.99)
    for phase in ("without purge", "during purge"):
        waits = waits_ms[phase]
        p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
        figures = f"{len(waits)} | {p50:.1f} | {p99:.1f} | {max(waits):.1f} | {p99 / idle_p99:.1f}"
        print(f"| {phase} | {figures} |")


def percentile(waits: list[float], share: float) -> float:
    return sorted(waits)[int(share * (len(waits) - 1))]


if __name__ == "__main__":
    main()

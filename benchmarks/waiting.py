"""How long rows of plain SQL take to join the sums, and what posts and questions meet meanwhile.

.venv/bin/python -m benchmarks.waiting      (ROWS=1_000_000, DAYS=90; ORDER=time or none)

As Go's driver writes them, by another program while no portal runs. Then `serve` starts. The same
posts go to it before the rows, while they join the sums, and afterwards. Fewer rows are of fewer
days, unless DAYS says otherwise: how many lie in an hour decides on what each of them costs.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import rows
from benchmarks.figures import TIMES, Line, Target, median, milliseconds, percentile, times
from benchmarks.load import Clients, Job
from benchmarks.report import table
from benchmarks.stores import SqliteStore, run_command, served
from tests.serving import Portal

CLIENTS, ROWS_A_POST, POSTS_A_SECOND = 4, 10, 50.0
_BODIES = 2_000
_QUIET_SECONDS, _PATIENCE = 15.0, 3_600.0
_COLUMNS = [*rows.CLASSIC, "provider", "ttft_ms", "cost_usd"]
_INSERT = (
    f"INSERT INTO usage_metrics ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)


@dataclass
class Meanwhile:
    """What was met while the rows joined the sums."""

    first_answer_seconds: float = 0.0
    seconds: float = 0.0
    posts: list[float] = field(default_factory=list)
    questions: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)


def insert(store: SqliteStore, total: int, days: float, *, in_order: bool) -> None:
    chunks = rows.in_order(total, days) if in_order else rows.in_no_order(total, days)
    with closing(sqlite3.connect(store.path)) as database:
        database.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-500000;")
        for chunk in chunks:
            times_of = [f"{text}+00:00" for text in rows.timestamps(chunk)]
            values = [times_of, *(chunk.values[name] for name in _COLUMNS if name != "timestamp")]
            with database:
                database.executemany(_INSERT, zip(*values, strict=True))


def quiet_posts(store: SqliteStore, clients: Clients) -> list[float]:
    with served(store) as portal:
        _prepare(portal, clients)
        return clients.run_for(_QUIET_SECONDS).waits


def while_they_join(store: SqliteStore, clients: Clients) -> Meanwhile:
    found, began = Meanwhile(), time.monotonic()
    with served(store) as portal:
        found.first_answer_seconds = time.monotonic() - began
        _prepare(portal, clients)
        joining, is_over = time.monotonic(), threading.Event()
        asking = threading.Thread(target=_ask, args=(portal, found, is_over))
        clients.start()
        asking.start()
        while _waiting(portal) and time.monotonic() < began + _PATIENCE:
            time.sleep(0.2)
        found.seconds = time.monotonic() - began
        is_over.set()
        found.posts = clients.stop().begun_within(joining, time.monotonic())
        asking.join()
    return found


def _prepare(portal: Portal, clients: Clients) -> None:
    clients.prepare(
        Job(
            portal.host,
            portal.port,
            ROWS_A_POST,
            CLIENTS,
            _BODIES,
            posts_a_second=POSTS_A_SECOND,
        )
    )


def _ask(portal: Portal, found: Meanwhile, is_over: threading.Event) -> None:
    while not is_over.wait(0.5):
        began = time.monotonic()
        found.answers[portal.request("GET", "/_qs/metrics").status] += 1
        found.questions.append(time.monotonic() - began)


def _waiting(portal: Portal) -> int:
    answer = portal.request("GET", "/_qs/health")
    return int(answer.json()["waiting_rows"]["rows"]) if answer.status == 200 else 1


def lines(total: int, quiet: list[float], met: Meanwhile) -> list[Line]:
    p99, before = percentile(met.posts, 0.99), percentile(quiet, 0.99)
    posts = f"posts of {ROWS_A_POST} {TIMES} {CLIENTS} clients, {POSTS_A_SECOND:g} a second"
    said = ", ".join(f"{count} {TIMES} {status}" for status, count in sorted(met.answers.items()))
    return [
        Line("`serve` answers after", f"{met.first_answer_seconds:.1f} s"),
        Line(
            f"{total:,} waiting rows are in the sums after",
            f"{met.seconds:.0f} s",
            ratio=f"{total / met.seconds:,.0f} rows/s",
            target=Target("\u2264 60 s for 1 M", met.seconds * 1e6 / total, 60),
        ),
        Line(
            f"{posts}: median",
            milliseconds(median(met.posts)),
            f"quiet {milliseconds(median(quiet))}",
            times(median(met.posts) / median(quiet)),
        ),
        Line(
            f"{posts}: p99",
            milliseconds(p99),
            f"quiet {milliseconds(before)}",
            times(p99 / before),
            Target(f"\u2264 3{TIMES} quiet", p99 / before, 3),
        ),
        Line(
            f"questions meanwhile ({said}): median and longest",
            f"{milliseconds(median(met.questions))}, {milliseconds(max(met.questions))}",
            target=Target("\u2264 2 s", max(met.questions), 2),
        ),
    ]


def main() -> None:
    total = int(os.environ.get("ROWS", "1_000_000"))
    days = float(os.environ.get("DAYS", rows.DAYS * total / 1_000_000))
    with tempfile.TemporaryDirectory() as name, Clients() as clients:
        store = SqliteStore(Path(name) / "portal")
        migrated = run_command(store, "migrate", "-v0")
        assert migrated.returncode == 0, migrated.stderr
        quiet = quiet_posts(store, clients)
        insert(store, total, days, in_order=os.environ.get("ORDER", "none") == "time")
        met = while_they_join(store, clients)
        quiet += quiet_posts(store, clients)
        checked = run_command(store, "rebuild_rollups", "--check")
    print(table(lines(total, quiet, met)), checked.stdout + checked.stderr, sep="\n\n")


if __name__ == "__main__":
    main()

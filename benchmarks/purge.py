"""How long posts wait while half of the rows are purged, beside the same posts without a purge.

.venv/bin/python -m benchmarks.purge        (ROWS=1_000_000 by default)
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import rows
from benchmarks.figures import TIMES, Line, Target, median, milliseconds, percentile, times
from benchmarks.load import Clients, Job
from benchmarks.report import table
from benchmarks.stores import SqliteStore, Store, fill, run_command, served
from tests.serving import Portal

CLIENTS, ROWS_A_POST = 4, 10
_BODIES = 5_000
_SETTLE_SECONDS, _BEFORE_SECONDS = 1, 8


@dataclass(frozen=True)
class Waits:
    """Seconds that posts took before and during the purge, and what the purge said."""

    before: list[float]
    during: list[float]
    said: str


def measure(store: Store, portal: Portal, clients: Clients) -> Waits:
    """Purge the older half of the loaded rows."""
    clients.prepare(Job(portal.host, portal.port, ROWS_A_POST, CLIENTS, _BODIES))
    began = time.monotonic() + _SETTLE_SECONDS
    clients.start()
    time.sleep(_SETTLE_SECONDS + _BEFORE_SECONDS)
    minutes = int((time.time() - rows.END.timestamp()) / 60 + rows.DAYS / 2 * 24 * 60)
    purge_began = time.monotonic()
    purged = run_command(store, "purge", "--older-than", f"{minutes}m")
    ended = time.monotonic()
    posted = clients.stop()
    assert purged.returncode == 0, purged.stderr
    before, during = (
        posted.begun_within(first, last)
        for first, last in ((began, purge_began), (purge_began, ended))
    )
    return Waits(before, during, " ".join(purged.stdout.split()))


def lines(waits: Waits) -> list[Line]:
    before, during = percentile(waits.before, 0.99), percentile(waits.during, 0.99)
    most_before, most = max(waits.before), max(waits.during)
    posts = f"posts of {ROWS_A_POST} {TIMES} {CLIENTS} clients, half of the rows being purged"
    return [
        Line(
            f"{posts}: median",
            milliseconds(median(waits.during)),
            f"before {milliseconds(median(waits.before))}",
            times(median(waits.during) / median(waits.before)),
        ),
        Line(
            f"{posts}: p99",
            milliseconds(during),
            f"before {milliseconds(before)}",
            times(during / before),
            Target("≤ 250 ms", during, 0.25, short=f"purge, p99 of posts: {milliseconds(during)}"),
        ),
        Line(
            f"{posts}: longest",
            milliseconds(most),
            f"before {milliseconds(most_before)}",
            times(most / most_before),
            Target("≤ 1 s", most, 1, short=f"purge, longest post: {milliseconds(most)}"),
        ),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Clients() as clients:
        store = SqliteStore(Path(name) / "portal")
        fill(store, int(os.environ.get("ROWS", "1_000_000")))
        with served(store) as portal:
            waits = measure(store, portal, clients)
    print(waits.said, table(lines(waits)), sep="\n\n")


if __name__ == "__main__":
    main()

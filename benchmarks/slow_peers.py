"""How long posts wait while thousands of slow and hostile peers are connected.

.venv/bin/python -m benchmarks.slow_peers       (PEERS=2000 and BENCH_SECONDS=10 by default)

Before and after each kind the same posts go to the same portal without any; the ratio is to those.
"""

import datetime as dt
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes, report
from benchmarks.figures import percentile
from benchmarks.hostile_peers import KINDS, HostilePeers
from benchmarks.load import Clients, Job
from qsmetrics import __version__
from tests.serving import Portal, serving

_POSTS_A_SECOND = 50.0
_CLIENTS = 4
_ROWS_BEFORE = 20_000  # something to export
_MOST_TIMES_QUIET = 3.0
_SETTLED = 5.0  # seconds after the last of the peers has come
_HEAD = ("peers", "posts", "p50, ms", "p99, ms", "p99 of quiet, ms", "ratio", "peak memory, MiB")


@dataclass(frozen=True)
class Measured:
    """Waits of posts in seconds while peers of a kind were there, and around that."""

    name: str
    waits: list[float]
    quiet: list[float]
    peak_bytes: int

    @property
    def ratio(self) -> float:
        return percentile(self.waits, 0.99) / percentile(self.quiet, 0.99)


def measure(portal: Portal, peers: int, seconds: float, names: list[str]) -> list[Measured]:
    found = []
    with Clients() as clients:
        _fill(portal, clients)
        before = _posts(portal, clients, seconds)
        for name in names:
            print(name, file=sys.stderr, flush=True)
            with HostilePeers(portal.host, portal.port, [name], peers) as hostile:
                hostile.wait_until_here(60)
                time.sleep(_SETTLED)
                waits = _posts(portal, clients, seconds)
            time.sleep(_SETTLED)
            after = _posts(portal, clients, seconds)
            found.append(Measured(name, waits, before + after, _peak(portal)))
            before = after
    return found


def _fill(portal: Portal, clients: Clients) -> None:
    clients.prepare(Job(portal.host, portal.port, 1000, 1, _ROWS_BEFORE // 1000, most_posts=20))
    clients.start()
    clients.result()


def _posts(portal: Portal, clients: Clients, seconds: float) -> list[float]:
    job = Job(portal.host, portal.port, 1, _CLIENTS, 200, posts_a_second=_POSTS_A_SECOND)
    clients.prepare(job)
    return clients.run_for(seconds).waits


def _peak(portal: Portal) -> int:
    return max(processes.peak_bytes(worker) for worker in portal.workers())


def table(found: list[Measured]) -> str:
    rows = [_HEAD, ("---", *["---:"] * (len(_HEAD) - 1)), *map(_row, found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(measured: Measured) -> tuple[str, ...]:
    return (
        measured.name,
        f"{len(measured.waits):,}",
        f"{1000 * percentile(measured.waits, 0.5):.1f}",
        f"{1000 * percentile(measured.waits, 0.99):.1f}",
        f"{1000 * percentile(measured.quiet, 0.99):.1f}",
        f"{measured.ratio:.2f}",
        f"{measured.peak_bytes / 2**20:.0f}",
    )


def page(text: str, peers: int, seconds: float) -> str:
    return f"""# Slow and hostile peers

qsmetrics {__version__}, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, \
Python {platform.python_version()}, SQLite, 8 threads. {_CLIENTS} clients post \
{_POSTS_A_SECOND:g} rows a second, one at a time, for {seconds:g} s, while {peers:,} peers of one \
kind are connected, and as long without any before and after. The target is a p99 of at most \
{_MOST_TIMES_QUIET:g} times quiet. The peers run on the same two processors.

{text}
"""


def main() -> None:
    peers = int(os.environ.get("PEERS", "2000"))
    seconds = float(os.environ.get("BENCH_SECONDS", "10"))
    names = sys.argv[1:] or list(KINDS)
    with (
        tempfile.TemporaryDirectory(prefix="qsmetrics-bench-") as folder,
        serving(Path(folder)) as portal,
    ):
        found = measure(portal, peers, seconds, names)
    text = table(found)
    if names == list(KINDS):
        report.FOLDER.mkdir(exist_ok=True)
        (report.FOLDER / "slow-peers.md").write_text(page(text, peers, seconds), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

"""The most memory of a server worker during its largest jobs: long posts, and long exports."""

import http.client
from contextlib import closing

from benchmarks import processes
from benchmarks.figures import Line, Target, megabytes
from benchmarks.load import Clients, Job
from benchmarks.stores import Store, served
from tests.serving import Portal

ROWS_A_POST, POSTS = 50_000, 3
_MOST_BYTES = 150 * 2**20


def measure(store: Store, clients: Clients) -> list[Line]:
    """Each job on a server that was just started."""
    with served(store) as portal:
        start = _peak(portal)
        clients.prepare(
            Job(portal.host, portal.port, ROWS_A_POST, 1, POSTS, most_posts=POSTS, form="ndjson")
        )
        clients.start()
        clients.result()
        posting = _peak(portal)
    with served(store) as portal:
        exported = _export(portal)
        exporting = _peak(portal)
    base = f"after its start {megabytes(start)}"
    return [
        Line(f"worker's peak memory, {name}", megabytes(peak), base, target=_target(name, peak))
        for name, peak in (
            (f"{ROWS_A_POST // 1000}k-row NDJSON posts, {POSTS} of them", posting),
            (f"CSV export, {exported:,} rows", exporting),
        )
    ]


def _target(name: str, peak: int) -> Target:
    short = f"memory, {name.partition(',')[0]}: {megabytes(peak)}"
    return Target("≤ 150 MiB", peak, _MOST_BYTES, short=short)


def _peak(portal: Portal) -> int:
    return max(processes.peak_bytes(worker) for worker in portal.workers())


def _export(portal: Portal) -> int:
    """Read all rows as they come; how many lines there were below the first."""
    lines = -1
    with closing(http.client.HTTPConnection(portal.host, portal.port, timeout=600)) as connection:
        connection.request("GET", "/_qs/usage?format=csv")
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        while piece := answer.read(65536):
            lines += piece.count(b"\n")
    return lines

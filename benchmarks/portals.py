"""`python -m benchmarks.portals`: rates of one portal and of two on PostgreSQL, and on Citus.

Starts each engine by `.ci/with_engine`, posts to the portals for BENCH_SECONDS, compares what is
stored with what was answered, and writes `benchmarks/results/portals.md`.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg

from benchmarks.load import Clients, Job, Posted
from benchmarks.report import FOLDER, machine
from benchmarks.stores import run_command
from tests.serving import PROJECT, Portal, serving

ENGINES = ("postgresql", "citus")
POSTS = ((1, 8), (100, 8), (1_000, 4))  # rows of a post, clients of all portals together
WORKERS = "2"  # of each portal
_BODIES = 200
_SECRET = "only-for-benchmarks-" * 3


@dataclass(frozen=True)
class Rate:
    """What so many portals took of one kind of post."""

    portals: int
    rows_a_post: int
    clients: int
    rows_a_second: float
    p99_ms: float


@dataclass(frozen=True)
class _Database:
    """That of DATABASE_URL, as `run_command` takes it."""

    folder: Path
    url: str

    @property
    def settings(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "SECRET_KEY": _SECRET, "METRICS_WORKERS": WORKERS}


def measure(engine: str, url: str, seconds: float) -> Iterator[Rate]:
    """On an empty database that `.ci/with_engine` has made."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        database = _Database(Path(folder), url)
        for command in ["migrate", *([f"enable_{engine}"] if engine != "postgresql" else [])]:
            done = run_command(database, command)  # type: ignore[arg-type]
            assert done.returncode == 0, done.stdout + done.stderr
        clients = [stack.enter_context(Clients()) for _ in range(2)]
        clients[1].take_rows(10_000_000)  # apart from those of the first
        portals: list[Portal] = []
        stored = 0
        for count in (1, 2):
            portals.append(stack.enter_context(serving(database.folder, **database.settings)))
            for rows_a_post, number in POSTS:
                posted = _post(clients[:count], portals, rows_a_post, number, seconds)
                stored += sum(each.rows for each in posted)
                assert _count(url) == stored, "rows were lost or doubled"
                yield _rate(posted, number)
        checked = run_command(database, "rebuild_rollups", "--check")  # type: ignore[arg-type]
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _post(
    clients: list[Clients], portals: list[Portal], rows_a_post: int, number: int, seconds: float
) -> list[Posted]:
    pairs = list(zip(clients, portals, strict=True))
    for each, portal in pairs:
        each.prepare(Job(portal.host, portal.port, rows_a_post, number // len(pairs), _BODIES))
    for each in clients[1:]:
        each.start()
    first = clients[0].run_for(seconds)
    return [first, *(each.stop() for each in clients[1:])]


def _rate(posted: list[Posted], clients: int) -> Rate:
    waits = sorted(wait for each in posted for wait in each.waits)
    rows = sum(each.rows / each.wall for each in posted)
    p99 = 1000 * waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    return Rate(len(posted), posted[0].rows_a_post, clients, rows, p99)


def _count(url: str) -> int:
    with psycopg.connect(url) as database:
        row = database.execute("SELECT COUNT(*) FROM usage_metrics").fetchone()
    assert row is not None
    return int(row[0])


def table(rates: dict[str, list[Rate]]) -> str:
    """A line for each kind of post: rows a second and p99 of a post, by engine and portals."""
    heads = [f"{engine}, {count}" for engine in rates for count in (1, 2)]
    lines = [["rows a post x clients", *heads], ["---"] * (1 + len(heads))]
    for rows_a_post, clients in POSTS:
        found = [
            f"{each.rows_a_second:,.0f}/s, {each.p99_ms:,.0f} ms"
            for some in rates.values()
            for each in sorted(some, key=lambda rate: rate.portals)
            if each.rows_a_post == rows_a_post
        ]
        lines.append([f"{rows_a_post:,} x {clients}", *found])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(rates: dict[str, list[Rate]], seconds: float) -> str:
    return (
        "# One portal and two\n\n"
        f"{machine('PostgreSQL and Citus as `.ci/with_engine` starts them')}. Rows a second and "
        f"p99 of a post, {seconds:g} s each; {WORKERS} workers a portal, fsync=off, servers, "
        "portals and clients on the same machine: two portals show what they cost each other, not "
        "what two machines could do. After each line the rows stored were those acknowledged, at "
        "the end the sums those of the rows.\n\n"
        f"{table(rates)}\n"
    )


def _on(engine: str) -> list[Rate]:
    """In a process behind the engine's servers."""
    with_engine = str(PROJECT / ".ci" / "with_engine")
    command = [with_engine, engine, sys.executable, "-m", "benchmarks.portals", "--on", engine]
    done = subprocess.run(command, cwd=PROJECT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{engine}: what went wrong is said above")
    return [Rate(**json.loads(line)) for line in done.stdout.splitlines()]


def main() -> None:
    seconds = float(os.environ.get("BENCH_SECONDS", "5"))
    if "--on" in sys.argv:
        engine = sys.argv[sys.argv.index("--on") + 1]
        for rate in measure(engine, os.environ["DATABASE_URL"], seconds):
            print(json.dumps(asdict(rate)), flush=True)
        return
    text = page({engine: _on(engine) for engine in ENGINES}, seconds)
    (FOLDER / "portals.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

"""`make bench`: measure everything in one run, and write the table and the chart.

ROWS=10_000_000 for the big run; DATABASE_URL for PostgreSQL in the place of SQLite;
BENCH_SECONDS for how long each kind of post is measured in each round.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import psycopg

from benchmarks import chart, ingest, memory, purge, queries, query_lines, report, weight
from benchmarks.duckdb_scan import DuckDb
from benchmarks.figures import Line, row_label
from benchmarks.load import Clients
from benchmarks.reference import Reference
from benchmarks.stores import PostgresStore, SqliteStore, Store, fill, served

SMALL = 10_000


class Bench:
    """One run: the databases, and the lines that were measured so far."""

    def __init__(self, folder: Path, rows: int, seconds: float, server: str | None) -> None:
        self.folder, self.rows, self.seconds, self._server = folder, rows, seconds, server
        self.engine = "postgres" if server else "sqlite"
        self.lines: list[Line] = []
        self.notes: list[str] = []
        self._began = time.monotonic()
        self._stores = ExitStack()
        self.reference = Reference(folder / "reference.db")
        self.duckdb = DuckDb(folder / "scan.duckdb")
        self.big, self.small = self._new_store("big"), self._new_store("small")

    def run(self) -> None:
        with self._stores, Clients() as clients:
            self._fill()
            size_lines = self._weigh()
            fastest = self._ingest(clients)
            self._ask(clients, fastest / 2)
            self._say("memory")
            memory_lines = memory.measure(self.big, clients)
            self._say("purge")
            with served(self.big) as portal:
                waits = purge.measure(self.big, portal, clients)
            self.lines += purge.lines(waits) + size_lines + memory_lines
            self.notes.append(f"`purge`: {waits.said}")
        self._say("done")

    def _new_store(self, name: str) -> Store:
        folder = self.folder / name
        store = PostgresStore(folder, self._server) if self._server else SqliteStore(folder)
        self._stores.callback(store.drop)
        return store

    def _fill(self) -> None:
        self._say(f"filling with {self.rows:,} rows")
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
            loads = [
                pool.submit(fill, self.big, self.rows),
                pool.submit(self.reference.load, self.rows),
                pool.submit(fill, self.small, SMALL),
                pool.submit(self.duckdb.load, self.rows),
            ]
            for load in loads:
                load.result()

    def _weigh(self) -> list[Line]:
        self.notes.append(weight.note(self.big, self.rows))
        applies = self.engine == "sqlite" and self.rows >= query_lines.BIG
        return weight.measure(self.big, self.reference, self.rows, applies=applies)

    def _ingest(self, clients: Clients) -> float:
        self._say("ingest")
        with ExitStack() as copies:
            ours, limit = (self.big.copy(self.folder / name) for name in ("ingest", "limit"))
            for copy in (ours, limit):
                copies.callback(copy.drop)
            result = ingest.measure(self.engine, ours, limit, self.folder, clients, self.seconds)
        self.lines += ingest.lines(result)
        return result.fastest

    def _ask(self, clients: Clients, rows_a_second: float) -> None:
        with served(self.big) as big:
            self._say("queries beside other engines")
            with served(self.small) as small:
                compared = queries.compare(big, small, self.reference, self.duckdb)
            self._say("queries, idle and with rows coming in")
            self.timings, coming = queries.measure(big, clients, rows_a_second)
        self.others = {
            "reference, three queries": query_lines.three_queries(compared.reference),
            "DuckDB, three queries": query_lines.three_queries(compared.duckdb),
        }
        self.lines += query_lines.comparison_lines(compared, self.rows)
        self.lines += query_lines.timing_lines(self.timings, rows_a_second, coming)

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {what}", file=sys.stderr, flush=True)


def write(bench: Bench, engine: str) -> None:
    """The table to the terminal, and both files."""
    report.FOLDER.mkdir(exist_ok=True)
    name = f"{bench.engine}-{row_label(bench.rows)}"
    title = f"{engine.split(maxsplit=1)[0]}, {bench.rows:,} rows"
    chart.draw(report.FOLDER / f"{name}.png", title, bench.timings, bench.others, bench.lines)
    page = report.page(title, engine, bench.lines, bench.notes, f"{name}.png")
    (report.FOLDER / f"{name}.md").write_text(page, encoding="utf-8")
    print(report.table(bench.lines))


def _engine(server: str | None) -> str:
    """What to call the database, with the settings that decide what a commit costs."""
    if not server:
        return "SQLite file with WAL and synchronous=FULL"
    with psycopg.connect(server) as database:
        version, fsync, synchronous = (
            database.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
            for name in ("server_version", "fsync", "synchronous_commit")
        )
    return f"PostgreSQL {version.split()[0]} with fsync={fsync}, synchronous_commit={synchronous}"


def main() -> None:
    rows = int(os.environ.get("ROWS", "1_000_000"))
    seconds = float(os.environ.get("BENCH_SECONDS", "1"))
    server = os.environ.get("DATABASE_URL") or None
    with tempfile.TemporaryDirectory(prefix="qsmetrics-bench-") as name:
        bench = Bench(Path(name), rows, seconds, server)
        bench.run()
    write(bench, _engine(server))


if __name__ == "__main__":
    main()

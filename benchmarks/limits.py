"""How fast the database itself takes rows from one Python client, without HTTP and our code."""

import itertools
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg

from benchmarks import rows
from benchmarks.figures import Rate
from benchmarks.stores import INSERT, PostgresStore, SqliteStore, Store, copy_in

ROWS_A_COMMIT = 1_000
Batch = list[tuple[Any, ...]]
Measure = Callable[[int, int], Rate]

_MEASURES = (
    "prompt_tokens completion_tokens total_tokens cached_tokens reasoning_tokens latency_ms"
    " ttft_ms cost_usd"
).split()
_PLACES = [rows.COLUMNS.index(name) for name in _MEASURES]
_MODEL, _PROVIDER, _STATUS, _KEY, _LATENCY = (
    rows.COLUMNS.index(name)
    for name in ("model", "provider", "status", "api_key_hash", "latency_ms")
)
# As many tables like our rollups as DESIGN starts with: bucket and up to three dimensions.
ROLLUPS: dict[str, Callable[[tuple[Any, ...]], tuple[str, str, str, str]]] = {
    "limit_quarter": lambda row: (_quarter(row[0]), row[_MODEL], row[_PROVIDER], row[_STATUS]),
    "limit_hour": lambda row: (_hour(row[0]), row[_MODEL], row[_PROVIDER], row[_STATUS]),
    "limit_day": lambda row: (row[0][:10], row[_MODEL], row[_PROVIDER], row[_STATUS]),
    "limit_hour_key": lambda row: (_hour(row[0]), row[_KEY], "", ""),
    "limit_day_key": lambda row: (row[0][:10], row[_KEY], row[_MODEL], row[_STATUS]),
    "limit_hour_latency": lambda row: (_hour(row[0]), row[_MODEL], _bin(row[_LATENCY]), ""),
}


@contextmanager
def limits_of(store: Store) -> Iterator[dict[str, Measure]]:
    """Each limit by its name, the one that we are held against first.

    They take the number of the first row and how many, and store them in that database.
    """
    with ExitStack() as stack:
        if isinstance(store, SqliteStore):
            database = stack.enter_context(_sqlite(store))
            yield {"executemany": lambda *span: _timed(lambda b: _executemany(database, b), *span)}
        elif isinstance(store, PostgresStore):
            server = stack.enter_context(_postgres(store))
            yield {
                "COPY + upserts": lambda *span: _timed(lambda b: _copy_and_sum(server, b), *span),
                "COPY alone": lambda *span: _timed(lambda b: _copy(server, b), *span),
            }


def _timed(store_batch: Callable[[Batch], None], first: int, count: int) -> Rate:
    batches = [
        rows.stored(rows.live(start, min(ROWS_A_COMMIT, first + count - start)))
        for start in range(first, first + count, ROWS_A_COMMIT)
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        store_batch(batch)
    return Rate(count, time.perf_counter() - wall, time.process_time() - cpu)


@contextmanager
def _sqlite(store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """The portal's own settings of a connection."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;"
        )
        yield database


def _executemany(database: sqlite3.Connection, batch: Batch) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany(INSERT, batch)
    database.execute("COMMIT")


@contextmanager
def _postgres(store: PostgresStore) -> Iterator[psycopg.Connection]:
    with psycopg.connect(store.url) as server:
        sums = ", ".join(f"{name} double precision" for name in ("requests", *_MEASURES))
        for table in ROLLUPS:
            server.execute(
                f"CREATE TABLE {table} (bucket timestamptz, a text, b text, c text, {sums}, "
                "PRIMARY KEY (bucket, a, b, c))"
            )
        server.commit()
        yield server


def _copy(server: psycopg.Connection, batch: Batch) -> None:
    copy_in(server, batch)
    server.commit()


def _copy_and_sum(server: psycopg.Connection, batch: Batch) -> None:
    """COPY, then for each rollup one upsert, its keys sorted, in one transaction."""
    copy_in(server, batch)
    measures = [(1.0, *(float(row[place] or 0) for place in _PLACES)) for row in batch]
    for table, key_of in ROLLUPS.items():
        sums: dict[tuple[str, ...], list[float]] = {}
        for key, row in zip(map(key_of, batch), measures, strict=True):
            kept = sums.get(key)
            sums[key] = [*row] if kept is None else [a + b for a, b in zip(kept, row, strict=True)]
        columns = zip(*(itertools.chain(key, sums[key]) for key in sorted(sums)), strict=True)
        server.execute(_upsert(table), [list(column) for column in columns])
    server.commit()


def _upsert(table: str) -> str:
    names = ("requests", *_MEASURES)
    arrays = ["%s::timestamptz[]", *["%s::text[]"] * 3, *["%s::double precision[]"] * len(names)]
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in names)
    return (
        f"INSERT INTO {table} SELECT * FROM unnest({', '.join(arrays)}) "
        f"ON CONFLICT (bucket, a, b, c) DO UPDATE SET {added}"
    )


def _quarter(timestamp: str) -> str:
    return f"{timestamp[:14]}{int(timestamp[14:16]) // 15 * 15:02d}:00+00"


def _hour(timestamp: str) -> str:
    return f"{timestamp[:13]}:00:00+00"


def _bin(latency_ms: float) -> str:
    return str(int(10 * math.log(latency_ms + 1)))

"""`python -m benchmarks.names`: what names and combinations that were never seen cost the writer.

On a SQLite file of its own; `.ci/with_postgres` before it measures PostgreSQL. Each figure is a
ratio to what was measured beside it in the same run.
"""

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

from benchmarks.stores import PostgresStore, SqliteStore, Store, run_command

BATCH = 1_000
NEW_NAMES = 20_000
FEW, MANY = 100, 100_000  # known combinations
POSTS = 200

Row = dict[str, Any]


def measure_new_names() -> None:
    """20,000 rows, each with a model of its own, beside as many with twenty models."""
    _record(_with_models("warm", 1, BATCH))
    known = _timed(_with_models("known", 20, NEW_NAMES))
    new = _timed(_with_models("new", NEW_NAMES, NEW_NAMES))
    print(f"{NEW_NAMES:,} rows of 20 models {known:.2f} s, of {NEW_NAMES:,} new models {new:.2f} s:"
          f" {new / known:.1f} times as long")  # fmt: skip


def measure_combinations() -> None:
    """Posts of one row with few and with many known combinations of model and provider."""
    _combine(0, FEW)
    few = _posts(FEW)
    _combine(FEW, MANY)
    many = _posts(MANY)
    for kind, one, other in zip(("found", "made"), few, many, strict=True):
        print(f"a combination is {kind} in {1000 * one:.2f} ms beside {FEW:,} and in"
              f" {1000 * other:.2f} ms beside {MANY:,}: {other / one:.2f} times")  # fmt: skip


def _posts(known: int) -> tuple[float, float]:
    """Seconds for a post with a known combination that is in no cache, and with a new one."""
    from usage.rollups import series

    began = time.perf_counter()
    for number in range(POSTS):
        series.forget()
        _record([_combination(number * known // POSTS)])
    found = time.perf_counter()
    for number in range(POSTS):
        _record([{**_combination(0), "status": f"{known}-{number}"}])
    return (found - began) / POSTS, (time.perf_counter() - found) / POSTS


def _combine(first: int, last: int) -> None:
    for start in range(first, last, BATCH):
        _record([_combination(number) for number in range(start, min(start + BATCH, last))])


def _combination(number: int) -> Row:
    provider, model = divmod(number, 400)
    return _row(f"model-{model}") | {"provider": f"provider-{provider}"}


def _with_models(name: str, models: int, count: int) -> list[Row]:
    return [_row(f"{name}-{number % models}") for number in range(count)]


def _row(model: str) -> Row:
    return {"model": model, "status": "200", "total_tokens": 7, "timestamp": _NOW}


_NOW = datetime.now(UTC)


def _timed(rows: list[Row]) -> float:
    began = time.perf_counter()
    _record(rows)
    return time.perf_counter() - began


def _record(rows: list[Row]) -> None:
    from usage.recording import record_batch

    for start in range(0, len(rows), BATCH):
        record_batch(rows[start : start + BATCH])


def main() -> None:
    server = os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory(prefix="qsmetrics-bench-") as name:
        folder = Path(name)
        store: Store = PostgresStore(folder, server) if server else SqliteStore(folder)
        migrated = run_command(store, "migrate", "-v0")
        assert migrated.returncode == 0, migrated.stderr
        os.environ |= {"DJANGO_SETTINGS_MODULE": "qsmetrics.settings", "SECRET_KEY": name * 2,
                       "METRICS_STORAGE_PATH": str(folder / "metrics.db"),
                       **store.settings}  # fmt: skip
        django.setup()
        measure_combinations()
        measure_new_names()
        from django.db import connection

        connection.close()
        if server:
            store.drop()


if __name__ == "__main__":
    sys.exit(main())

"""The same rows and questions in DuckDB: how fast a scan of every row can be."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks import rows
from benchmarks.reference import BY_MODEL, TOTALS

_SCHEMA = (
    "CREATE TABLE usage_metrics (timestamp TIMESTAMP, model TEXT, prompt_tokens BIGINT, "
    "completion_tokens BIGINT, total_tokens BIGINT, request_id TEXT, status TEXT, "
    "latency_ms DOUBLE, api_key_hash TEXT)"
)
_BY_HOUR = (
    "SELECT date_trunc('hour', timestamp), COUNT(*), SUM(total_tokens) "
    "FROM usage_metrics GROUP BY 1 ORDER BY 1"
)


class DuckDb:
    """A DuckDB file, read on one connection that keeps its cache."""

    queries = {"totals": TOTALS, "by model": BY_MODEL, "by hour": _BY_HOUR}

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: duckdb.DuckDBPyConnection | None = None

    def load(self, count: int) -> None:
        with duckdb.connect(self._path) as database:
            database.execute(_SCHEMA)
            for chunk in rows.loaded(count):
                columns = dict(zip(rows.CLASSIC, _arrays(chunk), strict=True))  # noqa: F841
                database.execute("INSERT INTO usage_metrics SELECT * FROM columns")

    def run(self, query: str) -> list[Any]:
        return self._ask(self.queries[query])

    def p95_latency_ms(self) -> float:
        """Exactly, over all rows."""
        answer = self._ask("SELECT quantile_cont(latency_ms, 0.95) FROM usage_metrics")
        return float(answer[0][0])

    def _ask(self, statement: str) -> list[Any]:
        self._open = self._open or duckdb.connect(self._path, read_only=True)
        return self._open.execute(statement).fetchall()


def _arrays(chunk: rows.Rows) -> Iterable[np.ndarray]:
    yield chunk.timestamp_us.astype("datetime64[us]")
    for name in rows.CLASSIC[1:]:
        yield np.array(chunk.values[name])

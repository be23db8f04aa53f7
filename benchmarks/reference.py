"""The reference implementation's own table, indexes and three queries, on SQLite."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import rows

_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=OFF;
PRAGMA cache_size=-1000000;
CREATE TABLE usage_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp DATETIME NOT NULL,
    model TEXT NOT NULL,
    prompt_tokens INTEGER DEFAULT 0,
    completion_tokens INTEGER DEFAULT 0,
    total_tokens INTEGER DEFAULT 0,
    request_id TEXT,
    status TEXT,
    latency_ms REAL,
    api_key_hash TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_timestamp ON usage_metrics(timestamp);
CREATE INDEX idx_model ON usage_metrics(model);
CREATE INDEX idx_api_key ON usage_metrics(api_key_hash);
"""
_INSERT = (
    f"INSERT INTO usage_metrics ({', '.join(rows.CLASSIC)}) "
    f"VALUES ({', '.join('?' * len(rows.CLASSIC))})"
)
TOTALS = "SELECT COUNT(*), SUM(total_tokens) FROM usage_metrics"
BY_MODEL = (
    "SELECT model, COUNT(*), SUM(total_tokens), AVG(latency_ms) FROM usage_metrics GROUP BY model"
)
_BY_HOUR = (
    "SELECT strftime('%Y-%m-%d %H:00:00', timestamp), COUNT(*), SUM(total_tokens) "
    "FROM usage_metrics GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True)
class Answers:
    """What the three queries say, in a form that two engines can be compared in."""

    totals: tuple[int, int]
    by_model: dict[str, tuple[int, int, float]]
    by_hour: list[tuple[int, int]]

    @classmethod
    def of(cls, totals: list[Any], by_model: list[Any], by_hour: list[Any]) -> "Answers":
        return cls(
            (int(totals[0][0]), int(totals[0][1])),
            {name: (count, int(sum_), round(mean, 3)) for name, count, sum_, mean in by_model},
            [(count, int(sum_)) for _, count, sum_ in by_hour],
        )


class Reference:
    """The file, and a connection for its queries."""

    queries = {"totals": TOTALS, "by model": BY_MODEL, "by hour": _BY_HOUR}

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, count: int) -> None:
        with closing(sqlite3.connect(self.path)) as database:
            database.executescript(_SCHEMA)
            for chunk in rows.loaded(count):
                with database:
                    database.executemany(_INSERT, rows.classic(chunk))
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def bytes(self) -> int:
        return self.path.stat().st_size

    def run(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(self.queries[query]).fetchall()

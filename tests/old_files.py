"""Old metrics.db files for tests of the import, and the import of them."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

MICRO = dt.datetime(2024, 1, 15, 14, 32, 10, 123456, dt.UTC)
TEXT = "2024-01-15 14:32:10.123456789+00:00"
CLASSIC = (
    "id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp DATETIME, model TEXT, prompt_tokens INTEGER, "
    "completion_tokens INTEGER, total_tokens INTEGER, request_id TEXT, status INTEGER, "
    "latency_ms INTEGER, api_key_hash TEXT, created_at DATETIME DEFAULT CURRENT_TIMESTAMP"
)
HASH = "ab" * 32


def old_database(folder: Path) -> Callable[..., Path]:
    """Makes, or adds to, an old metrics.db of rows given as dicts."""
    path = folder / "old 100%?#.db"

    def make(*rows: dict[str, Any], schema: str = CLASSIC) -> Path:
        old = sqlite3.connect(path)
        old.execute(f"CREATE TABLE IF NOT EXISTS usage_metrics ({schema})")
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            old.execute(f"INSERT INTO usage_metrics ({names}) VALUES ({marks})", [*row.values()])
        old.commit()
        old.close()
        return path

    return make


def run(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_metrics", path, stdout=out, **options)
    return out.getvalue()


def counts(said: str) -> str:
    """The summary's figures, without the path and the seconds."""
    return said.splitlines()[0].partition(" s: ")[2]


def rejects_of(path: Path) -> Path:
    return path.parent / "portal" / f"{path.name}.rejected.ndjson"

"""Bytes a row on disk, with everything that is kept, and what they are spent on."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import rows
from benchmarks.figures import TIMES, Line, Target
from benchmarks.reference import Reference
from benchmarks.stores import SqliteStore, Store

_TABLE = "usage_metrics"
_SAMPLE = 1_000


def measure(store: Store, reference: Reference, count: int, *, applies: bool) -> list[Line]:
    """`applies`: whether the target is meant for this size and engine."""
    ours, theirs = store.bytes() / count, reference.bytes() / count
    ratio = ours / theirs
    short = f"bytes a row beside the reference: {ratio:.2f}{TIMES}"
    target = Target(f"≤ 1.3{TIMES} (10 M rows)", ratio, 1.3, applies=applies, short=short)
    return [
        Line(
            "bytes a row on disk, all included",
            f"{ours:,.0f}",
            f"reference {theirs:,.0f}",
            f"{ratio:.2f}{TIMES}",
            target,
        )
    ]


def note(store: Store, count: int) -> str:
    """Where the bytes go, in one sentence."""
    fields = f"{added_bytes():.0f} bytes a row are the fields that the reference has no columns for"
    if not isinstance(store, SqliteStore):
        return f"{fields}."
    sizes = bytes_by_name(store.path)
    large = {name: size for name, size in sizes.most_common() if size >= count}
    parts = [f"{name} {size / count:,.0f}" for name, size in large.items()]
    rest = (sizes.total() - sum(large.values())) / count
    return f"Bytes a row: {', '.join(parts)}, all else {rest:,.1f}; of `{_TABLE}`, {fields}."


def bytes_by_name(path: Path) -> Counter[str]:
    """The bytes of each table and index; nothing where this SQLite cannot tell."""
    with closing(sqlite3.connect(path)) as database:
        try:
            sizes = database.execute("SELECT name, pgsize FROM dbstat('main', 1)").fetchall()
        except sqlite3.OperationalError:
            return Counter()
    return Counter({f"`{name}`": size for name, size in sizes})


def added_bytes() -> float:
    """The mean size of the columns that the classic schema lacks, from a sample of rows."""
    sample = rows.stored(rows.live(0, _SAMPLE))
    columns = range(len(rows.CLASSIC), len(rows.COLUMNS))
    return sum(stored_bytes(row[column]) for row in sample for column in columns) / len(sample)


def stored_bytes(value: Any) -> int:
    """What SQLite's record format takes for a value: a byte of type, and the value."""
    if isinstance(value, str):
        return 1 + len(value.encode())
    if isinstance(value, float):
        return 9
    if value in (None, 0, 1):
        return 1
    bits = int(value).bit_length() + 1  # one is the sign
    return 1 + next(size for size in (1, 2, 3, 4, 6, 8) if bits <= 8 * size)

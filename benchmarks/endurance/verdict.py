"""At the end: the database against the ledger, and the sums against the rows."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg

from benchmarks.endurance.ledger import Ledger, batch_of
from benchmarks.endurance.stage import Stage
from benchmarks.stores import SqliteStore
from tests.serving import manage

_NAMES = "SELECT response_id, COUNT(*) FROM usage_metrics GROUP BY response_id"
_PATIENCE = 3600


@dataclass(frozen=True)
class Verdict:
    """Zeros are what it should be."""

    acknowledged: int
    lost: int
    doubled: int
    unknown: int  # rows that nobody sent
    counted_too_many: int  # or, below zero, too few requests in the totals of all time
    sums_differ: str
    surprises: dict[str, int]

    @property
    def is_good(self) -> bool:
        return not (
            self.lost or self.doubled or self.unknown or self.counted_too_many
            or self.sums_differ or self.surprises
        )  # fmt: skip


def judge(stage: Stage) -> Verdict:
    """Asks the portal, and then ends it."""
    with stage.connected() as connection:
        connection.request("GET", "/_qs/metrics")
        answer = connection.getresponse().read()
    total = _total_requests(answer)
    if stage.stop_portal() != 0:
        stage.ledger.surprise("the portal did not end well")
    checked = manage(
        stage.folder, "rebuild_rollups", "--check", patience=_PATIENCE, **stage.settings
    )
    lost, doubled, unknown = compare(stage.ledger, _stored(stage))
    return Verdict(
        stage.ledger.rows, lost, doubled, unknown, total - stage.ledger.rows,
        "" if checked.returncode == 0 else (checked.stdout + checked.stderr)[-500:],
        dict(stage.ledger.surprises),
    )  # fmt: skip


def compare(ledger: Ledger, stored: Iterator[tuple[str | None, int]]) -> tuple[int, int, int]:
    """Rows that are lost, that are there more than once, and that nobody sent.

    Of rows that a purge may have taken none can be missed.
    """
    found: Counter[str] = Counter()
    doubled = unknown = 0
    for name, count in stored:
        batch = batch_of(name or "")
        if batch not in ledger.kept and batch not in ledger.purged:
            unknown += count
        doubled += count - 1
        found[batch] += 1
    lost = sum(rows - found[batch] for batch, rows in ledger.kept.items())
    return lost, doubled, unknown


def _total_requests(answer: bytes) -> int:
    return int(json.loads(answer)["totals"]["total_requests"])


def _stored(stage: Stage) -> Iterator[tuple[str | None, int]]:
    if isinstance(stage.store, SqliteStore):
        with closing(sqlite3.connect(stage.store.path)) as database:
            yield from database.execute(_NAMES)
    else:
        with psycopg.connect(stage.store.url) as server, server.cursor("names") as cursor:
            cursor.execute(_NAMES)
            yield from cursor

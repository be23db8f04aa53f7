"""An hour of everything at once; ends with 1 when anything was lost, doubled or surprising.

.venv/bin/python -m benchmarks.endurance --minutes 60
.ci/with_postgres .venv/bin/python -m benchmarks.endurance --minutes 60
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks import report
from benchmarks.endurance import page, questions, upkeep, verdict
from benchmarks.endurance.senders import SENDERS
from benchmarks.endurance.stage import Stage
from benchmarks.stores import PostgresStore, SqliteStore

Activity = Callable[[Stage], None]
ACTIVITIES: list[Activity] = [
    *SENDERS,
    questions.ask_questions,
    questions.ask_questions,
    questions.ask_dear_questions,
    questions.ask_dear_questions,
    questions.probe_health,
    questions.export,
    upkeep.be_hostile,
    upkeep.kill,
    upkeep.purge,
    upkeep.weigh,
]


def run(stage: Stage, seconds: float, activities: list[Activity]) -> verdict.Verdict:
    """All activities for that long, and then the verdict."""
    stage.raise_portal()
    try:
        threads = [threading.Thread(target=_guarded, args=(a, stage)) for a in activities]
        for thread in threads:
            thread.start()
        _wait(stage, seconds)
        stage.is_over.set()
        for thread in threads:
            thread.join()
        return verdict.judge(stage)
    finally:
        stage.is_over.set()
        if stage.portal is not None:
            stage.kill_portal()


def _guarded(activity: Activity, stage: Stage) -> None:
    try:
        activity(stage)
    except Exception as error:  # noqa: BLE001  # the run goes on, and the verdict tells
        stage.ledger.surprise(f"{activity.__name__} broke off: {error!r}")


def _wait(stage: Stage, seconds: float) -> None:
    """Says each minute how it goes."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        stage.is_over.wait(min(60.0, left))
        print(
            f"{max(0.0, end - time.monotonic()) / 60:.0f} min left, "
            f"{stage.ledger.rows:,} rows, surprises: {dict(stage.ledger.surprises)}",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def _store() -> Iterator[tuple[SqliteStore | PostgresStore, str]]:
    with tempfile.TemporaryDirectory(prefix="qsmetrics-endurance-") as name:
        server = os.environ.get("DATABASE_URL")
        folder = Path(name) / "portal"
        store = PostgresStore(folder, server) if server else SqliteStore(folder)
        try:
            yield store, "postgresql" if server else "sqlite"
        finally:
            with suppress(FileNotFoundError):
                store.drop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--peers", type=int, default=200, help="hostile peers")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up rows")
    options = parser.parse_args()
    with _store() as (store, engine):
        stage = Stage(store, peers=options.peers, chance=random.Random(options.seed))
        found = run(stage, 60 * options.minutes, ACTIVITIES)
        name = f"endurance-{engine}"
        print(page.write(report.FOLDER, name, stage.minutes.all(), found, options.peers))
    return 0 if found.is_good else 1


if __name__ == "__main__":
    sys.exit(main())

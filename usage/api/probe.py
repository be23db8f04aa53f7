"""Whether usage can be stored right now, asked on a thread of its own: the database may hang.

The probe has a connection of its own too, beside the pool, so that it waits for nobody's.
"""

import logging
import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from usage.api.shapes.state import Collector, Jobs, Sources, Suppressed, WaitingRows
from usage.database import job_lock, pool, storage
from usage.database.transactions import short_write_transaction
from usage.database.trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, Trouble, trouble_of
from usage.database.versions import require_known_database
from usage.models import CollectorState, SuppressedPair
from usage.queries import records_persisted
from usage.queries.source_report import count_sources
from usage.rollups import filling, names, unsummed
from usage.rollups.declarations import SUMMED
from usage.rollups.name_entries import rooms

logger = logging.getLogger(__name__)

LEAST_FREE_BYTES = 16 * 2**20
LONGEST_WAIT = 1.5  # seconds: probes of load balancers and orchestrators give up after two
_LOCK_WAIT = 0.5  # seconds, for a lock of this process, and again for one of another
_MOST_NAMES = 10_000  # are counted
_MOST_WAITING = 10_000  # rows, likewise
_MOST_PAIRS = 20  # clients name the sources
_SILENT = Trouble(
    "no answer",
    "the database does not answer: see whether it, its disk or its network hangs",
    503,
    RETRY_AFTER_SECONDS,
)


@dataclass
class Finding:
    """What a probe has found, once it has `ended`: trouble, or figures."""

    began: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)
    trouble: Trouble | None = None
    figures: dict[str, Any] = field(default_factory=dict)


class Probes:
    """One at a time; who asks meanwhile is told what it finds, or that it does not end."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._running: Finding | None = None

    def ask(self) -> Finding:
        """What a probe finds; after LONGEST_WAIT, that it does not end."""
        with self._mutex:
            finding = self._running
            if finding is None or finding.ended.is_set():
                finding = self._running = Finding()
                name = "health probe"
                threading.Thread(target=_probe, args=[finding], name=name, daemon=True).start()
        finding.ended.wait(max(0.0, finding.began + LONGEST_WAIT - time.monotonic()))
        return finding if finding.ended.is_set() else Finding(trouble=_SILENT)


def _probe(finding: Finding) -> None:
    try:
        with pool.beside_pool(_LOCK_WAIT):
            finding.trouble = _disk_trouble()
            if finding.trouble is None:
                _try_writing()
                finding.figures = _figures()
    except DATABASE_TROUBLE as error:
        finding.trouble = trouble_of(error)
    finally:
        finding.ended.set()


def _try_writing() -> None:
    """Take the write lock and touch nothing: fails where a real write would."""
    require_known_database()
    with (
        short_write_transaction(_LOCK_WAIT, statement_seconds=2 * _LOCK_WAIT),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE usage_rollups SET requests = requests WHERE rollup = 0")


def _figures() -> dict[str, Any]:
    figures: dict[str, Any] = {
        "total_records_persisted": records_persisted(),
        "names_as_other": names.count_others(_MOST_NAMES),
        "room_for_names": min(rooms(SUMMED).values()),
        "waiting_rows": _waiting(),
        "filled_share": round(filling.share_filled(), 4),
        "jobs": _jobs(),
        "sources": None if (counts := count_sources()) is None else Sources(*counts),
    }
    if settings.METRICS_CLIPROXY:
        figures["collectors"] = _collectors()
    if settings.METRICS_SOURCE_PRIORITY:
        figures["suppressed_duplicates"] = _suppressed()
    return figures


def _waiting() -> WaitingRows:
    found = unsummed.waiting(_MOST_WAITING)
    return WaitingRows(found.rows, found.since)


def _jobs() -> Jobs:
    """Who runs them, without the host's name: health is open to all."""
    holder = job_lock.holder()
    if holder is None:
        return Jobs(None, None, None)
    return Jobs(holder.program or "unknown", holder.process, holder.since)


def _collectors() -> list[Collector]:
    proxies = [proxy.name for proxy in settings.METRICS_CLIPROXY]
    rows = CollectorState.objects.filter(name__in=proxies)
    return [Collector(*row) for row in rows.values_list(*Collector.__struct_fields__)]


def _suppressed() -> list[Suppressed]:
    pairs = SuppressedPair.objects.order_by("-calls")[:_MOST_PAIRS]
    return [Suppressed(*pair) for pair in pairs.values_list(*Suppressed.__struct_fields__)]


def _disk_trouble() -> Trouble | None:
    """What SQLite does not notice itself: a full disk ahead."""
    file = storage.file()
    if file is None or not file.exists():
        return None
    free = shutil.disk_usage(file).free
    if free >= LEAST_FREE_BYTES:
        return None
    sentence = f"the disk that holds the database is almost full: only {free // 2**20} MiB are free"
    return Trouble("almost full", sentence, 503, 6 * RETRY_AFTER_SECONDS)

"""How a collector is doing, kept in the database for those who ask."""

import datetime as dt
import logging
import threading
import time
from collections import Counter

from qsmetrics.cliproxy_setting import Proxy
from usage.database.transactions import write_transaction
from usage.database.trouble import DATABASE_TROUBLE
from usage.live_keys import without_keys
from usage.models import CollectorState

logger = logging.getLogger(__name__)

_SAVED_EVERY = 2.0  # seconds
_ALIVE_EVERY = 20.0  # also when nothing changes, so that a gap can be told
_KEPT = "kept on disk meanwhile: "
_State = CollectorState.State


class Progress:
    """The state of a collector, and its counts since they were last saved. Threads may share it."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._state, self._way, self._error = str(_State.WAITING), "", ""
        self._spooled = 0
        self._last_loss = ""
        self._last_record_at: dt.datetime | None = None
        self._saved_at = -_ALIVE_EVERY

    def seconds_since_last(self) -> float:
        """Since a collector of that name was last heard of; 0 for the first."""
        try:
            known = CollectorState.objects.filter(name=self._proxy.name).first()
        except DATABASE_TROUBLE:
            return 0
        if known is None:
            return 0
        return (dt.datetime.now(dt.UTC) - known.updated_at).total_seconds()

    def connected(self, way: str) -> None:
        self._way = way
        self._tell(_State.COLLECTING, "")

    def waits(self, reason: str) -> None:
        self._tell(_State.WAITING, reason)

    def stopped(self, reason: str) -> None:
        self._tell(_State.STOPPED, reason)

    def came(self, records: int) -> None:
        if records:
            self._last_record_at = dt.datetime.now(dt.UTC)
        age = time.monotonic() - self._saved_at
        if age > (_SAVED_EVERY if self._counts.total() else _ALIVE_EVERY):
            self._save()

    def spooled(self, records: int, reason: str = "") -> None:
        """How many wait on disk, and why, where it is not only for their turn."""
        self._spooled = records if reason else 0
        if reason or self._error.startswith(_KEPT):
            self._tell(self._state, f"{_KEPT}{reason}" if reason else "")

    def count(self, **found: int) -> None:
        """Add to the counts of CollectorState."""
        with self._lock:
            self._counts.update(found)

    def lost(self, reason: str) -> None:
        """Note that records may have been lost. Nobody can know for certain."""
        self.count(possible_losses=1)
        self._last_loss = (
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC: {without_keys(reason)}"[:500]
        )
        logger.warning("%s: possible loss: %s", self._proxy.name, reason)
        self._save()

    def _tell(self, state: str, error: str) -> None:
        """Saved and logged where it is news."""
        error = without_keys(error)
        news = (state, error[:500]) != (self._state, self._error)
        self._state, self._error = state, error[:500]
        if news:
            how = f" by {self._way}" if state == _State.COLLECTING else ""
            logger.warning("%s: %s%s %s", self._proxy.name, state, how, self._error)
            self._save()

    def _save(self) -> None:
        """Save state and counts. In trouble with the database the counts wait for the next call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            with write_transaction(_SAVED_EVERY):
                row, _ = CollectorState.objects.get_or_create(name=self._proxy.name)
                for name, count in counts.items():
                    setattr(row, name, getattr(row, name) + count)
                row.url, row.state, row.way = self._proxy.url, self._state, self._way
                row.error, row.spooled = self._error, self._spooled
                row.last_loss = self._last_loss or row.last_loss
                row.last_record_at = self._last_record_at or row.last_record_at
                row.save()
        except DATABASE_TROUBLE:
            self.count(**counts)
            return
        self._saved_at = time.monotonic()

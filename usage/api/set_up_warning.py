"""A sentence for a sender of whom nothing counts, where OTLP's answer has room for one.

`error_message` with nothing rejected is OTLP's way to warn, which some SDKs log as an error. So it
comes only where a source has sent nothing that counts for a while, and seldom.
"""

import datetime as dt
import logging
import threading
import time

from usage.advice import advice_for
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.heard import PASSED_OVER, Heard, Origin
from usage.recording import ledger

logger = logging.getLogger(__name__)

SILENT_FOR = dt.timedelta(minutes=10)  # most send metrics and the like before their first call
EVERY = 3600.0  # seconds, of one source in one process
_MOST_REMEMBERED = 1000


class _Warned:
    """When each source was told last, on the monotonic clock."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._change = threading.Lock()

    def is_due(self, source: str) -> bool:
        now = time.monotonic()
        with self._change:
            if now < self._at.get(source, -EVERY) + EVERY:
                return False
            if len(self._at) >= _MOST_REMEMBERED:
                self._at.clear()
            self._at[source] = now
            return True

    def forget(self) -> None:
        self._at.clear()


_warned = _Warned()
forget = _warned.forget


def warning_for(origin: Origin, heard: Heard) -> str:
    """What the sender of a post without calls should switch on; empty where all may be well."""
    sources = {source or origin.unnamed for source, kind, _ in heard if kind == PASSED_OVER}
    if not sources:
        return ""
    source = min(sources)
    try:
        silent = ledger.silent(source)
    except DATABASE_TROUBLE as error:
        logger.info("nothing is known of sources: %s", trouble_of(error))
        return ""
    if silent is None or dt.datetime.now(dt.UTC) - silent.since < SILENT_FOR:
        return ""
    if not _warned.is_due(source):
        return ""
    return advice_for(source, silent.passed_over) or ""

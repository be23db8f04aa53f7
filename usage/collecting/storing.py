"""From the spool to the database, on a thread of its own: a queue does not wait for locks."""

import logging
import threading
from collections.abc import Callable, Sequence

import msgspec
from django.db import DataError, IntegrityError, connection

from usage.collecting.progress import Progress
from usage.collecting.spool import Spool
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.heard import Origin
from usage.recording import record_checked
from usage.records import UsageRecord
from usage.upstream_accounts import AccountsTold

logger = logging.getLogger(__name__)

_MOST_WAITING = 100_000  # records; then the queue must wait
_AT_ONCE = 2_000
_REST = 0.5  # seconds between two tries
_Bury = Callable[[bytes, str], None]


class SpooledStore:
    """Takes records, durable on return, and stores them when the database takes them."""

    def __init__(self, spool: Spool, progress: Progress, origin: Origin, bury: _Bury) -> None:
        self._spool, self._progress, self._bury = spool, progress, bury
        self._origin = origin
        self._changed = threading.Condition()
        self._waiting, self._told = spool.content()  # of a process that was killed
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="collector store", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= _MOST_WAITING

    def add(self, records: Sequence[UsageRecord], told: AccountsTold) -> None:
        """`told` is what came with the records of upstream accounts."""
        with self._changed:
            try:
                if not self._spool.is_in_place():
                    self._spool.move_into_place()
                    self._spool.add(self._waiting, self._told)
                self._spool.add(records, told)
            except OSError as error:  # held in memory, and the database may take them all the same
                logger.warning("the spool of the collector: %s", error.strerror)
            self._waiting += records
            self._told.add_all(told)
            self._changed.notify()

    def close(self, seconds: float) -> None:
        """Store what waits, within that time; the rest is in the spool for the next start."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not (self._is_closing and not self._waiting):
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._is_stored() and self._is_closing:
                    return
        finally:
            connection.close()

    def _is_stored(self) -> bool:
        """Whether the database took all that waits; after trouble, a while later."""
        while some := self._waiting[:_AT_ONCE]:
            with self._changed:
                told, self._told = self._told, AccountsTold()
            try:
                self._store(some, told)
            except DATABASE_TROUBLE as error:
                self._progress.spooled(len(self._waiting), str(trouble_of(error)))
                with self._changed:
                    self._told.add_all(told)
                    self._changed.wait(_REST)
                return False
            with self._changed:
                del self._waiting[: len(some)]
                if not self._waiting:
                    self._spool.clear()
        self._progress.spooled(0)
        return True

    def _store(self, records: list[UsageRecord], told: AccountsTold) -> None:
        try:
            self._count(records, told)
        except (DataError, IntegrityError):
            for record in records:
                try:
                    self._count([record], AccountsTold())
                except (DataError, IntegrityError):
                    self._bury(msgspec.json.encode(record), "the database refuses its values")
            self._count([], told)

    def _count(self, records: list[UsageRecord], told: AccountsTold) -> None:
        result = record_checked(records, told=told, origin=self._origin)
        self._progress.count(records=result.accepted, duplicates=result.duplicates)

"""Collects one proxy's usage: what its queue gives goes to the spool, and from there on."""

import datetime as dt
import logging
import random
import re
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

from qsmetrics.cliproxy_setting import Proxy
from usage.collecting import dead_letters
from usage.collecting.auth_files import AccountNames
from usage.collecting.management import KeyRefused, NoQueue
from usage.collecting.progress import Progress
from usage.collecting.queues import Queue, open_queue
from usage.collecting.spool import Spool
from usage.collecting.storing import SpooledStore
from usage.collecting.turn import CollectorTurn
from usage.heard import REJECTED, Heard, Origin
from usage.intake import cliproxy
from usage.recording import unwritten
from usage.records import InvalidRow, UsageRecord
from usage.upstream_accounts import AccountsTold

logger = logging.getLogger(__name__)

RETENTION = 60.0  # seconds for which a proxy keeps what nobody fetches, unless told otherwise
_SHORTEST_REST, _LONGEST_REST = 0.5, 10.0  # short beside what the proxy keeps
_TURN_PAUSE = 2.0
_DRAINED_FOR = 5.0  # seconds at the end
_STORED_WITHIN = 10.0
_NAMED_WITHIN = 2.0


class QueueCollector:
    """Runs until it is told to stop. One at a time collects a proxy on a machine."""

    def __init__(self, proxy: Proxy) -> None:
        folder = Path(settings.METRICS_STORAGE_PATH).parent / "collector"
        self._base = folder / re.sub(r"[^A-Za-z0-9_.-]", "_", proxy.name)
        self._proxy = proxy
        self._stop = threading.Event()
        self._progress = Progress(proxy)
        self._origin = Origin("collector", proxy.name)
        self._heard_at: float | None = None
        self._names: AccountNames | None = None

    def stop(self) -> None:
        """Soon, after storing what has come."""
        self._stop.set()

    def run(self) -> None:
        """Until `stop`, or until the proxy refuses the key."""
        try:
            self._base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            turn = CollectorTurn(self._file("lock"))
            try:
                while not turn.take():
                    if self._stop.wait(_TURN_PAUSE):
                        return
                self._collect()
            finally:
                turn.give_up()
        except OSError as error:
            self._progress.stopped(f"{error.strerror}: {error.filename}")
        finally:
            connection.close()

    def _collect(self) -> None:
        spool = Spool(self._file("spool"))
        self._note_gap(self._progress.seconds_since_last())
        self._store = SpooledStore(spool, self._progress, self._origin, self._bury)
        try:
            reason = self._refusal()
        finally:
            self._store.close(_STORED_WITHIN)
            if self._names is not None:
                self._names.close(_NAMED_WITHIN)
            spool.close()
        self._progress.stopped(reason)

    def _refusal(self) -> str:
        """Why there is no going on; empty when it was told to stop."""
        rest = _SHORTEST_REST
        while not self._stop.is_set():
            was_heard_at = self._heard_at
            try:
                self._connected()
            except KeyRefused as refusal:
                return f"the proxy refuses METRICS_CLIPROXY_KEY: {refusal}"
            except (OSError, NoQueue) as error:
                self._progress.waits(_said(error))
            if self._heard_at != was_heard_at:
                rest = _SHORTEST_REST
            self._stop.wait(rest * random.uniform(0.5, 1.5))  # noqa: S311
            rest = min(2 * rest, _LONGEST_REST)
        return ""

    def _connected(self) -> None:
        queue = open_queue(self._proxy)
        try:
            if self._heard_at is not None:
                self._note_gap(time.monotonic() - self._heard_at)
            self._progress.connected(queue.way)
            if self._names is None:  # with a key that was accepted, since wrong ones are counted
                self._names = AccountNames(self._proxy)
            while not self._stop.is_set():
                self._take(queue)
            self._drain(queue)
        except ConnectionError:
            if queue.way == "subscribe":
                self._progress.lost("the subscription broke off: more may have been on its way")
            raise
        finally:
            queue.close()

    def _drain(self, queue: Queue) -> None:
        """What has come for this collector already is with nobody else."""
        until = time.monotonic() + _DRAINED_FOR
        while time.monotonic() < until and self._take(queue):
            pass

    def _take(self, queue: Queue) -> bool:
        """Whether there was a batch. It is on disk before the next one is asked for."""
        if self._store.is_full:
            self._stop.wait(_SHORTEST_REST)
            return False
        payloads = queue.next_batch()
        self._heard_at = time.monotonic()
        told = AccountsTold()
        records = self._records(payloads, told)
        if records:
            self._store.add(records, told)
        self._progress.came(len(records))
        return bool(payloads)

    def _records(self, payloads: list[bytes], told: AccountsTold) -> list[UsageRecord]:
        now = dt.datetime.now(dt.UTC)
        found = []
        for payload in payloads:
            if (sign := cliproxy.sign_in(payload)) is not None:
                if sign is cliproxy.Sign.REFRESH and self._names is not None:
                    self._names.want()
                continue
            try:
                record = cliproxy.record_of(payload, self._proxy.name, now)
            except InvalidRow as error:
                self._bury(payload, str(error))
                continue
            cliproxy.tell_of_account(payload, record, told)
            found.append(record)
        if self._names is not None:
            self._names.meet(found)
        return found

    def _bury(self, payload: bytes, reason: str) -> None:
        self._progress.count(broken=1)
        unwritten.note(Heard({("", REJECTED, reason): 1}).entries(self._origin))
        try:
            dead_letters.keep(self._file("broken.ndjson"), payload, reason)
        except OSError as error:
            logger.warning("dead letters of %s: %s", self._proxy.name, error.strerror)

    def _note_gap(self, seconds: float) -> None:
        if seconds > RETENTION:
            self._progress.lost(
                f"nobody collected for {seconds:.0f} s, and a proxy keeps records for "
                f"{RETENTION:.0f} s unless it is told otherwise"
            )

    def _file(self, ending: str) -> Path:
        return self._base.with_name(f"{self._base.name}.{ending}")


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"the proxy cannot be reached: {error.strerror}"
    return f"nothing can be collected: {error or type(error).__name__}"

"""The portal under way, which is killed and comes again, and what all activities share."""

import http.client
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.endurance.ledger import Ledger
from benchmarks.endurance.minutes import Minutes
from benchmarks.stores import PostgresStore, SqliteStore
from tests.serving import Answer, Portal, launch, send

PATIENCE = 60.0
LOST = (OSError, http.client.HTTPException)


@dataclass
class Stage:
    """`is_over` asks all to come to an end."""

    store: SqliteStore | PostgresStore
    ledger: Ledger = field(default_factory=Ledger)
    minutes: Minutes = field(default_factory=Minutes)
    is_over: threading.Event = field(default_factory=threading.Event)
    rest_after_loss: float = 0.2
    seconds_between_kills: float = 60.0
    peers: int = 200
    address: str = "127.0.0.1:0"
    portal: Portal | None = None
    chance: random.Random = field(default_factory=random.Random)

    @property
    def folder(self) -> Path:
        return self.store.folder

    @property
    def settings(self) -> dict[str, str]:
        return {**self.store.settings, "METRICS_BIND_ADDRESS": self.address}

    def raise_portal(self) -> None:
        """Start the portal, on the same port as before."""
        self.portal = launch(self.folder, **self.settings)
        self.portal.wait_until_healthy()
        self.address = f"{self.portal.host}:{self.portal.port}"

    def kill_portal(self) -> None:
        portal, self.portal = self.portal, None
        assert portal is not None
        portal.kill()
        self._note_output(portal)

    def stop_portal(self) -> int:
        """Its exit status."""
        portal, self.portal = self.portal, None
        assert portal is not None
        status = portal.stop()
        self._note_output(portal)
        return status

    @contextmanager
    def connected(self) -> Iterator[http.client.HTTPConnection]:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, path: str, kind: str, *, may_be_refused: bool = False) -> Answer | None:
        """One question on a connection of its own; None while the portal is down."""
        began = time.monotonic()
        try:
            with self.connected() as connection:
                answer = send(connection, "GET", path)
        except LOST:
            self.minutes.count(f"{kind} unanswered")
            self.rest(self.rest_after_loss)
            return None
        if not (may_be_refused and answer.status == 400):
            self.judge(kind, answer.status, time.monotonic() - began)
        return answer

    def judge(self, kind: str, status: int, seconds: float) -> bool:
        """Whether it was a success; 503 is none, but nothing to be surprised at."""
        if status in (200, 201):
            self.minutes.wait(kind, seconds)
            return True
        self.minutes.count(f"{kind} {status}")
        if status != 503:
            self.ledger.surprise(f"{kind} answered {status}")
        return False

    def rest(self, seconds: float) -> None:
        self.is_over.wait(seconds)

    def _note_output(self, portal: Portal) -> None:
        if "Traceback" in portal.output:
            self.ledger.surprise("the portal logged a traceback")
            (self.folder / "traceback.log").write_text(portal.output, encoding="utf-8")
        assert portal.process.stdout is not None
        portal.process.stdout.close()


Headers = Mapping[str, str]

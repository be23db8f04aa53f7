"""Clients that post to portals until they are told to stop, and remember what was acknowledged."""

import collections
import http.client
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.serving import Portal, send

ROWS_A_POST = 10
_PATIENCE = 30.0
_REST = 0.05  # seconds after a 503; its Retry-After would make tests long


@dataclass
class Poster:
    """Posts batch after batch, the portals in turn, and each until it is acknowledged."""

    name: str
    portals: list[Portal]
    has_keys: bool
    acknowledged: list[str] = field(default_factory=list)
    answers: collections.Counter[int] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Once the batch under way is acknowledged."""
        self._is_over.set()
        self._thread.join(timeout=3 * _PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        number = 0
        while not (self._is_over.is_set() or self.faults):
            rows = self._rows(number)
            headers = {"Idempotency-Key": f"{self.name}-{number}"} if self.has_keys else {}
            turn = number
            while not (self._is_acknowledged(turn, rows, headers) or self.faults):
                turn += 1
                time.sleep(_REST)
            number += 1

    def _rows(self, number: int) -> list[dict[str, str]]:
        names = [f"{self.name}-{number}-{row}" for row in range(ROWS_A_POST)]
        if self.has_keys:
            return [{"model": "m", "request_id": name} for name in names]
        now = datetime.now(UTC).isoformat()
        return [
            {"model": "m", "request_id": name, "event_id": name, "timestamp": now}
            for name in names
        ]  # fmt: skip

    def _is_acknowledged(
        self, turn: int, rows: list[dict[str, str]], headers: dict[str, str]
    ) -> bool:
        portal = self.portals[turn % len(self.portals)]
        connection = http.client.HTTPConnection(portal.host, portal.port, timeout=_PATIENCE)
        try:
            answer = send(connection, "POST", "/_qs/usage", rows, headers)
        except (OSError, http.client.HTTPException):
            self.answers[0] += 1
            return False
        finally:
            connection.close()
        self.answers[answer.status] += 1
        if answer.status == 503 and not answer.headers.get("Retry-After"):
            self.faults.append("503 without Retry-After")
        if answer.status not in {201, 503}:
            self.faults.append(f"{answer.status} {answer.body[:200]!r}")
        if answer.status == 201:
            self.acknowledged += [row["request_id"] for row in rows]
        return answer.status == 201

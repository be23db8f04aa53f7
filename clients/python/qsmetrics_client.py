"""Sends usage rows to a qsmetrics portal behind the caller's back: see docs/own-clients.md."""

from __future__ import annotations

import atexit
import gzip
import hashlib
import json
import logging
import os
import random
import secrets
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

FIELDS = (
    "timestamp model prompt_tokens completion_tokens total_tokens cached_tokens cache_write_tokens"
    " reasoning_tokens cache_write_1h_tokens audio_input_tokens audio_output_tokens"
    " image_input_tokens image_output_tokens service_tier request_id response_id status latency_ms"
    " ttft_ms api_key_hash provider"
    " requested_model app user team project session account cost_usd source event_id"
).split()


def hash_api_key(key: str) -> str:
    """What stands for a client's key in a row: its hex SHA-256, without "Bearer "."""
    key = key.strip()
    key = key[7:].strip() if key[:7].lower() == "bearer " else key
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


class _AsAnswered(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        return response  # whatever its status: no redirect is followed, no exception raised

    https_response = http_response


@dataclass(eq=False)
class Client(AbstractContextManager["Client"]):
    """Takes rows from any thread and sends them from one of its own. Make one for a program."""

    url: str
    token: str = field(default="", repr=False)
    queue_rows: int = 10_000  # that wait or are on their way, at most
    batch_rows: int = 500  # in one post, at most
    interval: float = 1  # seconds that a row waits for others
    timeout: float = 10  # seconds without a sign of the portal
    retry_pause: float = 0.5  # seconds after a first failure, then doubled up to 64 times
    on_error: Callable[[str], object] = logging.getLogger("qsmetrics").warning

    def __post_init__(self) -> None:
        self.url, self.token = self.url.rstrip("/"), self.token.strip()
        if not self.url.startswith(("http://", "https://")) or set(self.url) & set("@?# \n"):
            raise ValueError("want a URL such as http://127.0.0.1:8081, without password and query")
        if not all("!" <= sign <= "~" for sign in self.token):
            raise ValueError("the token must be ASCII without spaces")
        self._open = urllib.request.build_opener(_AsAnswered).open
        self._is_closed = self._is_hurried = self._has_given_up = False
        self._begin()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a forked process: rows recorded before are its parent's to send."""
        self._changed = threading.Condition()
        self._rows: deque[bytes] = deque()  # until they are stored or refused
        self._thread: threading.Thread | None = None
        self._recorded = self._settled = self._flush_goal = 0
        self.dropped = 0  # rows that found the queue full, or the client closed
        self.rejected = 0  # rows that the portal refused, or that make no JSON for it

    def record(self, row: Mapping[str, Any]) -> None:
        """Queue a row, or drop and count it where there is no room. Never waits or raises."""
        try:
            line = _as_json(row)
            with self._changed:
                is_full = len(self._rows) >= self.queue_rows or len(line) > 32_768
                if is_full or self._is_closed:
                    self.dropped += 1
                    return
                if not (self._thread and self._thread.is_alive()):  # no fork takes it along
                    self._thread = threading.Thread(target=self._run, daemon=True)
                    self._thread.start()
                self._rows.append(line)
                self._recorded += 1
                if len(self._rows) in (1, self.batch_rows):
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001
            self._report(f"a row cannot be sent: {type(error).__name__}", rejected=1)

    def flush(self, timeout: float | None = 10) -> bool:
        """Wait until the rows recorded before are stored or refused; whether they all are."""
        with self._changed:
            goal = self._flush_goal = self._recorded
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._settled >= goal or self._has_given_up, timeout)
            return self._settled >= goal

    def close(self, timeout: float | None = 10) -> bool:
        """Take no more rows, flush, and stop; False, and a report, if rows are left."""
        self._is_closed = self._is_hurried = True
        is_done = self.flush(timeout)
        with self._changed:
            self._has_given_up = True
            self._changed.notify_all()
        if not is_done:
            self._report(f"{len(self._rows)} rows could not be delivered")
        return is_done

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._has_given_up:
            with self._changed:
                self._changed.wait_for(lambda: self._rows or self._is_closed)
                self._changed.wait_for(self._is_due, self.interval)
                batch = list(self._rows)[: self.batch_rows]
            if not batch:
                return
            self._deliver(batch)

    def _is_due(self) -> bool:
        is_full = len(self._rows) >= self.batch_rows
        return is_full or self._is_closed or self._settled < self._flush_goal

    def _deliver(self, batch: list[bytes]) -> None:
        """Post a batch until it is stored or refused, or until `close` gives up."""
        body, key = gzip.compress(b"\n".join(batch)), secrets.token_hex(16)
        pause = self.retry_pause
        while (wait := self._post(body, key, len(batch))) is not None:
            wait += pause * random.uniform(0.5, 1.5)  # noqa: S311
            pause = min(2 * pause, 64 * self.retry_pause)
            with self._changed:
                self._changed.wait_for(lambda: self._is_hurried or self._has_given_up, wait)
                self._is_hurried = False
            if self._has_given_up:
                return
        with self._changed:
            for _ in batch:
                self._rows.popleft()
            self._settled += len(batch)
            self._changed.notify_all()

    def _post(self, body: bytes, key: str, rows: int) -> float | None:
        """None when the rows are stored or refused, else the seconds that the portal asks for."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        headers |= {"Idempotency-Key": key}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            request = urllib.request.Request(f"{self.url}/_qs/usage?partial=true", body, headers)  # noqa: S310
            with self._open(request, timeout=self.timeout) as answer:
                text = answer.read(1_000_000).decode(errors="replace")
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except (OSError, HTTPException, ValueError) as error:
            self._report(f"{rows} rows wait, {self.dropped} dropped so far: {error}")
            return 0
        rejected, sentence = _understood(text)
        why = f"status {status}: {sentence}"
        if status == 408 or status >= 500:
            self._report(f"{rows} rows wait, {self.dropped} dropped so far: {why}")
            return min(int(retry_after[:9]), 300) if retry_after.isdecimal() else 0
        if rejected := rejected if status == 201 else rows:
            self._report(f"{rejected} of {rows} rows refused: {why}", rejected)
        return None

    def _report(self, text: str, rejected: int = 0) -> None:
        with self._changed:
            self.rejected += rejected
        with suppress(Exception):
            self.on_error(text.replace(self.token or "\0", "…")[:1000])


def _as_json(row: Mapping[str, Any]) -> bytes:
    """The fields of the contract alone; a key itself never leaves the process."""
    values = {name: row[name] for name in FIELDS if row.get(name) is not None}
    if row.get("api_key"):
        values.setdefault("api_key_hash", hash_api_key(row["api_key"]))
    values = {"timestamp": time.time(), "event_id": secrets.token_hex(16), **values}
    return json.dumps(values, allow_nan=False, default=lambda value: value.isoformat()).encode()


def _understood(text: str) -> tuple[int, str]:
    """How many rows an answer refuses, and its sentence, or the first row's."""
    try:
        answer = json.loads(text)
        if faults := answer.get("errors"):
            return int(answer["rejected"]), f"{faults[0]['field']}: {faults[0]['error']}"
        return 0, str(answer.get("error", ""))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return 0, ""

"""How long a question may read the database, which is told to stop when the time is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

MOST_SECONDS = 30.0
_STEPS_BETWEEN_LOOKS = 100_000  # of SQLite's machine: a millisecond or two


@contextmanager
def limited(seconds: float | None = None) -> Iterator[None]:
    """Statements within fail once so much time has passed since its begin.

    Their errors are SQLite's `interrupted` and PostgreSQL's statement timeout, for which
    `usage.database.trouble` has a sentence. Nothing is connected to that is not used.
    """
    limit = _Limit(MOST_SECONDS if seconds is None else seconds)
    try:
        with connection.execute_wrapper(limit):
            yield
    finally:
        limit.lift()


class ReadingTime:
    """Middleware: limits what is asked; what changes something takes the time that it needs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return self._get_response(request)
        with limited():
            return self._get_response(request)


class _Limit:
    """Set on the connection by the first statement, since another may be opened before it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._set_on: Any = None

    def __call__(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        if self._is_over():  # each statement has the time anew on PostgreSQL
            raise OperationalError("interrupted")
        raw = connection.connection
        if self._set_on is not raw:
            self._set(raw)
        return execute(sql, parameters, many, context)

    def lift(self) -> None:
        raw, self._set_on = self._set_on, None
        if raw is None or raw is not connection.connection:
            return
        if connection.vendor == "sqlite":
            raw.set_progress_handler(None, 0)
            return
        with suppress(DatabaseError, InterfaceError):  # the connection may be what failed
            self._send(raw, "RESET statement_timeout")

    def _set(self, raw: Any) -> None:
        if connection.vendor == "sqlite":
            raw.set_progress_handler(self._is_over, _STEPS_BETWEEN_LOOKS)
        else:
            self._send(raw, f"SET statement_timeout = {1000 * self._seconds:.0f}")
        self._set_on = raw

    def _is_over(self) -> bool:
        return time.monotonic() > self._end

    def _send(self, raw: Any, statement: str) -> None:
        with connection.wrap_database_errors:
            raw.execute(statement)

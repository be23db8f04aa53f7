"""The lines of the log: without API keys, and what the database said without its values."""

import logging
import math
import threading
import traceback
from types import TracebackType

from usage.database.trouble import DATABASE_TROUBLE, said_by
from usage.live_keys import without_keys

_ASKED_BY_ANYBODY = {"usage.api.health", "usage.exception_gate"}
_SECONDS_BETWEEN = 10.0
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class LineFormatter(logging.Formatter):
    """A traceback that a database error has a part in shows classes and codes only."""

    def format(self, record: logging.LogRecord) -> str:
        return without_keys(super().format(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802  # logging's own name
        errors = _chain(ei[1])
        if not any(isinstance(error, DATABASE_TROUBLE) for error in errors):
            return super().formatException(ei)
        parts: list[str] = []
        for error in reversed(errors):
            parts += traceback.format_tb(error.__traceback__)
            parts.append(f"{type(error).__name__}: {said_by(error)}\n")
        return "".join(parts).rstrip()


class SameTroubleSeldom(logging.Filter):
    """What anybody's request finds wrong with the database, each trouble every ten seconds.

    The next line tells how many there were between. Whoever asks names the path, so what counts
    as the same is the trouble, of which there are few.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], tuple[float, int]] = {}  # when, and left out since then
        self._change = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name not in _ASKED_BY_ANYBODY or not isinstance(record.args, tuple):
            return True
        trouble = record.name, str(record.args[-1:])
        with self._change:
            told_at, left_out = self._told.get(trouble, (-math.inf, 0))
            if 0 <= record.created - told_at < _SECONDS_BETWEEN:
                self._told[trouble] = told_at, left_out + 1
                return False
            self._told[trouble] = record.created, 0
        if left_out:
            record.msg, record.args = f"{record.msg} (and %d more)", (*record.args, left_out)
        return True


class WithoutUnavailable(logging.Filter):
    """No line of Django's for a 503: anybody could fill the log by asking too much.

    Whoever turns a request away has decided so, and trouble of the database has its own line.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != 503


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain

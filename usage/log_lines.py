"""The lines of the log: without API keys, and what the database said without its values."""

import logging
import traceback
from types import TracebackType

from usage.database_trouble import DATABASE_TROUBLE, said_by
from usage.live_keys import without_keys

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

"""Write transactions: turns where the database would make writers race, and second tries."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction

from usage.database.trouble import DATABASE_TROUBLE, busy, said_by

logger = logging.getLogger(__name__)

# PostgreSQL's words for "the other one goes first; do it again".
_ROLLED_BACK = ("40001", "40P01")  # serialization failure, deadlock
_LOST = ("08", "57P")  # connection exceptions, the server going down or coming up
_MOST_TRIES = 5
_LONGEST_REST = 0.05

_turn = threading.RLock()
Result = TypeVar("Result")


@contextmanager
def write_transaction(wait_seconds: float | None = None) -> Iterator[None]:
    """`atomic()`, one at a time within this process on SQLite.

    SQLite's own waiting is a lottery: of eight threads that poll for its one lock the unlucky
    wait for seconds. OperationalError after as long as SQLite itself would have waited, or
    after `wait_seconds`.
    """
    if connection.vendor != "sqlite":
        with transaction.atomic():
            yield
        return
    usual = settings.DATABASES["default"]["OPTIONS"]["timeout"]
    if not _turn.acquire(timeout=usual if wait_seconds is None else wait_seconds):
        raise busy("other writes of this process took too long")
    try:
        with transaction.atomic():
            yield
    finally:
        _turn.release()


@contextmanager
def short_write_transaction(
    wait_seconds: float, *, statement_seconds: float | None = None
) -> Iterator[None]:
    """One that gives up soon where others hold what it needs: for what can do without.

    PostgreSQL bounds the wait for each lock, and each statement by `statement_seconds`. On SQLite
    the turn within this process is waited for first, then as long again for other processes.
    """
    if connection.vendor == "sqlite":
        with busy_timeout(wait_seconds), write_transaction(wait_seconds):
            yield
        return
    with write_transaction(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {1000 * wait_seconds:.0f}")
        if statement_seconds is not None:
            cursor.execute(f"SET LOCAL statement_timeout = {1000 * statement_seconds:.0f}")
        yield


@contextmanager
def busy_timeout(seconds: float) -> Iterator[None]:
    """How long this connection to SQLite waits for a lock of another one."""
    connection.ensure_connection()
    raw = connection.connection
    usual = raw.patience
    raw.patience = seconds
    raw.set_waiting(seconds)
    try:
        yield
    finally:
        raw.patience = usual
        if raw is connection.connection:  # it is still open
            raw.set_waiting(usual)


def in_write_transaction(work: Callable[[], Result]) -> Result:
    """What `work` returns, once it is committed.

    Done again after a deadlock, a serialization failure or a lost connection, unless the
    commit itself was under way, of which nobody can tell whether it took place.
    """
    if connection.in_atomic_block:
        return work()
    for attempt in range(1, _MOST_TRIES + 1):
        is_worked = False
        try:
            with write_transaction():
                result = work()
                is_worked = True
            return result
        except DATABASE_TROUBLE as error:
            if attempt == _MOST_TRIES or not _may_try_again(error, is_worked=is_worked):
                raise
            logger.warning("trying a write again after: %s", said_by(error))
            time.sleep(random.uniform(0, _LONGEST_REST))  # noqa: S311
    raise AssertionError("the last try returns or raises")


def _may_try_again(error: Exception, *, is_worked: bool) -> bool:
    if connection.vendor == "sqlite":
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if state in _ROLLED_BACK:
        return True
    # Without a state it was the driver that found the connection broken.
    is_lost = state is None or state.startswith(_LOST)
    return is_lost and not is_worked

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

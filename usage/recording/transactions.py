"""Write transactions that take turns where the database itself would make them race."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction

_turn = threading.RLock()


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
        raise OperationalError("database is locked: other writes of this process took too long")
    try:
        with transaction.atomic():
            yield
    finally:
        _turn.release()

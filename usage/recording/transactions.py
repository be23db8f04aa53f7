"""Write transactions that take turns where the database itself would make them race."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction

_turn = threading.RLock()


@contextmanager
def write_transaction() -> Iterator[None]:
    """`atomic()`, one at a time within this process on SQLite.

    SQLite's own waiting is a lottery: of eight threads that poll for its one lock the unlucky
    wait for seconds. OperationalError after as long as SQLite itself would have waited.
    """
    if connection.vendor != "sqlite":
        with transaction.atomic():
            yield
        return
    if not _turn.acquire(timeout=settings.DATABASES["default"]["OPTIONS"]["timeout"]):
        raise OperationalError("database is locked: other writes of this process took too long")
    try:
        with transaction.atomic():
            yield
    finally:
        _turn.release()

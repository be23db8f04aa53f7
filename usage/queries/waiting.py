"""Rows that plain SQL wrote wait for the sums to take them: readers see to it when they can."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.models import UsageMetric
from usage.recording import write_transaction
from usage.rollups import keeping

logger = logging.getLogger(__name__)

_MOST = 20_000  # about half a second
_LONGEST_WAIT = 0.2  # seconds, for the lock of another writer


def add_waiting_rows() -> None:
    """Add some to the sums if there are any. Answers are right without it, only slower."""
    if not UsageMetric.objects.filter(is_summed=None).exists():
        return  # a question does not write
    try:
        with _short_waits():
            keeping.add_unsummed(_MOST)
    except DATABASE_TROUBLE as error:
        logger.debug("rows of plain SQL go on waiting for the sums: %s", trouble_of(error))


@contextmanager
def _short_waits() -> Iterator[None]:
    """A write transaction that gives up soon when another one is at work."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            with write_transaction():
                cursor.execute(f"SET LOCAL lock_timeout = {1000 * _LONGEST_WAIT:.0f}")
                yield
            return
        usual = settings.DATABASES["default"]["OPTIONS"]["timeout"]
        cursor.execute(f"PRAGMA busy_timeout = {1000 * _LONGEST_WAIT:.0f}")
        try:
            with write_transaction(_LONGEST_WAIT):
                yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {1000 * usual:.0f}")

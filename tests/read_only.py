"""A database that refuses writes for a while, as on a full disk or a replica."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def read_only(*, really: bool = True) -> Iterator[None]:
    """For tests that are in a transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        if really and connection.vendor == "sqlite":
            cursor.execute("PRAGMA query_only = ON")
        elif really:
            cursor.execute("SET LOCAL transaction_read_only = on")
        try:
            yield
        finally:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA query_only = OFF")
        transaction.set_rollback(True)  # which lifts it on PostgreSQL

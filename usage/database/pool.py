"""Database connections of the web server's threads: as many as are in use, each checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_LONGEST_WAIT = 5  # seconds for a connection, before the client is told to come again
# Of connections that were opened and then fell silent; an unset one of libpq takes two hours.
_NOTICE_SOON = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def hand_over_to_workers(threads: int) -> None:
    """Close this process's connections; each worker has a pool for its threads on PostgreSQL.

    Commands do without a pool, which would hide what is wrong with a connection.
    """
    connections.close_all()
    if connection.vendor != "postgresql":
        return
    settings: dict[str, Any] = connections.settings["default"]
    settings["CONN_MAX_AGE"] = 0  # the pool keeps them
    settings["OPTIONS"] = {
        **settings["OPTIONS"],
        # One for each thread: an export holds its own for as long as it is read.
        "pool": {"min_size": 1, "max_size": threads, "timeout": _LONGEST_WAIT},
    }


@contextmanager
def beside_pool(lock_seconds: float) -> Iterator[None]:
    """This thread's own connection, which waits for nobody's, closed in the end.

    SQLite waits `lock_seconds` for a lock on it; a PostgreSQL server that fell silent is noticed.
    """
    own = separate_connection()
    if own.vendor == "sqlite":
        own.settings_dict["OPTIONS"]["timeout"] = lock_seconds
    connections["default"] = own
    try:
        yield
    finally:
        own.close()


def separate_connection() -> BaseDatabaseWrapper:
    """One more of this thread, beside the pool, that notices a server which fell silent."""
    own = connections["default"].copy()
    options: dict[str, Any] = own.settings_dict["OPTIONS"]
    if own.vendor != "sqlite":
        options.pop("pool", None)
        options.update({**_NOTICE_SOON, **options})
    return own

"""Database connections of the web server's threads: as many as are in use, each checked."""

from typing import Any

from django.db import connection, connections

_LONGEST_WAIT = 5  # seconds for a connection, before the client is told to come again


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

"""Where the data is: in a file of SQLite's, or in a database of a PostgreSQL server."""

import os
from pathlib import Path

from django.db import connection


def file() -> Path | None:
    """SQLite's file, its links followed, whether it is there or not; None on PostgreSQL."""
    if connection.vendor != "sqlite":
        return None
    return Path(os.path.realpath(connection.settings_dict["NAME"]))  # raises for no link


def has_one_writer() -> bool:
    """Whether only one can write at a time: SQLite locks its file, PostgreSQL single rows."""
    return connection.vendor == "sqlite"


def shows_removed_rows() -> bool:
    """Whether an index leads past rows that are gone, until they are vacuumed: PostgreSQL's."""
    return connection.vendor == "postgresql"


def engine() -> str:
    """`sqlite` or `postgresql`, for those who are told where the data is."""
    return connection.vendor


def described() -> str:
    """The same for people, with the path or the server."""
    name, host = connection.settings_dict["NAME"], connection.settings_dict["HOST"]
    if connection.vendor == "sqlite":
        return f"{name} (SQLite)"
    return f"{name} on {host or 'a local socket'} (PostgreSQL)"

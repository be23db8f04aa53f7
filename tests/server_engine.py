"""The engine of the server that DATABASE_URL names, in each database that tests make there.

Where that database has the extension timescaledb or citus, those of the tests get it as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from usage.database import extensions

# As it was given: Django puts the name of the test database into these settings.
_GIVEN = {name.lower(): text for name, text in settings.DATABASES["default"].items() if text}


@cache
def engine() -> str:
    """sqlite, postgresql, timescaledb or citus."""
    if connection.vendor == "sqlite":
        return "sqlite"
    with _session(_GIVEN["name"]) as server:
        found = server.execute(
            "SELECT extname FROM pg_extension WHERE extname IN ('timescaledb', 'citus')"
        ).fetchone()
    return found[0] if found else "postgresql"


def prepare(name: str) -> None:
    """An empty database for the engine: each database of Citus's knows its nodes for itself."""
    if engine() != "citus":
        return
    coordinator, *workers = _nodes()
    for address in workers:
        with _session("postgres", address) as worker:
            worker.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
            worker.execute(_named("CREATE DATABASE {}", name))
        with _session(name, address) as worker:
            worker.execute("CREATE EXTENSION citus")
    with _session(name) as server:
        server.execute("CREATE EXTENSION IF NOT EXISTS citus")
        server.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for address in workers:
            server.execute("SELECT citus_add_node(%s, %s)", address)


def convert() -> None:
    """The tables of Django's connection, as an operator does it."""
    if engine() in {"timescaledb", "citus"}:
        call_command(f"enable_{engine()}", verbosity=0)
        extensions.forget()
        connection.close()  # as portals start anew


@contextmanager
def new_database(name: str) -> Iterator[str]:
    """The URL of an empty database, prepared for the engine and dropped afterwards."""
    with _session("postgres") as server:
        server.execute(_named("CREATE DATABASE {}", name))
    try:
        prepare(name)
        yield _url(name)
    finally:
        with _session("postgres") as server:  # a test may have restarted the server
            server.execute(_named("DROP DATABASE {} WITH (FORCE)", name))
        drop_on_workers(name)


def drop_on_workers(name: str) -> None:
    for address in _nodes()[1:] if engine() == "citus" else []:
        with _session("postgres", address) as worker:
            worker.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def _nodes() -> list[tuple[str, int]]:
    """Host and port of the coordinator, then those of the workers."""
    with _session(_GIVEN["name"]) as server:
        rows = server.execute("SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid")
        return rows.fetchall()


def _session(database: str, address: tuple[str, int] | None = None) -> Any:
    host, port = address or (_GIVEN.get("host", ""), _GIVEN.get("port", ""))
    given = {"host": host, "port": port, "user": _GIVEN.get("user"),
             "password": _GIVEN.get("password"), "dbname": database}  # fmt: skip
    return psycopg.connect(**{key: text for key, text in given.items() if text}, autocommit=True)


def _url(database: str) -> str:
    password = f":{_GIVEN['password']}" if "password" in _GIVEN else ""
    place = f"{_GIVEN.get('host', '')}:{_GIVEN.get('port', 5432)}"
    return f"postgres://{_GIVEN['user']}{password}@{place}/{database}"


def _named(statement: str, name: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(name))

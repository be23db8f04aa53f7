"""Databases of the portal to measure on: made, filled, copied and weighed."""

import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg

from benchmarks import rows
from tests.serving import Portal, manage, serving

# As the portal writes them: rows without the mark are in an index of their own as well.
_COLUMNS = ", ".join([*rows.COLUMNS, "is_summed"])
INSERT = (
    f"INSERT INTO usage_metrics ({_COLUMNS}) VALUES ({', '.join('?' * len(rows.COLUMNS))}, true)"
)
_PATIENCE = 7200


class Store(Protocol):
    """A database for a portal, and the settings that lead the portal to it."""

    folder: Path

    @property
    def settings(self) -> dict[str, str]: ...
    def load(self, count: int) -> None: ...
    def copy(self, folder: Path) -> "Store": ...
    def bytes(self) -> int: ...
    def drop(self) -> None: ...


def run_command(store: Store, *arguments: str) -> subprocess.CompletedProcess[str]:
    return manage(store.folder, *arguments, patience=_PATIENCE, **store.settings)


def fill(store: Store, count: int) -> None:
    """Migrate and load rows, then have the rollups made."""
    migrated = run_command(store, "migrate", "-v0")
    assert migrated.returncode == 0, migrated.stderr
    store.load(count)
    rebuilt = run_command(store, "rebuild_rollups")
    assert rebuilt.returncode == 0, rebuilt.stderr


@contextmanager
def served(store: Store) -> Iterator[Portal]:
    with serving(store.folder, **store.settings) as portal:
        yield portal


class SqliteStore:
    """A metrics.db in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    @property
    def path(self) -> Path:
        return self.folder / "metrics.db"

    @property
    def settings(self) -> dict[str, str]:
        return {}

    def load(self, count: int) -> None:
        """In the order of time and with all indexes in place, so that pages fill as in real life;
        only the waiting for the disk is left out."""
        with closing(sqlite3.connect(self.path)) as database:
            database.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000;")
            for chunk in rows.loaded(count):
                with database:
                    database.executemany(INSERT, rows.stored(chunk))

    def copy(self, folder: Path) -> "SqliteStore":
        self.bytes()
        other = SqliteStore(folder)
        shutil.copyfile(self.path, other.path)
        return other

    def bytes(self) -> int:
        """The whole file, with what was in its log."""
        with closing(sqlite3.connect(self.path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size

    def drop(self) -> None:
        shutil.rmtree(self.folder)


class PostgresStore:
    """A database of its own on the server of DATABASE_URL, whose own databases stay untouched."""

    def __init__(self, folder: Path, server: str, template: str | None = None) -> None:
        self.folder, self._server = folder, server
        folder.mkdir(exist_ok=True)
        self._name = f"qsmetrics_bench_{secrets.token_hex(4)}"
        self._administer(f"CREATE DATABASE {self._name} TEMPLATE {template or 'template0'}")

    @property
    def url(self) -> str:
        return urlsplit(self._server)._replace(path=f"/{self._name}").geturl()

    @property
    def settings(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url}

    def load(self, count: int) -> None:
        with psycopg.connect(self.url) as database:
            for chunk in rows.loaded(count):
                copy_in(database, rows.stored(chunk))
                database.commit()
            database.autocommit = True
            database.execute("VACUUM ANALYZE usage_metrics")

    def copy(self, folder: Path) -> "PostgresStore":
        return PostgresStore(folder, self._server, template=self._name)

    def bytes(self) -> int:
        with psycopg.connect(self.url) as database:
            row = database.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])

    def drop(self) -> None:
        self._administer(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
        shutil.rmtree(self.folder)

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as server:
            server.execute(statement)


def copy_in(database: psycopg.Connection, batch: list[tuple[object, ...]]) -> None:
    """COPY rows of `rows.stored` into the table."""
    with database.cursor().copy(f"COPY usage_metrics ({_COLUMNS}) FROM STDIN") as copy:
        for row in batch:
            copy.write_row((f"{row[0]}+00", *row[1:], True))

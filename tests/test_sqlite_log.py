"""How much SQLite's write-ahead log holds, and when background steps copy it."""

import sqlite3
from contextlib import closing

import pytest
from django.db import connection

from usage.database.deferred_sync import deferred_sync
from usage.database.sqlite_log import bytes_in_log

FRAME = 24 + 4096


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.db"


@pytest.fixture
def database(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (x)"
        )
        yield opened


def write(database, pages):
    for _ in range(pages):
        database.execute("INSERT INTO t VALUES (zeroblob(4000))")


def log_of(path):
    return path.with_name(f"{path.name}-wal")


def pages_by_sqlite(database):
    _, in_log, _ = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return in_log


@pytest.mark.parametrize("pages", [0, 1, 7, 200])
def test_the_log_is_as_large_as_sqlite_says(path, database, pages):
    write(database, pages)
    held = bytes_in_log(log_of(path))
    assert held == FRAME * pages_by_sqlite(database)


def test_what_earlier_rounds_left_in_its_file_does_not_count(path, database):
    write(database, 200)
    pages_by_sqlite(database)  # copied, so that the next commit begins anew
    largest = log_of(path).stat().st_size
    for pages in (1, 5, 20):
        write(database, pages)
        held = bytes_in_log(log_of(path))
        assert held == FRAME * pages_by_sqlite(database)
        assert held < largest == log_of(path).stat().st_size


@pytest.mark.parametrize("content", [None, b"", b"short", bytes(32), b"no log at all" * 1000])
def test_a_file_that_is_no_log_holds_nothing(path, content):
    if content is not None:
        log_of(path).write_bytes(content)
    assert bytes_in_log(log_of(path)) == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's log")
@pytest.mark.django_db(transaction=True)
def test_steps_copy_the_log_when_it_is_large_and_not_each_time_thereafter(monkeypatch):
    monkeypatch.setattr("usage.database.deferred_sync._LARGEST_LOG_ALONE", 100 * FRAME)
    copied = []

    def count(execute, sql, parameters, many, context):
        if "wal_checkpoint" in sql:
            copied.append(sql)
        return execute(sql, parameters, many, context)

    with deferred_sync() as between, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE large (x)")
        with connection.execute_wrapper(count):
            for _ in range(60):
                cursor.execute("INSERT INTO large VALUES (zeroblob(40000))")
                between()
        cursor.execute("DROP TABLE large")
    assert 3 <= len(copied) <= 12

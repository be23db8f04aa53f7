"""`GET /_qs/health`: says within two seconds whether usage can be stored right now, or why not."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from django.db import connection, transaction

from qsmetrics import __version__
from tests.migrated import migrated
from tests.serving import Portal, serving
from usage.api import probe
from usage.queries import records_persisted
from usage.recording import record_usage

SQLITE = connection.vendor == "sqlite"
WITHIN = 2.0  # seconds
IDLE = {
    "waiting_rows": {"rows": 0, "since": None},
    "filled_share": 1.0,
    "jobs": {"run_by": None, "process": None, "since": None},
    "sources": {"silent": 0, "uncounted": 0},
}
WAITING = [1, 12]  # posts; the portal has 8 threads

pytestmark = pytest.mark.django_db(transaction=True)  # a probe has a connection of its own


def state(**more):
    return {
        "version": __version__,
        "database": connection.vendor,
        "statistics_enabled": True,
        "persistence_enabled": True,
        **more,
    }


def test_a_portal_that_can_store_is_well(client):
    record_usage(model="gpt-5")
    answer = client.get("/_qs/health")
    assert answer.status_code == 200
    assert answer.json() == state(
        ok=True, total_records_persisted=1, names_as_other=0, room_for_names=999, **IDLE
    )


def test_disabled_metrics_are_a_valid_state(client, settings):
    settings.METRICS_ENABLED = settings.USAGE_STATISTICS_ENABLED = False
    answer = client.get("/_qs/health")
    assert answer.status_code == 200
    assert answer.json() == state(
        ok=True,
        statistics_enabled=False,
        persistence_enabled=False,
        total_records_persisted=0,
        names_as_other=0,
        room_for_names=1000,
        **IDLE,
    )


def test_the_number_of_rows_is_not_counted(django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        assert records_persisted() == 0
    assert not [query for query in queries if "COUNT" in query["sql"].upper()]


def unwell(client):
    began = time.monotonic()
    answer = client.get("/_qs/health")
    assert time.monotonic() - began < WITHIN
    assert answer.status_code == 503
    body = answer.json()
    told = (body.pop("error"), body.pop("database_error"), int(answer.headers["Retry-After"]))
    assert body == state(ok=False)
    return told


def test_a_missing_table_is_told(client):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    try:
        said = "OperationalError SQLITE_ERROR" if SQLITE else "UndefinedTable 42P01"
        assert unwell(client) == (
            *("the database is not set up: run `manage.py migrate`", said, 30),
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO usage_rollups")
    assert client.get("/_qs/health").status_code == 200


def test_a_read_only_database_is_told(client, monkeypatch):
    options = connection.settings_dict["OPTIONS"]
    if SQLITE:
        command = options["init_command"] + "PRAGMA query_only=ON;"
        monkeypatch.setitem(options, "init_command", command)
        assert unwell(client) == (
            "the database is read-only: make its file and folder writable for the portal",
            *("OperationalError SQLITE_READONLY", 30),
        )
    else:
        monkeypatch.setitem(options, "options", "-c default_transaction_read_only=on")
        assert unwell(client) == (
            "the database is read-only: point DATABASE_URL at the primary server",
            *("ReadOnlySqlTransaction 25006", 30),
        )


@pytest.mark.skipif(SQLITE, reason="locks on tables are PostgreSQL's")
def test_a_locked_table_is_told_soon(client):
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE usage_rollups")
        assert unwell(client) == (
            "the database is busy (lock_timeout): try again shortly",
            *("LockNotAvailable 55P03", 5),
        )
    finally:
        other.close()


@pytest.mark.skipif(not SQLITE, reason="one writer at a time is SQLite's")
def test_a_lock_that_stays_is_told_soon(client):
    with locked(connection.settings_dict["NAME"]):
        assert unwell(client) == (
            "the database is busy: try again shortly",
            *("OperationalError SQLITE_BUSY", 5),
        )
    assert client.get("/_qs/health").status_code == 200


@pytest.mark.skipif(not SQLITE, reason="the server's disk is out of sight")
def test_a_disk_that_fills_up_is_told_before_it_is_full(client, monkeypatch):
    monkeypatch.setattr(probe, "LEAST_FREE_BYTES", 2**60)
    sentence, said, seconds = unwell(client)
    assert sentence.startswith("the disk that holds the database is almost full: only ")
    assert (said, seconds) == ("almost full", 30)


@contextmanager
def locked(path: Path | str, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute(how)
        yield
    finally:
        other.close()


def soon(portal: Portal) -> tuple[int, str]:
    began = time.monotonic()
    answer = portal.request("GET", "/_qs/health")
    assert time.monotonic() - began < WITHIN
    return answer.status, answer.json().get("database_error", "")


@contextmanager
def senders(portal: Portal, count: int) -> Iterator[None]:
    """Posts that wait for the database, more of them than the portal has threads."""
    threads = [
        threading.Thread(target=portal.request, args=("POST", "/_qs/usage", {"model": "m"}))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    yield
    for thread in threads:
        thread.join(60)


@pytest.mark.skipif(not SQLITE, reason="one writer at a time is SQLite's")
@pytest.mark.parametrize("waiting", WAITING)
def test_health_answers_soon_while_sqlite_is_locked(tmp_path, waiting):
    with serving(migrated(tmp_path)) as portal, ExitStack() as stack:
        lock = stack.enter_context(ExitStack())
        lock.enter_context(locked(portal.database))
        stack.enter_context(senders(portal, waiting))
        for _ in range(3):
            assert soon(portal) == (503, "OperationalError SQLITE_BUSY")
        lock.close()
        assert soon(portal) == (200, "")


@pytest.mark.skipif(SQLITE, reason="SQLite has no server to pause")
@pytest.mark.parametrize("waiting", WAITING)
def test_health_answers_soon_while_postgresql_accepts_and_says_nothing(
    tmp_path, database_url, waiting
):
    with (
        serving(tmp_path, DATABASE_URL=database_url, METRICS_WORKERS="1") as portal,
        paused_server() as resume,
        senders(portal, waiting),
    ):
        for _ in range(3):
            assert soon(portal)[0] == 503
        resume()
        portal.wait_until_healthy()
        assert soon(portal) == (200, "")


@contextmanager
def paused_server():
    """All processes of the server, stopped until it is told to resume."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        folder = cursor.fetchone()[0]
    postmaster = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    os.kill(postmaster, signal.SIGSTOP)
    pids = [postmaster, *map(int, children.read_text().split())]

    def tell_all(number):
        for pid in pids:
            with suppress(ProcessLookupError):  # a backend whose client has left ends
                os.kill(pid, number)

    def resume():
        tell_all(signal.SIGCONT)

    tell_all(signal.SIGSTOP)

    try:
        yield resume
    finally:
        resume()

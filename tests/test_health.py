"""`GET /_qs/health`: says whether usage can be stored right now, and why not."""

import sqlite3
import time

import pytest
from django.db import DatabaseError, connection, transaction

from qsmetrics import __version__
from usage.api import health
from usage.database_trouble import explain
from usage.recording import record_usage

SQLITE = connection.vendor == "sqlite"


def state(**more):
    return {
        "version": __version__,
        "database": connection.vendor,
        "statistics_enabled": True,
        "persistence_enabled": True,
        **more,
    }


@pytest.mark.django_db
def test_a_portal_that_can_store_is_well(client):
    record_usage(model="gpt-5")
    answer = client.get("/_qs/health")
    assert answer.status_code == 200
    assert answer.json() == state(ok=True, total_records_persisted=1)


@pytest.mark.django_db
def test_disabled_metrics_are_a_valid_state(client, settings):
    settings.METRICS_ENABLED = settings.USAGE_STATISTICS_ENABLED = False
    answer = client.get("/_qs/health")
    assert answer.status_code == 200
    assert answer.json() == state(
        ok=True, statistics_enabled=False, persistence_enabled=False, total_records_persisted=0
    )


@pytest.mark.django_db
def test_the_number_of_rows_is_not_counted(client, django_assert_max_num_queries):
    with django_assert_max_num_queries(7) as queries:
        client.get("/_qs/health")
    assert not [query for query in queries if "COUNT" in query["sql"].upper()]


def unwell(client):
    answer = client.get("/_qs/health")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    body = answer.json()
    error = body.pop("error")
    assert body == state(ok=False)
    return error


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_is_told(client):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    try:
        assert unwell(client) == "the database is not set up: run `manage.py migrate`"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO usage_rollups")
    assert client.get("/_qs/health").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not SQLITE, reason="PRAGMA query_only is SQLite's")
def test_a_read_only_file_is_told(client):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
    try:
        assert unwell(client).startswith("the database is read-only: make its file and folder")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = OFF")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(SQLITE, reason="read-only transactions are PostgreSQL's")
def test_a_read_only_server_is_told(client):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        assert unwell(client) == (
            "the database is read-only: point DATABASE_URL at the primary server"
        )
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(SQLITE, reason="locks on tables are PostgreSQL's")
def test_a_locked_table_is_told_soon(client):
    other = connection.copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE usage_rollups")
            began = time.monotonic()
        assert unwell(client) == "the database is busy: try again shortly"
        assert time.monotonic() - began < 3
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not SQLITE, reason="one writer at a time is SQLite's")
def test_a_lock_that_stays_is_told_soon_and_real_writes_still_wait_long(client):
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert unwell(client) == "the database is busy: try again shortly"
        assert 0.5 < time.monotonic() - began < 5
    finally:
        other.close()
    assert client.get("/_qs/health").status_code == 200
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (10_000,)


@pytest.mark.django_db
@pytest.mark.skipif(not SQLITE, reason="the server's disk is out of sight")
def test_a_disk_that_fills_up_is_told_before_it_is_full(client, monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 2**60)
    assert unwell(client).startswith("the disk that holds the database is almost full: only ")


@pytest.mark.parametrize(
    ("words", "explanation"),
    [
        ("database is locked", "the database is busy"),
        ("database table is locked: usage_metrics", "the database is busy"),
        ("canceling statement due to lock timeout", "the database is busy"),
        ("FATAL:  sorry, too many clients already", "the database is busy"),
        ("FATAL:  the database system is starting up", "the database is busy"),
        ('FATAL:  database "usage" does not exist', "PostgreSQL refuses"),
        ('FATAL:  password authentication failed for user "alice"', "PostgreSQL refuses"),
        ("database or disk is full", "the disk that holds the database is full"),
        ("disk I/O error", "the disk that holds the database is full or fails"),
        ("could not extend file: No space left on device", "the database server's disk is full"),
        ("attempt to write a readonly database", "the database is read-only"),
        ("unable to open database file", "the database file cannot be opened"),
        ("no such table: usage_metrics", "the database is not set up"),
        ('relation "usage_metrics" does not exist', "the database is not set up"),
        ("file is not a database", "the database file is damaged or no SQLite file"),
        ("database disk image is malformed", "the database file is damaged"),
        ("connection refused", "the database cannot be reached"),
    ],
)
def test_each_trouble_has_a_remedy_and_keeps_the_drivers_words_to_itself(words, explanation):
    sentence = explain(DatabaseError(words))
    assert sentence.split(":")[0] == explanation
    assert "alice" not in sentence

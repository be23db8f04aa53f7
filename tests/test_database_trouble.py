"""What users are told of a database in trouble, and what logs say of it: never the values."""

import sqlite3
import sys

import psycopg
import psycopg_pool
import pytest
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection
from psycopg import errors

from dashboards.errors import server_error
from tests.migrated import migrated
from tests.serving import manage, serving
from usage.database.trouble import busy, said_by, trouble_of
from usage.log_lines import LineFormatter

SECRET = "row of alice"
SQLITE = connection.vendor == "sqlite"


def of_sqlite(name):
    cause = sqlite3.OperationalError(SECRET)
    cause.sqlite_errorname = name
    return cause


def of_postgresql(state):
    return errors.lookup(state)(SECRET)


def wrapped(cause, kind=OperationalError):
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


CODES = [
    (of_sqlite("SQLITE_BUSY"), "is busy", 5),
    (of_sqlite("SQLITE_BUSY_SNAPSHOT"), "is busy", 5),
    (of_sqlite("SQLITE_LOCKED_SHAREDCACHE"), "is busy", 5),
    (of_sqlite("SQLITE_INTERRUPT"), "takes too long to read", 5),
    (of_sqlite("SQLITE_NOMEM"), "out of memory", 5),
    (of_sqlite("SQLITE_IOERR_NOMEM"), "out of memory", 5),
    (of_sqlite("SQLITE_FULL"), "full: free some space", 30),
    (of_sqlite("SQLITE_IOERR_WRITE"), "full or fails", 30),
    (of_sqlite("SQLITE_READONLY"), "read-only", 30),
    (of_sqlite("SQLITE_READONLY_DIRECTORY"), "read-only", 30),
    (of_sqlite("SQLITE_READONLY_DBMOVED"), "restart the portal", 30),
    (of_sqlite("SQLITE_CANTOPEN"), "cannot be opened", 30),
    (of_sqlite("SQLITE_PERM"), "cannot be opened", 30),
    (of_sqlite("SQLITE_CORRUPT_INDEX"), "damaged", 30),
    (of_sqlite("SQLITE_NOTADB"), "no SQLite file", 30),
    (of_sqlite("SQLITE_AUTH"), "the right to its tables", 30),
    (of_postgresql("57014"), "statement_timeout", 5),
    (of_postgresql("55P03"), "lock_timeout", 5),
    (of_postgresql("40P01"), "deadlock", 5),
    (of_postgresql("40001"), "serialization failure", 5),
    (of_postgresql("53100"), "server's disk is full", 30),
    (of_postgresql("53200"), "out of memory", 5),
    (of_postgresql("53300"), "no connection left", 5),
    (of_postgresql("57P01"), "shutting down", 5),
    (of_postgresql("57P02"), "recovering from a crash", 5),
    (of_postgresql("57P03"), "starting up", 5),
    (of_postgresql("57P05"), "cannot be reached", 5),
    (of_postgresql("08006"), "cannot be reached", 5),
    (of_postgresql("25006"), "point DATABASE_URL at the primary", 30),
    (of_postgresql("25P03"), "took too long", 5),
    (of_postgresql("28P01"), "check user, password", 30),
    (of_postgresql("3D000"), "check user, password", 30),
    (of_postgresql("42501"), "the right to its tables", 30),
    (of_postgresql("42P01"), "manage.py migrate", 30),
    (of_postgresql("42703"), "manage.py migrate", 30),
    (of_postgresql("42601"), "a fault of qsmetrics", 30),
    (of_postgresql("54000"), "as large as this", 30),
    (of_postgresql("58030"), "full or fails", 30),
    (of_postgresql("P0001"), "a trigger", 30),
    (of_postgresql("XX000"), "look into its server's log", 30),
    (of_postgresql("XX001"), "damaged data", 30),
]


@pytest.mark.parametrize(("cause", "part", "seconds"), CODES, ids=lambda value: str(value)[:24])
def test_each_code_has_a_sentence_and_a_time_to_come_again(cause, part, seconds):
    trouble = trouble_of(wrapped(cause))
    code = getattr(cause, "sqlite_errorname", None) or cause.sqlstate
    assert trouble.said == f"{type(cause).__name__} {code}"
    assert part in trouble.sentence
    assert (trouble.status, trouble.headers) == (503, {"Retry-After": str(seconds)})
    assert SECRET not in str(trouble)


@pytest.mark.parametrize(
    ("words", "part", "seconds"),
    [
        ("database is locked: earlier writes take too long", "is busy", 5),
        ("FATAL:  sorry, too many clients already", "no connection left", 5),
        ("FATAL:  remaining connection slots are reserved", "no connection left", 5),
        ("FATAL:  the database system is starting up", "starting up", 5),
        ("FATAL:  the database system is shutting down", "shutting down", 5),
        ("FATAL:  the database system is in recovery mode", "recovering", 5),
        ('FATAL:  database "usage" does not exist', "PostgreSQL refuses", 30),
        ('FATAL:  password authentication failed for user "alice"', "PostgreSQL refuses", 30),
        ("fe_sendauth: no password supplied", "PostgreSQL refuses", 30),
        ("failed to resolve host 'alice'", "name is unknown", 30),
        ("server does not support SSL, but SSL was required", "sslmode", 30),
        ("connection timeout expired", "does not answer", 5),
        ("connection failed: Connection refused", "cannot be reached", 5),
        ("the connection is closed", "cannot be reached", 5),
        ("no such table: usage_metrics", "manage.py migrate", 30),
        ("table usage_metrics has no column named alice", "manage.py migrate", 30),
    ],
)
def test_what_comes_without_a_code_is_told_by_its_words(words, part, seconds):
    trouble = trouble_of(DatabaseError(words))
    assert part in trouble.sentence
    assert trouble.headers == {"Retry-After": str(seconds)}
    assert "alice" not in str(trouble)


def test_a_pool_without_a_free_connection_is_told():
    error = wrapped(psycopg_pool.PoolTimeout("couldn't get a connection after 5.00 sec"))
    trouble = trouble_of(error)
    assert (trouble.said, trouble.retry_after_seconds) == ("PoolTimeout", 5)
    assert "are all in use" in trouble.sentence


@pytest.mark.parametrize(
    ("error", "status", "part"),
    [
        (DataError(SECRET), 400, "refuses these values"),
        (wrapped(of_postgresql("22003"), DataError), 400, "refuses these values"),
        (wrapped(of_sqlite("SQLITE_TOOBIG"), DataError), 400, "as large as this"),
        (IntegrityError(SECRET), 503, "refuses these values"),
        (wrapped(of_postgresql("23505"), IntegrityError), 503, "refuses these values"),
    ],
)
def test_values_that_are_refused_are_not_asked_for_again(error, status, part):
    trouble = trouble_of(error)
    assert trouble.status == status
    assert part in trouble.sentence
    assert SECRET not in str(trouble)
    assert (trouble.headers == {}) == (status == 400)


@pytest.mark.django_db
def test_answers_logs_and_pages_say_what_the_database_said(client, caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    said = "OperationalError SQLITE_ERROR" if SQLITE else "UndefinedTable 42P01"
    answer = client.get("/_qs/metrics?from=2024-01-01")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer.json() == {
        "error": "the database is not set up: run `manage.py migrate`",
        "database_error": said,
    }
    assert f"[{said}]" in caplog.text


@pytest.mark.django_db
def test_a_page_says_it_too(client):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    said = "OperationalError SQLITE_ERROR" if SQLITE else "UndefinedTable 42P01"
    page = client.get("/")
    assert (page.status_code, page["Retry-After"]) == (503, "30")
    assert f"[{said}]" in page.content.decode()


@pytest.mark.django_db
@pytest.mark.skipif(SQLITE, reason="SQLite has no statement_timeout")
def test_a_statement_timeout_is_no_server_that_cannot_be_reached(client):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 1")
        with pytest.raises(OperationalError) as caught:
            cursor.execute("SELECT pg_sleep(1)")
    trouble = trouble_of(caught.value)
    assert (trouble.said, trouble.status) == ("QueryCanceled 57014", 503)
    assert "statement_timeout" in trouble.sentence


def test_trouble_outside_of_views_is_no_500(rf):
    """Such as when a middleware saves the session."""
    try:
        raise wrapped(of_sqlite("SQLITE_BUSY"))
    except OperationalError:
        answer = server_error(rf.get("/admin/"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "SQLITE_BUSY" in answer.content.decode()
    assert server_error(rf.get("/admin/")).status_code == 500


def test_a_traceback_in_the_log_holds_no_values():
    def fail(kind):
        try:
            try:
                raise of_sqlite("SQLITE_CORRUPT")
            except sqlite3.OperationalError as cause:
                raise kind(SECRET) from cause
        except (OperationalError, ValueError):
            return sys.exc_info()

    formatter = LineFormatter()
    text = formatter.formatException(fail(OperationalError))
    assert text.splitlines()[-1] == "OperationalError: OperationalError SQLITE_CORRUPT"
    assert "in fail" in text
    assert SECRET not in text
    assert SECRET in formatter.formatException(fail(ValueError))


@pytest.mark.skipif(not SQLITE, reason="a file that can be damaged")
def test_a_damaged_file_is_told_by_commands_and_by_a_running_portal(tmp_path):
    with serving(migrated(tmp_path)) as portal:
        assert portal.request("POST", "/_qs/usage", {"model": "m"}).status == 201
    with (tmp_path / "metrics.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * 400_000)
    done = manage(tmp_path, "purge", "--dry-run")
    assert done.returncode == 1
    assert "is damaged: restore a backup [DatabaseError SQLITE_CORRUPT]" in done.stderr


def test_what_has_no_code_is_named_by_its_class():
    assert said_by(busy("ours")) == "OperationalError SQLITE_BUSY"
    assert said_by(wrapped(psycopg.OperationalError("gone"))) == "OperationalError"

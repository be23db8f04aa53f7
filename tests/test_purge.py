"""`manage.py purge`."""

import datetime as dt
import sqlite3
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from tests.factory import store
from tests.serving import manage
from usage.management.durations import parse_age
from usage.models import UsageMetric

DAY = dt.timedelta(days=1)


def run(**options) -> str:
    out = StringIO()
    call_command("purge", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def _a_row_each_of_10_and_100_days():
    now = timezone.now()
    store({"timestamp": now - 10 * DAY}, {"timestamp": now - 100 * DAY})


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90d", 90 * DAY),
        ("12h", DAY / 2),
        ("4w", 28 * DAY),
        ("30m", dt.timedelta(minutes=30)),
        (" 1D ", DAY),
        ("999999999w", dt.timedelta.max),
    ],
)
def test_ages_are_a_number_and_a_unit(text, age):
    assert parse_age(text) == age


@pytest.mark.parametrize(
    "text", ["", "90", "d", "-5d", "1.5d", "9 d", "90days", "٣d", "1e3d", "5y", "1" * 10 + "d"]
)
def test_what_is_no_age_is_refused(text):
    with pytest.raises(ValueError, match="write a whole number and a unit: 90d"):
        parse_age(text)


@pytest.mark.django_db
@pytest.mark.usefixtures("_a_row_each_of_10_and_100_days")
@pytest.mark.parametrize(
    ("options", "days", "begin", "left"),
    [
        ({}, 90, "Removed 1 row from ", 1),
        ({"older_than": "1w"}, 90, "Removed 2 rows from ", 0),
        ({"older_than": "1w"}, 0, "Removed 2 rows from ", 0),
        ({"older_than": "200d"}, 90, "Nothing to remove: no row is from before ", 2),
        ({"dry_run": True}, 90, "Would remove 1 row from ", 2),
        ({}, 0, "METRICS_RETENTION_DAYS is 0, which keeps everything: nothing was removed.", 2),
    ],
)
def test_rows_past_their_age_go_and_the_command_says_so(settings, options, days, begin, left):
    settings.METRICS_RETENTION_DAYS = days

    said = run(no_vacuum=True, **options)

    assert (said[: len(begin)], UsageMetric.objects.count()) == (begin, left)


@pytest.mark.django_db
@pytest.mark.usefixtures("_a_row_each_of_10_and_100_days")
@pytest.mark.parametrize(
    ("age", "error"),
    [
        ("0d", "--older-than is '0d': an age must be at least 1m"),
        ("37000d", "--older-than is '37000d': an age must be at most 36500d"),
        ("soon", "--older-than is 'soon': write a whole number and a unit"),
    ],
)
def test_a_bad_age_removes_nothing(age, error):
    with pytest.raises(CommandError, match=error):
        run(older_than=age)
    assert UsageMetric.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's file only")
class TestOnAFile:
    """The command as cron runs it, on a database of its own."""

    def test_without_a_database_it_says_to_migrate(self, tmp_path):
        done = manage(tmp_path, "purge")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.strip() == (
            "the database is not set up: run `manage.py migrate` [OperationalError SQLITE_ERROR]. "
            "Nothing was removed."
        )

    def test_a_database_that_someone_else_made_is_rewritten_once(self, tmp_path):
        path = tmp_path / "metrics.db"
        with sqlite3.connect(path) as made:
            made.execute("CREATE TABLE theirs (x)")
        made.close()
        assert manage(tmp_path, "migrate", "-v0").returncode == 0
        with sqlite3.connect(path) as rows:
            assert rows.execute("PRAGMA auto_vacuum").fetchone() == (0,)
            rows.executemany(
                "INSERT INTO usage_metrics (timestamp, model) VALUES ('2024-01-15 00:00:00', ?)",
                [("m" * 250,)] * 5_000,
            )
        rows.close()

        done = manage(tmp_path, "purge", "--older-than", "90d")

        first, second = done.stdout.splitlines()
        assert first.startswith(
            "Removed 5,000 rows from 2024-01-15T00:00:00Z to 2024-01-15T00:00:00Z in "
        )
        assert second.startswith("Gave back ")
        with sqlite3.connect(path) as rows:
            assert rows.execute("PRAGMA auto_vacuum").fetchone() == (2,)
            assert rows.execute("PRAGMA freelist_count").fetchone() == (0,)
        rows.close()
        assert (done.returncode, done.stderr) == (0, "")
        assert path.stat().st_size < 1_000_000

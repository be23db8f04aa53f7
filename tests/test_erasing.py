"""`manage.py purge --user NAME` and the export of a person's rows."""

import datetime as dt
import io
import json
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factory import ALICE, NOON, read_csv, store
from tests.sums import assert_sums_equal_rows
from usage import export, retention
from usage.models import (
    AuditEntry,
    UsageHistogram,
    UsageMetric,
    UsageName,
    UsageRollup,
    UsageSeries,
)
from usage.pseudonyms import ERASED
from usage.rollups.declarations import SUMMED

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
JANE, JOHN = "jane.doe@example.com", "john@example.com"
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's file")


def run(*arguments):
    out = io.StringIO()
    call_command("purge", *arguments, stdout=out)
    return out.getvalue()


def contents():
    """Of all rows, each column, oldest first."""
    return list(UsageMetric.objects.order_by("id").values())


def every_sum():
    """Of both tables."""
    tables = (UsageRollup, UsageHistogram)
    return [sorted(map(str, table.objects.values())) for table in tables]


def rows_of_two(count=5, apart=DAY):
    store(
        *(
            {
                "timestamp": NOON + number * apart,
                "user": JANE if number % 2 == 0 else JOHN,
                "prompt_tokens": number,
                "api_key_hash": ALICE,
                "event_id": f"e{number}",
            }
            for number in range(count)
        )
    )


@pytest.mark.django_db
def test_the_name_goes_and_everything_else_stays(client):
    rows_of_two()
    store({"user": JANE, "excluded_as": "warm_up"}, {"user": JANE.upper()}, {"user": JANE + "x"})
    before, sums, asked = contents(), every_sum(), client.get("/_qs/metrics").json()
    said = run("--user", JANE)
    assert said.startswith("Took the name out of 4 rows in ")
    assert contents() == [row | {"user": ERASED} if row["user"] == JANE else row for row in before]
    assert every_sum() == sums or "user" in SUMMED
    assert client.get("/_qs/metrics").json() == asked
    assert_sums_equal_rows()


@pytest.mark.skipif("user" not in SUMMED, reason="no sum knows users")
@pytest.mark.django_db
def test_sums_of_what_was_purged_are_nobodys_too(client):
    rows_of_two()
    store({"user": JOHN, "timestamp": NOON + 9 * DAY})
    for _ in retention.remove_expired_rows(NOON + 2 * DAY):
        pass
    before = client.get("/_qs/metrics").json()["totals"]
    assert run("--user", JANE, "--dry-run").startswith("Would take the name out of ")
    assert run("--user", JANE).startswith("Took the name out of ")
    answer = client.get("/_qs/metrics?group_by=user").json()
    assert answer["totals"] == before
    parts = {part["user"]: part["requests"] for part in answer["by_user"]}
    assert parts == {ERASED: 3, JOHN: 3}
    assert not UsageSeries.objects.filter(user=JANE).exists()
    assert not UsageName.objects.filter(name=JANE).exists()
    call_command("rebuild_rollups", "--check")
    for _ in retention.remove_expired_rows(NOON + 20 * DAY):
        pass
    assert "purged sum" in run("--user", JOHN, "--dry-run")
    assert "purged sum" in run("--user", JOHN)
    answer = client.get("/_qs/metrics?group_by=user").json()
    assert {part["user"]: part["requests"] for part in answer["by_user"]} == {ERASED: 6}


@pytest.mark.django_db
def test_a_dry_run_counts_and_changes_nothing():
    rows_of_two()
    before = contents()
    expected = "Would take the name out of 3 rows, which go on counting.\n"
    assert run("--user", JANE, "--dry-run") == expected
    assert contents() == before
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_name_that_no_row_has_is_said(options):
    rows_of_two()
    expected = (
        "No row has exactly that name in its field `user`, and no upstream account is named so: "
        "nothing was to be done.\n"
    )
    assert run("--user", "nobody", *options) == expected
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_the_erasure_is_in_the_trail_and_the_name_is_not():
    rows_of_two()
    run("--user", JANE)
    (entry,) = AuditEntry.objects.all()
    mark = retention.fingerprint_of(JANE)
    assert (entry.via, entry.action) == ("manage.py purge --user", "erased")
    assert entry.detail == f"A person's name, of fingerprint {mark}, from 3 rows."
    assert JANE not in str(vars(entry))
    assert len(mark) == 16
    assert mark != retention.fingerprint_of(JOHN)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--user", ""], "--user is empty: write the name as rows have it in `user`."),
        (["--user", "x" * 256], "--user is longer than 255: no row has such a name."),
        (["--user", "a\0b"], "--user holds characters that no row has: write the name in UTF-8."),
        (["--user", "\udcff"], "--user holds characters that no row has: write the name in UTF-8."),
        (["--user", JANE, "--older-than", "90d"], "--user goes with neither --older-than nor"),
        (["--user", JANE, "--summaries"], "--user goes with neither --older-than nor --summaries"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, error):
    rows_of_two()
    before = contents()
    with pytest.raises(CommandError) as raised:
        run(*options)
    assert str(raised.value).startswith(error)
    assert contents() == before


@pytest.mark.django_db(transaction=True)
def test_many_rows_go_a_little_at_a_time():
    rows_of_two(3_000, MINUTE)
    steps = list(retention.erase_user(JANE))
    assert sum(steps) == 1_500
    assert len(steps) > 1
    assert not retention.rows_of_user(JANE).exists()
    assert retention.rows_of_user(JOHN).count() == 1_500


@pytest.mark.django_db(transaction=True)
def test_rows_come_in_meanwhile():
    rows_of_two(2_000, MINUTE)
    steps = retention.erase_user(JANE)
    next(steps)
    stored = []

    def post():
        try:
            store({"user": JOHN})
            stored.append(True)
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    thread.start()
    thread.join()
    assert stored == [True]
    assert 0 < sum(steps) < 1_000
    assert not retention.rows_of_user(JANE).exists()


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_name_is_no_longer_in_the_file_nor_in_its_log():
    rows_of_two(500)
    path = Path(str(connection.settings_dict["NAME"]))
    log = path.with_name(path.name + "-wal")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert JANE.encode() in path.read_bytes()
    run("--user", JANE)
    for file in (path, log):
        assert not file.exists() or JANE.encode() not in file.read_bytes()
    assert JOHN.encode() in path.read_bytes()


@on_sqlite
@pytest.mark.django_db
def test_rows_of_plain_sql_lose_the_name_too():
    with connection.cursor() as cursor:
        for moment in ("2024-01-15T10:00:00Z", "2024-01-15 10:00:00.5+00:00"):
            cursor.execute(
                'INSERT INTO usage_metrics (timestamp, model, "user") VALUES (%s, %s, %s)',
                [moment, "m", JANE],
            )
    assert run("--user", JANE).startswith("Took the name out of 2 rows")
    assert not retention.rows_of_user(JANE).exists()


@pytest.mark.django_db
def test_a_persons_rows_are_exported_all(client):
    rows_of_two()
    store({"user": JANE, "excluded_as": "warm_up"})
    query = {"user": JANE, "format": "csv", "with_excluded": "true"}
    found = read_csv(client.get("/_qs/usage", query))
    assert {row["user"] for row in found} == {JANE}
    assert len(found) == 4
    assert list(found[0]) == list(export.ANSWERED)
    lines = b"".join(client.get("/_qs/usage", query | {"format": "ndjson"})).decode().splitlines()
    assert [json.loads(line)["timestamp"] for line in lines] == [row["timestamp"] for row in found]
    run("--user", JANE)
    assert read_csv(client.get("/_qs/usage", query)) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "users"),
    [
        ({"user": JOHN}, [JOHN, JOHN]),
        ({"user": [JOHN, JANE]}, [JANE, JOHN, JANE, JOHN, JANE]),
        ({"user": JANE, "to": "2024-01-16"}, [JANE]),
        ({"user": JANE, "model": "other"}, []),
        ({"user": ""}, []),
        ({"user": "' OR 1=1"}, []),
    ],
)
def test_rows_are_listed_by_user(client, query, users):
    rows_of_two()
    found = client.get("/_qs/usage", query).json()["usage"]
    assert [row["user"] for row in found] == users


@pytest.mark.skipif("user" in SUMMED, reason="sums know users")
@pytest.mark.django_db
def test_figures_are_not_asked_by_user_yet(client):
    answer = client.get("/_qs/metrics", {"user": JANE})
    assert answer.status_code == 400
    assert "`user` is not a parameter here" in answer.json()["error"]


@pytest.mark.django_db
def test_a_name_that_is_a_key_is_found_by_what_is_kept_in_its_place():
    key = "sk-ant-api03-" + "Ab1" * 20
    store({"user": key})
    assert run("--user", key).startswith("Took the name out of 1 row in ")
    assert contents()[0]["user"] == ERASED


@pytest.mark.django_db
def test_a_pseudonym_is_erased_by_the_name_that_it_stands_for(settings):
    settings.METRICS_HASH_USERS = True
    rows_of_two()
    assert not UsageMetric.objects.filter(user=JANE).exists()
    settings.METRICS_HASH_USERS = False
    assert run("--user", JANE).startswith("Took the name out of 3 rows in ")
    assert UsageMetric.objects.filter(user=ERASED).count() == 3

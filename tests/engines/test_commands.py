"""The commands of an operator on each engine."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from model_bakery import baker

from tests import server_engine
from tests.factory import store
from tests.old_files import TEXT, counts
from tests.portal_file import LEFT
from tests.sums import assert_sums_equal_rows
from usage.models import PriceOverride, UsageHistogram, UsageMetric, UsageRollup

pytestmark = pytest.mark.django_db(transaction=True)
DAY = dt.timedelta(days=1)
NOW = timezone.now()


def run(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def store_days(*ages, **fields):
    store(*({"timestamp": NOW - age * DAY, "latency_ms": 5, **fields} for age in ages))


def insert_in_plain_sql(age):
    with connection.cursor() as cursor:
        time = connection.ops.adapt_datetimefield_value(NOW - age * DAY)
        cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])


def test_purge_removes_old_rows_and_keeps_their_sums():
    store_days(*range(0, 200, 10))
    insert_in_plain_sql(150)
    before = sum(UsageRollup.objects.filter(rollup=3).values_list("requests", flat=True))
    assert "Removed" in run("purge", "--older-than", "65d")
    ages = [(NOW - row.timestamp) // DAY for row in UsageMetric.objects.order_by("-timestamp")]
    assert ages[:7] == [0, 10, 20, 30, 40, 50, 60]
    assert max(ages) < 65 + 7  # whole chunks on TimescaleDB
    after = sum(UsageRollup.objects.filter(rollup=3).values_list("requests", flat=True))
    assert (before, after) == (20, 21)
    assert run("purge", "--older-than", "80d").startswith("Nothing to remove")


def test_purge_removes_sums_where_it_shall():
    store_days(*range(0, 200, 10))
    run("purge", "--older-than", "65d", "--summaries")
    for table in (UsageRollup, UsageHistogram):
        number = "rollup" if table is UsageRollup else "histogram"
        narrow = table.objects.filter(**{f"{number}__lte": 3}, bucket__lt=NOW - 96 * DAY)
        assert not narrow.exists()
    assert "without" not in run("rebuild_rollups", "--check").lower()


def test_sums_are_checked_and_made_anew():
    store_days(*range(12))
    insert_in_plain_sql(3)
    run("rebuild_rollups")
    assert_sums_equal_rows()
    UsageRollup.objects.filter(rollup=3).update(requests=99)
    UsageHistogram.objects.all().delete()
    with pytest.raises(CommandError, match="differ from the raw rows"):
        run("rebuild_rollups", "--check")
    run("rebuild_rollups")
    run("rebuild_rollups", "--check")
    assert_sums_equal_rows()


def test_rows_are_priced_anew():
    store_days(*range(6), model="mine", prompt_tokens=1_000_000)
    store_days(1, model="other", cost_usd=7)
    baker.make(PriceOverride, model_pattern="mine", provider="", prompt_usd_per_mtok=2,
               valid_from=NOW - 100 * DAY, completion_usd_per_mtok=0, request_usd=0)  # fmt: skip
    run("reprice")
    costs = UsageMetric.objects.values_list("cost_usd", flat=True)
    assert sorted(costs) == [2, 2, 2, 2, 2, 2, 7]
    assert_sums_equal_rows()


def test_an_older_database_is_imported(old_file):
    path = old_file(*({"timestamp": TEXT, "model": "m", "total_tokens": n} for n in range(30)))
    for _ in range(2):
        run("import_metrics", str(path))
        assert UsageMetric.objects.count() == 30
        assert_sums_equal_rows()


def test_rows_of_a_file_are_imported(tmp_path, portal_folder):
    path = tmp_path / "rows.ndjson"
    rows = [{"timestamp": f"2024-01-15T12:00:{n:02}Z", "model": "m", "request_id": f"r{n}",
             "total_tokens": n} for n in range(30)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    run("import_metrics", str(path))
    assert UsageMetric.objects.count() == 30
    assert_sums_equal_rows()


def test_another_portal_is_imported(portal, portal_folder):
    said = run("import_metrics", str(portal))
    assert counts(said) == f"{LEFT} moved, 0 there before, 0 rejected."
    assert "Proved: the sums here are those of the old file." in said
    assert counts(run("import_metrics", str(portal))).startswith(f"0 moved, {LEFT} there before")
    assert UsageMetric.objects.count() == LEFT
    run("rebuild_rollups", "--check")


def test_tokens_and_checks_and_demo():
    assert "qsm_" in run("create_ingest_token", "Kong")
    run("check", "--database", "default")
    run("migrate", "--check")


@pytest.mark.skipif(
    server_engine.engine() not in {"citus", "timescaledb"}, reason="needs the engine"
)
def test_converting_again_does_nothing():
    store_days(1)
    assert "nothing to do" in run(f"enable_{server_engine.engine()}")

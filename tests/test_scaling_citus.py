"""`enable_citus`, and everything that the portal does with rows that it distributed.

Citus itself is not in Debian: `stub_engines` has its functions."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction

from tests import stub_engines
from tests.factory import NOON, store
from tests.stub_engines import insert_in_plain_sql, run
from tests.sums import assert_sums_equal_rows
from usage import retention
from usage.models import UsageMetric
from usage.rollups import keeping
from usage.scaling.server import primary_key

DAY = dt.timedelta(days=1)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL only"),
]


def test_the_tables_are_distributed():
    stub_engines.install("citus")
    store({"timestamp": NOON}, {"timestamp": NOON, "event_id": "e"})
    insert_in_plain_sql("2024-01-15 12:00:00")

    said = run("enable_citus")

    assert stub_engines.calls() == [
        "create_reference_table usage_series",
        "create_distributed_table usage_rollups series none 4",
        "truncate_local_data usage_rollups",
        "create_distributed_table usage_histograms series usage_rollups ",
        "truncate_local_data usage_histograms",
        "create_distributed_table usage_metrics event_id none 4",
        "truncate_local_data usage_metrics",
    ]
    assert primary_key("usage_metrics")[1] == ["id", "event_id"]
    assert not UsageMetric.objects.filter(event_id=None).exists()
    assert "citus.max_cached_conns_per_worker = 8" in said
    assert run("enable_citus") == "usage_metrics is distributed already: nothing to do.\n"
    insert_in_plain_sql("2024-01-15 12:00:00")
    assert UsageMetric.objects.values("event_id").distinct().count() == 4
    with pytest.raises(IntegrityError), transaction.atomic():
        UsageMetric.objects.filter(event_id__gt=0).first().save(force_insert=True)


def test_the_number_of_shards_may_be_chosen():
    stub_engines.install("citus")
    run("enable_citus", shards=7)
    assert "create_distributed_table usage_metrics event_id none 7" in stub_engines.calls()


def test_what_broke_off_is_continued():
    stub_engines.install("citus")
    with connection.cursor() as cursor:
        cursor.execute("SELECT create_reference_table('usage_series')")
        cursor.execute("SELECT create_distributed_table('usage_rollups', 'series')")
    before = len(stub_engines.calls())
    run("enable_citus")
    assert [call.split()[1] for call in stub_engines.calls()[before:]] == [
        *["usage_histograms"] * 2,
        *["usage_metrics"] * 2,
    ]


class TestDistributedRows:
    """Written, edited, deleted and purged without locking rows: Citus refuses to."""

    @pytest.fixture(autouse=True)
    def _no_locks(self):
        stub_engines.install("citus")
        run("enable_citus")

        def refuse(execute, sql, parameters, many, context):
            assert "FOR UPDATE" not in sql
            return execute(sql, parameters, many, context)

        with connection.execute_wrapper(refuse):
            yield

    def test_a_row_without_an_identity_gets_one(self):
        store({"total_tokens": 5}, {"total_tokens": 5}, {"event_id": "e"}, {"event_id": "e"})
        assert UsageMetric.objects.values("event_id").distinct().count() == 3
        assert_sums_equal_rows()

    def test_rows_of_plain_sql_are_summed_once(self):
        insert_in_plain_sql("2024-01-15 12:00:00")
        keeping.add_unsummed(10)
        keeping.add_unsummed(10)
        assert_sums_equal_rows()

    def test_sums_follow_changes(self):
        store(*({"event_id": str(number), "total_tokens": number} for number in range(9)))
        UsageMetric.objects.filter(total_tokens__lt=3).update(model="other")
        UsageMetric.objects.filter(total_tokens__gt=6).delete()
        assert UsageMetric.objects.count() == 7
        assert_sums_equal_rows()

    def test_purging(self):
        store(*({"timestamp": NOON + number * DAY} for number in range(9)))
        removed = sum(batch.rows for batch in retention.remove_expired_rows(NOON + 4 * DAY))
        assert (removed, UsageMetric.objects.count()) == (4, 5)

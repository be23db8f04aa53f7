"""Purging raw rows keeps their sums; `--summaries` takes those too, by whole days."""

import datetime as dt
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factory import NOON, store
from tests.sums import assert_sums_equal_rows
from tests.thorough import examples
from usage import retention
from usage.models import PurgeHorizon, UsageHistogram, UsageMetric, UsageRollup
from usage.rollups.declarations import MONTH
from usage.rollups.horizon import move_purge_horizon, purged_before

DAYS = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
# Where a bucket of 30 days begins.
MONTH_BEGIN = dt.datetime.fromtimestamp(NOON.timestamp() // MONTH * MONTH, dt.UTC)

pytestmark = pytest.mark.django_db


def purge_rows(cutoff: dt.datetime) -> int:
    return sum(batch.rows for batch in retention.remove_expired_rows(cutoff))


def purge_sums(cutoff: dt.datetime) -> int:
    return sum(retention.remove_expired_sums(cutoff))


def all_sums() -> tuple[list, list]:
    order = ("rollup", "bucket", "series"), ("histogram", "bucket", "series", "chunk")
    return (
        list(UsageRollup.objects.order_by(*order[0]).values()),
        list(UsageHistogram.objects.order_by(*order[1]).values()),
    )


def insert_in_plain_sql(time: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])


def test_purging_rows_leaves_every_sum_as_it_was():
    store(*({"timestamp": NOON + i * MINUTE, "latency_ms": i} for i in range(50)))
    before = all_sums()

    assert purge_rows(NOON + 30 * MINUTE) == 30
    assert all_sums() == before
    assert purged_before() == NOON + 30 * MINUTE


def test_rows_of_plain_sql_are_in_the_sums_before_they_go():
    insert_in_plain_sql("2024-01-15 12:00:00")
    insert_in_plain_sql("2024-01-20 12:00:00")

    assert purge_rows(NOON + MINUTE) == 1
    assert sum(UsageRollup.objects.filter(rollup=3).values_list("requests", flat=True)) == 2


@pytest.mark.parametrize("time", ["2024-01-15 12:00:00", "2024-01-15T12:00:00Z"])
def test_a_row_of_plain_sql_goes_however_its_time_is_spelled(time):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])
    removed = [*retention.remove_expired_rows(NOON + dt.timedelta(microseconds=1))]
    assert sum(each.rows for each in removed) == 1
    assert not UsageMetric.objects.exists()


def test_a_row_of_plain_sql_that_comes_during_the_purge_is_in_the_sums_too(monkeypatch):
    store({"timestamp": NOON})
    move = retention.expiry.move_purge_horizon

    def late(cutoff: dt.datetime) -> None:
        insert_in_plain_sql("2024-01-15 12:00:30")
        move(cutoff)

    monkeypatch.setattr(retention.expiry, "move_purge_horizon", late)

    assert purge_rows(NOON + MINUTE) == 2
    assert sum(UsageRollup.objects.filter(rollup=3).values_list("requests", flat=True)) == 2


def test_the_horizon_is_one_row_and_only_moves_later():
    for moment in (NOON, NOON - DAYS, NOON + DAYS):
        move_purge_horizon(moment)
    assert list(PurgeHorizon.objects.values_list("purged_before", flat=True)) == [NOON + DAYS]


def test_a_purge_that_finds_nothing_moves_no_horizon():
    store({"timestamp": NOON})
    assert (purge_rows(NOON), purge_sums(NOON)) == (0, 0)
    assert purged_before() is None


@pytest.mark.django_db(transaction=True)
def test_the_horizon_is_known_before_the_first_row_goes():
    store(*({"timestamp": NOON + i * MINUTE} for i in range(2_000)))
    batches = retention.remove_expired_rows(NOON + 1_000 * MINUTE)
    next(batches)
    batches.close()
    assert purged_before() == NOON + 1_000 * MINUTE
    assert UsageMetric.objects.count() == 1_500


@settings(max_examples=examples(20))
@given(
    minutes=st.lists(st.integers(0, 75 * 24 * 60), min_size=1, max_size=40),
    cut=st.integers(0, 80 * 24 * 60),
)
def test_without_their_sums_days_are_as_if_they_had_never_been(minutes, cut):
    UsageMetric.objects.all().delete()
    PurgeHorizon.objects.all().delete()
    rows = ({"timestamp": MONTH_BEGIN - 5 * DAYS + minute * MINUTE} for minute in minutes)
    store(*({**row, "latency_ms": 5, "total_tokens": 2**40} for row in rows))
    cutoff = MONTH_BEGIN - 5 * DAYS + cut * MINUTE
    first_day = retention.first_day_kept(cutoff)

    assert retention.expired_sums(cutoff) == purge_sums(cutoff)
    UsageMetric.objects.filter(timestamp__lt=first_day).delete_but_keep_sums()

    assert_sums_equal_rows()
    assert retention.expired_sums(cutoff) == 0


def test_a_bucket_of_30_days_is_cut_down_to_the_days_that_stay():
    days = (-1, 0, 3, 29, 30)
    store(*({"timestamp": MONTH_BEGIN + day * DAYS, "latency_ms": 1} for day in days))
    purge_sums(MONTH_BEGIN + 3 * DAYS + MINUTE)

    wide = UsageRollup.objects.filter(rollup=7).order_by("bucket")
    assert list(wide.values_list("bucket", "requests")) == [
        (MONTH_BEGIN, 2),
        (MONTH_BEGIN + 30 * DAYS, 1),
    ]
    by_day = UsageRollup.objects.filter(rollup=3).order_by("bucket")
    assert list(by_day.values_list("bucket", flat=True)) == [
        MONTH_BEGIN + day * DAYS for day in (3, 29, 30)
    ]


def test_a_purge_of_sums_that_broke_off_is_finished_by_the_next():
    store(*({"timestamp": MONTH_BEGIN + day * DAYS} for day in range(6)))
    steps = retention.remove_expired_sums(MONTH_BEGIN + 3 * DAYS)
    for _ in range(5):
        next(steps)
    steps.close()

    purge_sums(MONTH_BEGIN + 3 * DAYS)
    UsageMetric.objects.filter(timestamp__lt=MONTH_BEGIN + 3 * DAYS).delete_but_keep_sums()
    assert_sums_equal_rows()


@pytest.mark.django_db(transaction=True)
def test_sums_may_be_written_and_purged_at_the_same_time():
    rows = [{"timestamp": MONTH_BEGIN + day * DAYS} for day in range(4)]
    store(*rows)
    stop = threading.Event()
    failures: list[DatabaseError] = []

    def write() -> None:
        try:
            while not stop.wait(0.01):
                store(*rows)
        except DatabaseError as error:
            failures.append(error)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for day in (1, 2):
            purge_sums(MONTH_BEGIN + day * DAYS)
    finally:
        stop.set()
        writer.join()
    purge_sums(MONTH_BEGIN + 2 * DAYS)
    UsageMetric.objects.filter(timestamp__lt=MONTH_BEGIN + 2 * DAYS).delete_but_keep_sums()
    assert failures == []
    assert_sums_equal_rows()


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def _rows(self) -> None:
        self.now = timezone.now()
        store(*({"timestamp": self.now - days * DAYS} for days in (1, 200)))

    def run(self, **options) -> list[str]:
        out = StringIO()
        call_command("purge", stdout=out, no_vacuum=True, **options)
        return out.getvalue().splitlines()

    def test_summaries_go_on_request_only(self):
        day = f"{self.now - 90 * DAYS:%Y-%m-%d}"
        kept = self.run()
        assert [line.split(" from ")[0] for line in kept] == ["Removed 1 row"]
        assert UsageRollup.objects.filter(rollup=3).count() == 2

        assert self.run(summaries=True, dry_run=True)[1:] == [
            f"Would remove 10 sums of the days before {day}."
        ]
        assert self.run(summaries=True)[0] == f"Removed 10 sums of the days before {day}."
        assert UsageRollup.objects.filter(rollup=3).count() == 1
        assert self.run(summaries=True)[0] == f"No sums are of days before {day}."
        assert_sums_equal_rows()

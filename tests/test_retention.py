"""Removing old rows and giving back their space."""

import datetime as dt
import threading

import pytest
from django.db import connection
from django.utils import timezone
from model_bakery import baker

from tests.factory import NOON, store
from usage import retention
from usage.database import space
from usage.database.pace import HELD_SECONDS, Pace
from usage.models import IdempotentPost, TracedPost, UsageMetric
from usage.retention import Expired

MINUTE = dt.timedelta(minutes=1)
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's file only")


def minutes_of_rows(count: int) -> None:
    store(*({"timestamp": NOON + i * MINUTE} for i in range(count)))


def purge(cutoff: dt.datetime) -> Expired:
    return sum(retention.remove_expired_rows(cutoff), Expired())


@pytest.mark.django_db
def test_only_rows_before_the_cutoff_go():
    minutes_of_rows(10)

    assert purge(NOON + 4 * MINUTE) == Expired(4, NOON, NOON + 3 * MINUTE)
    left = UsageMetric.objects.order_by("timestamp").values_list("timestamp", flat=True)
    assert list(left) == [NOON + i * MINUTE for i in range(4, 10)]


@pytest.mark.django_db
def test_counting_tells_what_a_purge_would_remove_and_removes_nothing():
    minutes_of_rows(10)

    assert retention.expired_rows(NOON + 4 * MINUTE) == Expired(4, NOON, NOON + 3 * MINUTE)
    assert UsageMetric.objects.count() == 10


@pytest.mark.django_db
def test_purging_twice_removes_nothing_more():
    minutes_of_rows(3)

    assert purge(NOON + MINUTE).rows == 1
    assert purge(NOON + MINUTE) == Expired() == retention.expired_rows(NOON + MINUTE)


@pytest.mark.django_db
def test_more_rows_than_a_batch_holds_go_oldest_first():
    store(*({"timestamp": NOON + (i // 700) * MINUTE} for i in range(2_000)))

    batches = list(retention.remove_expired_rows(NOON + MINUTE * 60))

    assert sum(batch.rows for batch in batches) == 2_000
    assert len(batches) > 1
    ends = [(batch.oldest, batch.newest) for batch in batches]
    assert ends == sorted(ends)
    assert not UsageMetric.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_once_remove_each_row_once():
    minutes_of_rows(3_000)
    removed: list[int] = []

    def run() -> None:
        try:
            removed.append(purge(NOON + 2_500 * MINUTE).rows)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(removed), sum(removed), UsageMetric.objects.count()) == (2, 2_500, 500)


@pytest.mark.django_db
def test_idempotency_keys_are_forgotten_after_48_hours():
    now = timezone.now()
    for key, hours in (("old", 49), ("young", 47)):
        baker.make(IdempotentPost, key=key, created_at=now - dt.timedelta(hours=hours))

    assert retention.forget_old_posts(now) == 1
    assert list(IdempotentPost.objects.values_list("key", flat=True)) == ["young"]


@pytest.mark.django_db
def test_what_posts_told_of_traces_is_forgotten_after_an_hour():
    now = timezone.now()
    for trace, minutes in ((1, 61), (2, 59)):
        TracedPost.objects.create(
            trace=trace, content=b"", spans=1, created_at=now - dt.timedelta(minutes=minutes)
        )
    assert retention.forget_old_traces(now) == 1
    assert TracedPost.objects.get().trace == 2


@pytest.mark.parametrize(
    ("age", "error"),
    [
        (dt.timedelta(0), "at least 1m"),
        (dt.timedelta(days=-5), "at least 1m"),
        (dt.timedelta.max, "at most 36500d"),
    ],
)
def test_an_age_that_no_one_can_mean_is_refused(age, error):
    with pytest.raises(ValueError, match=error):
        retention.cutoff_for(age, NOON)


def test_an_age_counts_back_from_now():
    assert retention.cutoff_for(dt.timedelta(days=90), NOON) == NOON - dt.timedelta(days=90)


@pytest.mark.parametrize(
    ("held", "size"),
    [
        (HELD_SECONDS * 2, 50),
        (HELD_SECONDS, 100),
        (HELD_SECONDS / 1.5, 150),
        (HELD_SECONDS / 1_000, 200),
        (HELD_SECONDS * 1_000_000, 1),
    ],
)
def test_the_next_step_is_sized_by_how_long_the_last_one_held_the_lock(held, size):
    pace = Pace(first=100, most=5_000)
    pace._adapt(held)
    assert pace.size == size


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_the_file_shrinks_by_the_room_of_removed_rows():
    store(*({"request_id": f"{i:0200}", "timestamp": NOON} for i in range(5_000)))
    list(space.give_back_space())
    before = space.file_bytes()

    purge(NOON + MINUTE)
    pages = sum(space.give_back_space())

    after = space.file_bytes()
    assert before is not None
    assert after is not None
    assert after < before / 2
    assert pages * 4096 >= before - after
    assert list(space.give_back_space()) == []


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_giving_back_space_leaves_the_connection_as_patient_as_before():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        before = cursor.fetchone()
        list(space.give_back_space())
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == before


@pytest.mark.skipif(connection.vendor == "sqlite", reason="PostgreSQL's autovacuum")
@pytest.mark.django_db
def test_elsewhere_there_is_no_space_to_give_back():
    assert (list(space.give_back_space()), space.file_bytes()) == ([], None)

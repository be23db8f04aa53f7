"""What Python code does with rows through Django: the sums follow each of it."""

import pytest

from tests import server_engine
from tests.factory import NOON
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from usage.models import UsageMetric
from usage.models.distributed import IdentityIsFixed
from usage.models.usage_rows import WouldPassTheSumsBy

pytestmark = pytest.mark.django_db(transaction=True)
rows = UsageMetric.objects


@pytest.fixture(autouse=True)
def _sums_are_right_afterwards():
    yield
    assert_sums_equal_rows()


def made(**fields):
    return rows.create(**{"timestamp": NOON, "model": "m", "total_tokens": 5, **fields})


def kept(*columns):
    return sorted(rows.values_list(*(columns or ("total_tokens",)), flat=len(columns) < 2))


def test_create_fills_in_the_primary_key():
    one, other = made(total_tokens=1), made(total_tokens=2)
    assert rows.get(pk=one.pk).total_tokens == 1
    assert rows.get(pk=other.pk).total_tokens == 2
    one.refresh_from_db()


@pytest.mark.parametrize("count", [1, 30])
def test_bulk_create_gives_each_row_its_own_key(count):
    given = [UsageMetric(timestamp=NOON, model="m", total_tokens=n) for n in range(count)]
    found = rows.bulk_create(given)
    assert kept() == list(range(count))
    for each in found:
        assert each.pk is None or rows.get(pk=each.pk).total_tokens == each.total_tokens


def test_bulk_create_passes_over_known_events_where_it_is_told_to():
    given = [UsageMetric(timestamp=NOON, model="m", event_id=n) for n in (1, 2, 2, 3)]
    rows.bulk_create(given[:1])
    rows.bulk_create([UsageMetric(timestamp=NOON, model="m", event_id=n) for n in (1, 2, 3)],
                     ignore_conflicts=True)  # fmt: skip
    assert kept("event_id") == [1, 2, 3]
    add_waiting_rows()  # such rows have no keys to tell them by


def test_bulk_create_refuses_what_would_leave_the_sums_behind():
    row = made(event_id=7, total_tokens=1)
    again = UsageMetric(timestamp=NOON, model="m", event_id=7, total_tokens=5)
    with pytest.raises(WouldPassTheSumsBy, match="with bulk_update or update_or_create"):
        rows.bulk_create(
            [again],
            update_conflicts=True,
            update_fields=["total_tokens"],
            unique_fields=["timestamp", "event_id"],
        )
    row.refresh_from_db()
    assert row.total_tokens == 1


@pytest.mark.parametrize("fields", [{}, {"event_id": 7}])
def test_a_stored_row_is_saved_again(fields):
    made(total_tokens=1)
    row = made(**fields)
    row.total_tokens, row.model = 9, "other"
    row.save()
    again = rows.get(pk=row.pk)
    again.status = "500"
    again.save()
    again.latency_ms = 4.5
    again.save(update_fields=["latency_ms"])
    assert sorted(rows.values_list("model", "total_tokens", "status", "latency_ms")) == [
        ("m", 1, None, None),
        ("other", 9, "500", 4.5),
    ]


@pytest.mark.skipif(server_engine.engine() != "citus", reason="Citus keeps rows by their identity")
def test_on_citus_an_identity_cannot_change():
    row = made(event_id=7)
    row.event_id = 8
    with pytest.raises(IdentityIsFixed, match="delete the row and make another"):
        row.save()
    with pytest.raises(IdentityIsFixed):
        rows.update(event_id=9)
    assert kept("event_id") == [7]


def test_a_row_is_written_over_by_its_key():
    made(total_tokens=1)
    row = made(total_tokens=2)
    UsageMetric(pk=row.pk, timestamp=NOON, model="other", total_tokens=3).save()
    assert kept("model", "total_tokens") == [("m", 1), ("other", 3)]


def test_what_the_database_fills_in_stays_with_its_row():
    given = [
        UsageMetric(timestamp=NOON, model=f"m{n}", **({"total_tokens": n} if n % 2 else {}))
        for n in range(30)
    ]
    for each in rows.bulk_create(given):
        stored = rows.get(model=each.model)
        assert (each.total_tokens, each.created_at) == (stored.total_tokens, stored.created_at)


def test_get_or_create_and_update_or_create():
    key = {"timestamp": NOON, "event_id": 7}
    row, is_new = rows.get_or_create(**key, defaults={"model": "m", "total_tokens": 1})
    assert is_new
    assert rows.get_or_create(**key, defaults={"model": "n"}) == (row, False)
    assert rows.update_or_create(**key, defaults={"total_tokens": 2})[1] is False
    values = {"timestamp": NOON, "request_id": "r"}
    assert rows.update_or_create(**values, defaults={"model": "m", "total_tokens": 3})[1]
    assert rows.update_or_create(**values, defaults={"model": "n", "total_tokens": 4})[1] is False
    assert kept() == [2, 4]


def test_a_second_row_of_an_event_is_refused():
    from django.db import IntegrityError

    made(event_id=7)
    with pytest.raises(IntegrityError):
        made(event_id=7)
    assert rows.count() == 1


def test_many_are_updated():
    for tokens in range(6):
        made(total_tokens=tokens)
    assert rows.filter(total_tokens__gte=2).update(model="n", cost_usd=0.5) == 4
    assert rows.filter(model="n").exclude(cost_usd=None).count() == 4


def test_columns_are_set_to_expressions():
    from django.db.models import F
    from django.db.models.functions import Now, Upper

    made(total_tokens=3)
    assert rows.update(total_tokens=F("total_tokens") + 1, model=Upper("model")) == 1
    assert rows.update(created_at=Now()) == 1
    assert kept("model", "total_tokens") == [("M", 4)]


def test_bulk_update():
    some = [made(total_tokens=tokens) for tokens in range(4)]
    for row in some:
        row.total_tokens += 10
        row.model = f"m{row.total_tokens}"
    assert rows.bulk_update(some, ["total_tokens", "model"]) == 4
    assert kept("model", "total_tokens") == [(f"m{n}", n) for n in range(10, 14)]


def test_rows_are_deleted_singly_and_by_filter():
    for tokens in range(6):
        made(total_tokens=tokens)
    assert rows.order_by("total_tokens").first().delete()[0] == 1
    assert rows.filter(total_tokens__gt=3).delete()[0] == 2
    assert kept() == [1, 2, 3]
    assert rows.all().delete()[0] == 3
    assert kept() == []


def test_pages_and_slices_come_in_order():
    for tokens in range(7):
        made(total_tokens=tokens)
    newest = rows.newest_first()
    assert list(newest.values_list("total_tokens", flat=True)[2:4]) == [4, 3]
    found = list(rows.all().pages(("timestamp", "id", "total_tokens"), 3))
    assert [[row[2] for row in page] for page in found] == [[6, 5, 4], [3, 2, 1], [0]]
    assert [row.total_tokens for row in newest.iterator(chunk_size=2)] == [6, 5, 4, 3, 2, 1, 0]

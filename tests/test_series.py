"""The ids of series: found by equality on the whole index, however many there are."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.factory import store
from tests.sums import assert_sums_equal_rows
from usage.models import UsageSeries
from usage.rollups import series
from usage.rollups.declarations import GROUPINGS, KEY_MODEL, MODEL, TOTAL

pytestmark = pytest.mark.django_db
MANY = 3_000


def groups(count: int) -> list[tuple[int, tuple[str, ...]]]:
    return [(0, (f"model-{number}", "p", "200")) for number in range(count)]


def ids_of(grouping, token_shift, groups) -> dict[tuple[str, ...], int]:
    kind = grouping, token_shift
    return series.ids_of({kind: {dimensions for _, dimensions in groups}})[kind]


@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda grouping: grouping.name)
def test_a_series_is_looked_up_by_its_digest_alone(grouping):
    ids_of(MODEL, 0, groups(MANY))
    wanted = [(0, tuple("new" for _ in grouping.dimensions))]
    with CaptureQueriesContext(connection) as queries:
        ids_of(grouping, 0, wanted)
    looked_up = next(q["sql"] for q in queries if q["sql"].startswith("SELECT given.digest"))
    plan = plan_of(looked_up)
    if connection.vendor == "sqlite":
        assert "(digest=?)" in plan
    else:
        assert "Seq Scan on usage_series" not in plan
        condition = next(line for line in plan.splitlines() if "Index Cond" in line)
        assert condition.count(" = ") == 1


def test_digests_tell_apart_what_looks_alike_when_written_together():
    alike = [("a:b", "", "c"), ("a", ":b", "c"), ("a", "", "b:c"), ("1:a", "", ""), ("a", "1:", "")]
    found = {series.digest(MODEL, shift, each) for each in alike for shift in (0, 32)}
    assert len(found) == 2 * len(alike)
    # As the migration has filled it in.
    assert series.digest(MODEL, 0, ("m", "p", "200")) == "39c3d02c3ade2ac832a6c3ff0efb052b"


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            return "\n".join(row[-1] for row in cursor.fetchall())
        cursor.execute("ANALYZE usage_series")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_many_new_series_are_made_once_and_found_again():
    first = ids_of(MODEL, 0, groups(MANY))
    assert len(set(first.values())) == MANY == UsageSeries.objects.count()
    assert ids_of(MODEL, 0, groups(MANY + 1)) | first == ids_of(MODEL, 0, groups(MANY + 1))


def test_series_of_other_groupings_and_shifts_are_others():
    ids = [
        ids_of(TOTAL, 0, [(0, ())]),
        ids_of(TOTAL, 32, [(0, ())]),
        ids_of(MODEL, 0, [(0, ("m", "", ""))]),
        ids_of(KEY_MODEL, 0, [(0, ("", "m", "", ""))]),
    ]
    assert len({number for found in ids for number in found.values()}) == 4


@pytest.mark.django_db(transaction=True)
def test_no_more_series_are_remembered_than_the_bound(monkeypatch):
    monkeypatch.setattr(series, "MOST_REMEMBERED", 10)
    for _ in range(2):
        with transaction.atomic():
            ids = ids_of(MODEL, 0, groups(25))
        assert len(ids) == 25
        assert len(series._known[MODEL, 0]) == 10
    store(*({"model": f"model-{number}"} for number in range(25)))
    assert_sums_equal_rows()


@pytest.mark.django_db(transaction=True)
def test_what_a_transaction_found_before_all_was_forgotten_is_not_remembered():
    with transaction.atomic():
        ids_of(MODEL, 0, groups(1))
        series.forget()
    assert not series._known[MODEL, 0]

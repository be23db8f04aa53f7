"""A database of the version before gets sums by user, team, … and can go back."""

import pytest
from django.core.management import call_command
from django.db import connection

from tests.factory import NOON, store
from tests.sums import assert_sums_equal_rows
from usage.models import FillingState, UsageSeries
from usage.rollups import names, series
from usage.rollups.declarations import GROUPINGS
from usage.rollups.filling import fill_later_sums
from usage.rollups.name_entries import ALWAYS, NEVER

BEFORE = "0016_heard_counts"


def migrate(*target: str) -> None:
    call_command("migrate", "usage", *target, verbosity=0)
    names.forget()


def digests_as_reckoned() -> dict[str, str]:
    """By digest as it is stored."""
    groupings = {grouping.name: grouping for grouping in GROUPINGS}
    found = {}
    for each in UsageSeries.objects.all():
        grouping = groupings[each.grouping]
        values = tuple(getattr(each, name) for name in grouping.dimensions)
        found[each.digest] = series.digest(grouping, each.token_shift, values)
    return found


@pytest.mark.django_db(transaction=True)
def test_what_was_there_is_found_by_its_digest_and_filled_afterwards():
    store(
        {
            "user": "u",
            "team": "ü:1",
            "api_key": "k",
            "provider": "p",
            "status": 500,
            "latency_ms": 3,
        },
        {"model": "a:b", "total_tokens": 2**53, "timestamp": NOON},
        {"user": "u", "account": "a@b.c"},
    )
    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT grouping FROM usage_series")
        assert {name for (name,) in cursor.fetchall()} == {
            *("total", "model", "key", "key_model", "offer")
        }
    try:
        migrate()
        state = FillingState.objects.get()
        assert (state.filled_from, state.unknown_before) == (NEVER, ALWAYS)
        digests = digests_as_reckoned()
        assert digests
        assert [*digests] == [*digests.values()]
        assert_sums_equal_rows()
        store({"user": "new", "provider": "p"})
        assert_sums_equal_rows()
        for _ in fill_later_sums():
            pass
        assert UsageSeries.objects.filter(account="a@b.c").count() == 2
        assert_sums_equal_rows()
    finally:
        migrate()


@pytest.mark.django_db(transaction=True)
def test_a_new_database_has_nothing_to_fill():
    migrate(BEFORE)
    migrate()
    assert not FillingState.objects.exists()

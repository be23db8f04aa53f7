"""What else a portal's file holds: prices, rows that no figure counts, suppressed duplicates."""

import datetime as dt
from decimal import Decimal

import pytest

from tests.old_files import counts, run
from tests.portal_file import HORIZON, LEFT, change, figures, insert
from tests.sums import assert_sums_equal_rows
from usage.models import PriceOverride, SuppressedPair, UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]


@pytest.fixture(autouse=True)
def _more(portal):
    later = HORIZON + dt.timedelta(days=3)
    for minute, reason in enumerate(("warm_up", "duplicate")):
        time = f"{later + dt.timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}"
        insert(portal, time, excluded_as=reason, cost_usd=0.5, cost_source="genai-prices")
    change(
        portal,
        "INSERT INTO usage_priceoverride (model_pattern, provider, valid_from, "
        "prompt_usd_per_mtok, completion_usd_per_mtok, cached_usd_per_mtok, request_usd) "
        "VALUES ('gpt-*', 'azure', '2026-01-01 00:00:00', 1.25, 10, NULL, 0)",
        "INSERT INTO usage_suppressedpair (counted_source, suppressed_source, calls, last_at) "
        "VALUES ('litellm', 'otel', 7, '2026-01-01 00:00:00')",
    )


def test_they_arrive_and_the_sums_are_still_proved(portal):
    said = run(portal)
    assert counts(said) == f"{LEFT + 2} moved, 0 there before, 0 rejected."
    assert figures(said)["rows"] == [str(LEFT + 2)] * 2
    assert said.splitlines()[-1] == "Proved: the sums here are those of the old file."
    excluded = UsageMetric.objects.exclude(excluded_as=None).order_by("timestamp")
    assert [(row.excluded_as, row.cost_source, row.is_summed) for row in excluded] == [
        ("warm_up", "genai-prices", False),
        ("duplicate", "genai-prices", False),
    ]
    price = PriceOverride.objects.get()
    assert (price.model_pattern, price.provider, price.valid_from) == (
        *("gpt-*", "azure"),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    assert (price.prompt_usd_per_mtok, price.cached_usd_per_mtok) == (Decimal("1.25"), None)


def test_a_second_time_changes_nothing(portal):
    run(portal)
    said = run(portal)
    assert counts(said) == f"0 moved, {LEFT + 2} there before, 0 rejected."
    assert said.splitlines()[-1] == "Proved: the sums here are those of the old file."
    assert SuppressedPair.objects.get().calls == 7
    assert PriceOverride.objects.count() == 1


def test_counts_of_duplicates_are_added_to_those_of_here(portal):
    SuppressedPair.objects.create(
        counted_source="litellm",
        suppressed_source="otel",
        calls=3,
        last_at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
    )
    run(portal)
    pair = SuppressedPair.objects.get()
    assert (pair.calls, pair.last_at.month) == (10, 2)


def test_rows_that_no_figure_counts_are_in_no_sum(portal):
    change(portal, "DELETE FROM usage_purgehorizon", "DELETE FROM usage_rollups")
    change(portal, "DELETE FROM usage_histograms", "UPDATE usage_metrics SET is_summed = NULL")
    run(portal)
    assert_sums_equal_rows()

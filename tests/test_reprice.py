"""`manage.py reprice`: costs of rows follow today's prices, and the sums follow the rows."""

import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from model_bakery import baker

from tests.sums import assert_sums_equal_rows
from usage import repricing, retention
from usage.asking.filters import UsageFilter
from usage.models import PriceOverride, UsageMetric
from usage.queries import usage_totals
from usage.recording import record_batch

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOUR = dt.timedelta(hours=1)


def record(*models: str, at: dt.datetime = NOW - HOUR, **fields: object) -> None:
    tokens = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    record_batch([{"model": model, "timestamp": at, **tokens, **fields} for model in models])


def price(pattern: str, usd: float) -> PriceOverride:
    return baker.make(
        PriceOverride,
        model_pattern=pattern,
        provider="",
        prompt_usd_per_mtok=usd,
        completion_usd_per_mtok=0,
        request_usd=0,
    )


def reprice(*arguments: str) -> str:
    out = StringIO()
    call_command("reprice", *arguments, stdout=out)
    return out.getvalue()


def costs() -> dict[str, tuple[float | None, str | None]]:
    rows = UsageMetric.objects.values_list("model", "cost_usd", "cost_source")
    return {model: (cost, source) for model, cost, source in rows}


def test_rows_get_the_price_of_today_and_the_sums_follow():
    record("a", "b", "gpt-4o-mini")
    record("reported", cost_usd=9.0)
    price("a", 3)
    price("reported", 100)
    output = reprice()
    assert costs() == {
        "a": (3.0, "override"),
        "b": (None, None),
        "gpt-4o-mini": (pytest.approx(0.15), "genai-prices"),
        "reported": (9.0, "reported"),
    }
    figures = usage_totals(UsageFilter())
    assert (figures.cost_usd, figures.unpriced_requests) == (pytest.approx(12.15), 1)
    assert_sums_equal_rows()
    assert "Looked at 3 rows without a reported cost" in output
    assert "changed: 1 row, $0.000000 before, $3.000000 now." in output


def test_a_second_time_changes_nothing():
    record("a", "gpt-4o-mini")
    price("a", 3)
    reprice()
    assert "changed: 0 rows" in reprice()


def test_without_its_override_a_row_has_the_published_price_again_or_none():
    record("a", "gpt-4o-mini")
    mine = [price("a", 3), price("gpt-4o-mini", 3)]
    reprice()
    for override in mine:
        override.delete()
    reprice()
    assert costs() == {"a": (None, None), "gpt-4o-mini": (pytest.approx(0.15), "genai-prices")}
    assert_sums_equal_rows()


def test_a_dry_run_tells_the_same_and_changes_nothing():
    record("a", "a", "b")
    price("a", 3)
    assert "would change: 2 rows, $0.000000 before, $6.000000 now." in reprice("--dry-run")
    assert costs() == {"a": (None, None), "b": (None, None)}
    assert_sums_equal_rows()


@pytest.mark.parametrize("since", [(NOW - 2 * HOUR).isoformat(), "2h"], ids=["time", "age"])
def test_only_rows_since_a_time_or_of_a_model(since):
    record("a", "b")
    record("a", at=NOW - 3 * HOUR)
    price("*", 1)
    reprice("--since", since, "--model", "a")
    found = UsageMetric.objects.filter(cost_usd=1.0)
    assert [(row.model, row.timestamp) for row in found] == [("a", NOW - HOUR)]
    assert_sums_equal_rows()


def test_costs_of_plain_sql_and_of_older_versions_count_as_reported():
    baker.make(UsageMetric, timestamp=NOW, model="a", cost_usd=2.0, cost_source=None)
    price("a", 3)
    reprice()
    assert costs() == {"a": (2.0, None)}


def test_rows_that_no_figure_counts_are_priced_without_touching_the_sums():
    baker.make(UsageMetric, timestamp=NOW, model="a", prompt_tokens=10**6, excluded_as="warm_up")
    price("a", 3)
    reprice()
    assert costs() == {"a": (3.0, "override")}
    assert usage_totals(UsageFilter()).cost_usd is None or usage_totals(UsageFilter()).requests == 0
    assert_sums_equal_rows()


def test_more_rows_than_a_page_are_all_priced(monkeypatch):
    monkeypatch.setattr(repricing, "_PAGE", 7)
    monkeypatch.setattr(repricing, "_FIRST_STEP", 3)
    record(*["a"] * 30)  # all of one moment
    price("a", 1)
    assert "changed: 30 rows" in reprice()
    assert usage_totals(UsageFilter()).cost_usd == pytest.approx(30)
    assert_sums_equal_rows()


def test_costs_of_purged_rows_stay_and_the_command_says_so():
    record("a", at=timezone.now() - dt.timedelta(days=3))
    list(retention.remove_expired_rows(timezone.now() - dt.timedelta(days=2)))
    price("a", 1)
    assert "were purged: their costs stand in the sums as they are" in reprice()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "1y", ""])
def test_a_time_that_is_none_is_told_what_to_write(text):
    with pytest.raises(CommandError, match=r"--since is .*: write a day such as 2026-01-31"):
        reprice("--since", text)


def test_the_api_tells_where_a_cost_is_from(client):
    record("gpt-4o-mini")
    row = json.loads(client.get("/_qs/usage").content)["usage"][0]
    assert (row["cost_usd"], row["cost_source"]) == (pytest.approx(0.15), "genai-prices")

"""Rows that no figure counts, such as a proxy's warm-ups: kept, shown when asked for, in no sum."""

import datetime as dt
import json

import pytest
from django.db import connection
from model_bakery import baker

from tests.cliproxy import record
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from usage.asking.filters import UsageFilter
from usage.intake.cliproxy import record_of
from usage.models import UsageMetric
from usage.periods import Period
from usage.queries import Breakdown, records_persisted, usage_report, usage_totals
from usage.recording import record_batch
from usage.rollups import rebuild

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 3, 10, 12, 7, 3, tzinfo=dt.UTC)
RAGGED = Period(AT - dt.timedelta(seconds=1), AT + dt.timedelta(seconds=2))


def insert_in_plain_sql(excluded_as: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, total_tokens, excluded_as) "
            "VALUES (%s, 'm', 5, %s)",
            ["2026-03-10 12:07:03", excluded_as],
        )


def tokens() -> list[int]:
    """Of all time, and of a range that takes raw rows."""
    return [usage_totals(UsageFilter(period)).tokens for period in (Period(), RAGGED)]


def test_a_warm_up_of_the_proxy_is_kept_and_not_counted():
    now = dt.datetime.now(dt.UTC)
    warm_up = record_of(record(generate=False, request_id="1"), "east", now)
    request = record_of(record(generate=True, request_id="2"), "east", now)
    assert record_batch([warm_up, request]).accepted == 2
    assert list(UsageMetric.objects.order_by("request_id").values_list("excluded_as")) == [
        ("warm_up",),
        (None,),
    ]
    assert usage_totals(UsageFilter()).requests == records_persisted() == 1
    assert_sums_equal_rows()


def test_rows_of_plain_sql_are_not_counted_either_way():
    insert_in_plain_sql("warm_up")
    insert_in_plain_sql(None)
    assert tokens() == [5, 5]  # from the rows that the sums do not hold yet
    add_waiting_rows()
    assert tokens() == [5, 5]
    assert_sums_equal_rows()


def test_excluding_a_row_takes_it_out_of_every_figure_and_back():
    rows = [baker.make(UsageMetric, timestamp=AT, model="m", total_tokens=n) for n in (5, 7)]
    assert tokens() == [12, 12]
    UsageMetric.objects.filter(pk=rows[0].pk).update(excluded_as="warm_up")
    assert tokens() == [7, 7]
    assert_sums_equal_rows()
    UsageMetric.objects.filter(pk=rows[0].pk).update(excluded_as=None)
    assert tokens() == [12, 12]
    rows[1].refresh_from_db()
    rows[1].excluded_as = "duplicate"
    rows[1].save()
    assert tokens() == [5, 5]
    rows[1].delete()
    assert tokens() == [5, 5]
    assert_sums_equal_rows()


def test_sums_made_anew_leave_them_out():
    baker.make(UsageMetric, timestamp=AT, model="m", total_tokens=5, excluded_as="warm_up")
    baker.make(UsageMetric, timestamp=AT, model="m", total_tokens=7)
    insert_in_plain_sql("duplicate")
    for day in rebuild.days_with_usage(None):
        rebuild.rebuild_day(day)
    assert tokens() == [7, 7]
    assert_sums_equal_rows()


def test_parts_and_series_leave_them_out():
    baker.make(UsageMetric, timestamp=AT, model="a", total_tokens=5, excluded_as="warm_up")
    baker.make(UsageMetric, timestamp=AT, model="b", total_tokens=7)
    report = usage_report(UsageFilter(RAGGED), Breakdown(interval="15m"))
    assert [part.name for part in report.by_model] == ["b"]
    assert [bucket.figures.tokens for bucket in report.timeseries] == [7]


def test_exports_leave_them_out_unless_asked(client):
    baker.make(UsageMetric, timestamp=AT, model="a", excluded_as="warm_up")
    baker.make(UsageMetric, timestamp=AT, model="b")

    def models(query: str) -> list[str]:
        lines = b"".join(client.get(f"/_qs/usage?format=ndjson{query}").streaming_content)
        return sorted(json.loads(line)["model"] for line in lines.splitlines())

    assert models("") == ["b"]
    assert models("&with_excluded=true") == ["a", "b"]
    assert client.get("/_qs/usage?with_excluded=perhaps").status_code == 400


@pytest.mark.parametrize(
    ("chosen", "models"),
    [("", ["a", "b", "c"]), ("warm_up", ["a"]), ("duplicate", ["b"]), ("none", ["c"])],
)
def test_the_admin_shows_each_kind(admin_client, chosen, models):
    for model, excluded_as in (("a", "warm_up"), ("b", "duplicate"), ("c", None)):
        baker.make(UsageMetric, timestamp=AT, model=model, excluded_as=excluded_as)
    answer = admin_client.get(f"/admin/usage/usagemetric/?excluded_as={chosen}")
    shown = answer.context["cl"].result_list
    assert sorted(row.model for row in shown) == models

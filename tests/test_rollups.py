"""The sums follow the raw rows, whoever changes those and however."""

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from model_bakery import baker

from tests.factory import ALICE, NOON, at, store
from tests.sums import add_waiting_rows, assert_sums_equal_rows
from tests.thorough import examples
from usage.models import UsageHistogram, UsageMetric, UsageRollup, UsageSeries
from usage.recording import record_batch
from usage.rollups import horizon, rebuild
from usage.rollups.bins import bin_of, bin_sql, middle_of
from usage.rollups.declarations import DAY, HISTOGRAMS, ROLLUPS
from usage.rollups.horizon import move_purge_horizon
from usage.statuses import is_failure

pytestmark = pytest.mark.django_db

TOTAL_BY_DAY = next(r.number for r in ROLLUPS if (r.grouping.name, r.width) == ("total", DAY))


def total(name: str = "requests") -> Any:
    return sum(UsageRollup.objects.filter(rollup=TOTAL_BY_DAY).values_list(name, flat=True))


def insert_in_plain_sql(*times: str) -> None:
    with connection.cursor() as cursor:
        for time in times:
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, total_tokens) VALUES (%s, 'm', 5)",
                [time],
            )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's types take no text")
@pytest.mark.parametrize("value", ["soon", "", "1.5 s", "1_000", b"7", b"\xff", "9e999"])
def test_what_is_no_number_is_none_in_every_figure(client, value):
    store({"latency_ms": 8, "ttft_ms": 4, "cost_usd": 0.5})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, latency_ms, ttft_ms, cost_usd)"
            " VALUES (%s, 'm', %s, %s, %s)",
            [str(NOON)[:19], value, value, value],
        )
    asked = ["", f"?from={NOON:%FT%T}Z&to={NOON:%FT%T}Z"]  # the second of rows alone
    answers = [client.get(f"/_qs/metrics{query}").json()["totals"] for query in asked]
    add_waiting_rows()
    answers += [client.get(f"/_qs/metrics{query}").json()["totals"] for query in asked]
    assert_sums_equal_rows()
    expected = {"requests": 2, "avg_latency_ms": 8, "avg_ttft_ms": 4, "cost_usd": 0.5,
                "unpriced_requests": 1, "p50_latency_ms": 8, "p99_ttft_ms": 4}  # fmt: skip
    for answer in answers:
        assert {name: pytest.approx(answer[name], rel=0.06) for name in expected} == expected


# --- The declarations -------------------------------------------------------------------------


def test_numbers_are_used_once_and_widths_nest():
    assert len({r.number for r in ROLLUPS}) == len(ROLLUPS)
    assert len({h.number for h in HISTOGRAMS}) == len(HISTOGRAMS)
    for sums in (ROLLUPS, HISTOGRAMS):
        last: dict[Any, int] = {}
        for each in sums:
            kind = (each.grouping, getattr(each, "column", ""))
            assert each.width % last.get(kind, 1) == 0
            last[kind] = each.width


# --- Recording --------------------------------------------------------------------------------


WHO_AND_WHAT = {"user": "u", "team": "t", "project": "p", "app": "a", "source": "s",
                "account": "c"}  # fmt: skip


def test_a_row_is_in_every_rollup_under_its_own_dimensions():
    store({"provider": "openai", "status": 429, "api_key": "alice", "latency_ms": 12.5,
           "ttft_ms": 3, "total_tokens": 7, "prompt_tokens": 4, "cost_usd": 0.5,
           **WHO_AND_WHAT})  # fmt: skip
    assert UsageRollup.objects.count() == len(ROLLUPS)
    assert UsageHistogram.objects.count() == len(HISTOGRAMS)
    row = UsageRollup.objects.get(rollup=10)
    assert (row.requests, row.failed_requests, row.total_tokens) == (1, 1, 7)
    assert (row.latency_ms_sum, row.ttft_count, row.cost_usd_sum) == (12.5, 1, 0.5)
    series = row.series
    assert (series.api_key_hash, series.model) == (ALICE, "m")
    assert (series.provider, series.status) == ("openai", "429")
    for name, value in WHO_AND_WHAT.items():
        alone, with_model = UsageSeries.objects.filter(**{name: value}).order_by("model")
        assert (alone.grouping, alone.model) == (name, "")
        assert (with_model.grouping, with_model.model) == (f"{name}_model", "m")
    assert_sums_equal_rows()


def test_a_row_is_in_no_sums_of_what_it_does_not_name():
    store({"team": "t"}, {"user": ""}, {})
    groupings = UsageSeries.objects.values_list("grouping", flat=True)
    assert {*groupings} & {*WHO_AND_WHAT} == {"team"}
    assert UsageRollup.objects.filter(series__in=UsageSeries.objects.filter(team="t")).count() == 4
    assert_sums_equal_rows()


def test_only_what_was_new_is_added():
    event = {"event_id": "1", "total_tokens": 3}
    store(event, event, {"event_id": "2", "total_tokens": 4})
    store(event, {"event_id": "3", "total_tokens": 5})
    assert (total(), total("total_tokens")) == (3, 12)
    assert_sums_equal_rows()


def test_a_batch_that_is_rolled_back_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        store({"model": "new", "provider": "new"})
        raise ZeroDivisionError
    assert not UsageRollup.objects.exists()
    store({"model": "new", "provider": "new"})  # its series, which went too, is made again
    assert_sums_equal_rows()
    of_old = [each for each in ROLLUPS if not each.grouping.only_with]
    assert UsageRollup.objects.filter(series__in=UsageSeries.objects.values("id")).count() == len(
        of_old
    )


def test_sums_past_64_bits_are_exact():
    store(*[{"total_tokens": 2**53, "prompt_tokens": 2**53 - 1}] * 3000)
    by_shift = {
        series.token_shift: UsageRollup.objects.get(rollup=TOTAL_BY_DAY, series=series.id)
        for series in UsageSeries.objects.filter(grouping="total")
    }
    whole = sum(row.total_tokens << shift for shift, row in by_shift.items())
    assert whole == 3000 * 2**53
    assert sum(row.requests for row in by_shift.values()) == 3000
    assert_sums_equal_rows()


@pytest.mark.parametrize("rows", [1, 4_999, 5_001])
def test_batches_of_any_size_are_summed(rows: int):
    record_batch([{"model": f"m{n % 3}", "timestamp": NOON} for n in range(rows)])
    assert total() == UsageMetric.objects.count() == rows
    assert_sums_equal_rows()


# --- The ORM ----------------------------------------------------------------------------------


def test_rows_that_the_orm_makes_are_added():
    UsageMetric.objects.create(timestamp=NOON, model="a", total_tokens=1)
    UsageMetric.objects.bulk_create(
        [UsageMetric(timestamp=NOON, model="b", total_tokens=n) for n in range(3)]
    )
    UsageMetric.objects.get_or_create(model="c", timestamp=NOON)
    baker.make(UsageMetric, timestamp=NOON, model="d", is_summed=True)  # a claim of its own
    assert total() == 6
    assert_sums_equal_rows()


def test_edits_move_rows_between_sums():
    store({"model": "a", "total_tokens": 5, "latency_ms": 10}, {"model": "b"})
    row = UsageMetric.objects.get(model="a")
    row.model, row.timestamp, row.total_tokens = "z", at("2023-12-31 23:59"), 2**60
    row.save()
    assert_sums_equal_rows()
    row.latency_ms = None
    row.save(update_fields=["latency_ms"])
    assert_sums_equal_rows()
    assert UsageMetric.objects.filter(model="b").update(status="500") == 1
    UsageMetric.objects.bulk_update([row], ["model"])
    assert total("failed_requests") == 1
    assert_sums_equal_rows()


def test_deleted_rows_leave_nothing_in_the_sums():
    store(*[{"model": name, "cost_usd": 0.1, "latency_ms": 7.7} for name in "abcab"])
    assert UsageMetric.objects.filter(model="a").delete() == (2, {"usage.UsageMetric": 2})
    UsageMetric.objects.filter(model="b").first().delete()
    assert total() == 2
    assert_sums_equal_rows()
    UsageMetric.objects.all().delete()
    assert not UsageRollup.objects.exists()
    assert not UsageHistogram.objects.exists()


def test_purged_rows_stay_in_the_sums():
    store({"total_tokens": 5}, {"total_tokens": 6})
    assert UsageMetric.objects.all().delete_but_keep_sums() == 2
    assert (total(), total("total_tokens")) == (2, 11)


# --- Plain SQL --------------------------------------------------------------------------------


def test_rows_of_plain_sql_are_added_once_when_asked_for():
    insert_in_plain_sql("2024-01-15 10:00:00", "2024-01-15T11:30:00Z", "2024-01-16 00:00:00.5")
    assert total() == 0
    assert add_waiting_rows() == 1
    assert add_waiting_rows() == 0
    assert (total(), total("total_tokens")) == (3, 15)
    assert_sums_equal_rows()


def test_a_row_of_plain_sql_can_be_deleted_before_it_was_added():
    insert_in_plain_sql("2024-01-15 10:00:00")
    store({"total_tokens": 1})
    UsageMetric.objects.all().delete()
    assert not UsageRollup.objects.exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL refuses the values")
def test_words_for_numbers_and_days_that_never_were_do_no_harm():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, total_tokens, latency_ms)"
            " VALUES ('2024-02-31 10:00:00', 'm', 1, 1), ('2024-02-03 10:00:00', 'm', 'x', 'y')"
        )
    add_waiting_rows()
    assert total() == 2  # SQLite takes 31 February for 2 March


# --- Rebuilding -------------------------------------------------------------------------------


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("rebuild_rollups", *options, stdout=out)
    return out.getvalue()


def three_days() -> None:
    store(
        {"timestamp": at("2024-01-15 10:00"), "latency_ms": 5, "total_tokens": 2**40},
        {"timestamp": at("2024-01-15 23:59"), "status": 500, "cost_usd": 0.1},
        {"timestamp": at("2024-03-01 00:00"), "api_key": "alice", "ttft_ms": 8},
    )
    insert_in_plain_sql("2024-03-02 10:00:00")


def test_rebuilding_makes_the_same_sums_from_nothing():
    three_days()
    UsageRollup.objects.all().delete()
    UsageHistogram.objects.all().delete()
    assert "sums of 3 days were made anew" in run()
    assert total() == 4
    assert_sums_equal_rows()
    assert "sums of 3 days agree" in run("--check")


def test_rebuilding_mends_whatever_is_wrong_and_checking_tells_it():
    three_days()
    run()
    UsageRollup.objects.filter(rollup=5).update(requests=99)
    UsageHistogram.objects.filter(histogram=1).delete()
    stray = {**UsageRollup.objects.filter(rollup=3).values()[0], "bucket": at("2024-10-04")}
    UsageRollup.objects.create(**stray)
    out = io.StringIO()
    with pytest.raises(CommandError, match="differ from the raw rows: run `manage"):
        call_command("rebuild_rollups", "--check", stdout=out)
    assert "usage_rollups 5 from 2024-01-15T10:00:00Z" in out.getvalue()
    run()
    assert_sums_equal_rows()


def test_a_wide_bucket_that_is_wrong_is_told_too():
    three_days()
    run()
    UsageRollup.objects.filter(rollup=7).update(requests=99)
    with pytest.raises(CommandError, match="differ from the raw rows"):
        run("--check")


def test_sums_before_the_purge_horizon_stand():
    three_days()
    run()
    before = total()
    UsageMetric.objects.filter(timestamp__lt=at("2024-01-15 12:00")).delete_but_keep_sums()
    baker.make("usage.PurgeHorizon", purged_before=at("2024-01-15 12:00"))
    assert "sums of 2 days were made anew" in run()
    assert "before 2024-01-15T12:00:00Z were purged" in run("--check")
    assert total() == before


@pytest.mark.parametrize(
    ("purged_before", "first"),
    [(None, None), ("2024-01-15 00:00", "2024-01-15"), ("2024-01-15 00:00:01", "2024-01-16")],
)
def test_days_are_made_anew_from_the_first_whole_one(purged_before: str | None, first: str | None):
    if purged_before is not None:
        move_purge_horizon(at(purged_before))
    assert horizon.first_day() == (None if first is None else int(at(first).timestamp()))


def test_the_day_that_begins_with_the_horizon_is_made_anew():
    three_days()
    run()
    before, day = total(), at("2024-03-01")
    UsageMetric.objects.filter(timestamp__lt=at("2024-03-01")).delete_but_keep_sums()
    move_purge_horizon(at("2024-03-01"))
    UsageRollup.objects.filter(rollup=TOTAL_BY_DAY, bucket=day).update(requests=99)
    run()
    assert total() == before


# --- The same rules in Python and in SQL ------------------------------------------------------


@given(st.floats(0, 2**53) | st.sampled_from([0, 0.001, 0.0011, 1, 1.1, 2**53]))
def test_the_middle_of_a_bin_is_near_all_that_is_in_it(value: float):
    middle = middle_of(bin_of(value))
    assert middle == pytest.approx(value, rel=0.0477, abs=0.001)


@given(st.lists(st.floats(0, 2**53), min_size=1, max_size=50))
def test_sql_sorts_into_the_same_bins(values: list[float]):
    numbers = []
    with connection.cursor() as cursor:
        for value in values:
            cursor.execute(
                f"SELECT {bin_sql('v')} FROM (SELECT CAST(%s AS double precision) AS v) AS t",
                [value],
            )
            numbers += cursor.fetchone()
    assert numbers == [bin_of(value) for value in values]


@given(st.none() | st.text(alphabet="0123459okOKerror", max_size=8))
def test_sql_and_python_agree_on_what_failed(status: str | None):
    UsageMetric.objects.all().delete()
    row = UsageMetric.objects.create(timestamp=NOON, model="m", status=status)
    failed = UsageMetric.objects.having("status", ["error"]).filter(pk=row.pk).exists()
    assert failed == is_failure(status)


# --- Any history ------------------------------------------------------------------------------

moments = st.datetimes(dt.datetime(2024, 1, 30), dt.datetime(2024, 2, 2), timezones=st.just(dt.UTC))
rows = st.fixed_dictionaries(
    {
        "timestamp": moments,
        "model": st.sampled_from(["a", "b"]),
        "total_tokens": st.integers(0, 9) | st.integers(0, 2**53),
        "status": st.sampled_from([None, "200", "500"]),
        "api_key_hash": st.sampled_from([None, "k", "l"]),
        "latency_ms": st.none() | st.floats(0, 1e6),
        "cost_usd": st.none() | st.floats(0, 10),
    }
)
steps = st.one_of(
    st.tuples(st.just("record"), st.lists(rows, min_size=1, max_size=5)),
    st.tuples(st.just("create"), rows),
    st.tuples(st.just("edit"), rows),
    st.tuples(st.just("delete"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("plain"), st.just("2024-01-31 12:34:56")),
    st.tuples(st.just("rebuild"), st.none()),
)


def take(step: str, value: Any) -> None:
    if step == "record":
        record_batch(value)
    elif step == "create":
        UsageMetric.objects.create(**value)
    elif step == "edit":
        UsageMetric.objects.filter(model=value["model"]).update(**value)
    elif step == "delete":
        UsageMetric.objects.filter(model=value).delete()
    elif step == "plain":
        insert_in_plain_sql(value)
    else:
        run()


@settings(max_examples=examples(40))
@given(st.lists(steps, max_size=8))
def test_after_any_history_the_sums_are_what_the_rows_make(history: list[tuple[str, Any]]):
    UsageMetric.objects.all().delete()
    for step, value in history:
        take(step, value)
    add_waiting_rows()
    assert total() == UsageMetric.objects.count()
    assert_sums_equal_rows()


def test_a_day_that_a_purge_reached_meanwhile_is_not_made_anew():
    three_days()
    run()
    before = total()
    day = int(at("2024-01-15").timestamp())
    UsageMetric.objects.filter(timestamp__lt=at("2024-01-16")).delete_but_keep_sums()
    move_purge_horizon(at("2024-01-16"))
    assert rebuild.rebuild_day(day) == 0
    assert total() == before

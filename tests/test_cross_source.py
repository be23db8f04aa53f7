"""A call that two sources report counts once, and what was suppressed is told."""

import datetime as dt
import itertools
import threading

import pytest
from django.db import connection

from tests.sums import assert_sums_equal_rows
from usage.asking.filters import UsageFilter
from usage.models import SuppressedPair, UsageMetric
from usage.queries import usage_totals
from usage.recording import record_batch

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SOURCES = {"litellm": 100, "otel": 101, "sdk": 102, "other": 103}  # and the tokens that each tells


@pytest.fixture(autouse=True)
def _priority(settings):
    settings.METRICS_SOURCE_PRIORITY = ["litellm", "otel"]


def report(source: str | None, response_id: str | None = "chatcmpl-1", minutes: float = 0, **more):
    at = AT + dt.timedelta(minutes=minutes)
    return {
        "model": "m",
        "timestamp": at,
        "source": source,
        "response_id": response_id,
        "event_id": f"{source}-{response_id}-{minutes}",
        "prompt_tokens": SOURCES.get(source or "", 7),
        **more,
    }


def counted() -> list[str | None]:
    rows = UsageMetric.objects.counted().order_by("source", "timestamp")
    figures = usage_totals(UsageFilter())
    assert figures.requests == len(rows)
    assert figures.prompt_tokens == sum(row.prompt_tokens for row in rows)
    assert_sums_equal_rows()
    return [row.source for row in rows]


def suppressed() -> dict[tuple[str, str], int]:
    pairs = SuppressedPair.objects.values_list("counted_source", "suppressed_source", "calls")
    return {(winner, loser): calls for winner, loser, calls in pairs}


@pytest.mark.parametrize("order", list(itertools.permutations(("litellm", "otel", "sdk"))))
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_the_source_of_higher_priority_counts_whichever_came_first(order, is_one_batch):
    reports = [report(source) for source in order]
    for batch in [reports] if is_one_batch else [[each] for each in reports]:
        assert record_batch(batch).accepted == len(batch)
    assert counted() == ["litellm"]
    assert UsageMetric.objects.count() == 3
    assert sum(suppressed().values()) == 2


def test_of_two_sources_that_are_not_named_the_first_to_come_counts():
    record_batch([report("other", minutes=5)])
    record_batch([report("sdk")])
    assert counted() == ["other"]
    assert suppressed() == {("other", "sdk"): 1}


@pytest.mark.parametrize(
    "others",
    [
        [report("otel", "chatcmpl-2")],
        [report("otel", None)],
        [report("otel", minutes=61)],
        [report("otel", minutes=-61)],
        [report("litellm", minutes=3)],  # a retry of the gateway's
    ],
)
def test_what_is_another_call_counts_too(others):
    record_batch([report("litellm")])
    record_batch(others)
    assert len(counted()) == 2
    assert suppressed() == {}


def test_an_hour_apart_is_still_one_call():
    record_batch([report("otel", minutes=60)])
    record_batch([report("litellm")])
    assert counted() == ["litellm"]


def test_each_retry_of_the_winner_counts_and_each_other_report_does_not():
    record_batch([report("otel"), report("otel", minutes=2)])
    record_batch([report("litellm"), report("litellm", minutes=2)])
    assert counted() == ["litellm", "litellm"]
    assert suppressed() == {("litellm", "otel"): 2}


def test_sending_again_changes_nothing():
    batches = [[report("otel")], [report("litellm")], [report("sdk"), report("litellm", "b")]]
    for batch in batches:
        record_batch(batch)
    first = counted(), suppressed()
    for batch in [*batches, *reversed(batches)]:
        assert record_batch(batch).accepted == 0
    assert (counted(), suppressed()) == first


def test_a_batch_with_reports_that_came_before_counts_only_the_new_ones():
    record_batch([report("litellm", "a"), report("otel", "a")])
    again = [report("otel", "a"), report("otel", "b"), report("litellm", "b")]
    assert record_batch(again).accepted == 2
    assert counted() == ["litellm", "litellm"]
    assert suppressed() == {("litellm", "otel"): 2}


def test_an_id_that_everything_shares_tells_no_calls(django_assert_max_num_queries):
    for start in range(0, 400, 50):
        numbers = range(start, start + 50)
        record_batch(
            [report("litellm", minutes=number / 60, event_id=f"{number}") for number in numbers]
        )
    with django_assert_max_num_queries(40):
        record_batch([report("otel"), report("otel", "another"), report("litellm", "another")])
    assert len(counted()) == 402
    assert suppressed() == {("litellm", "otel"): 1}


def test_a_row_without_a_source_is_of_one_more_source():
    record_batch([report(None)])
    record_batch([report("otel")])
    assert counted() == ["otel"]
    assert suppressed() == {("otel", ""): 1}


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
def test_without_the_setting_everything_counts(settings, client):
    settings.METRICS_SOURCE_PRIORITY = []
    record_batch([report("litellm"), report("otel")])
    assert counted() == ["litellm", "otel"]
    assert "suppressed_duplicates" not in client.get("/_qs/health").json()


@pytest.mark.django_db(transaction=True)  # a probe has a connection of its own
def test_health_tells_how_many(client):
    record_batch([report("otel", str(number)) for number in range(3)])
    record_batch([report("litellm", str(number)) for number in range(2)])
    assert client.get("/_qs/health").json()["suppressed_duplicates"] == [
        {"counted_source": "litellm", "suppressed_source": "otel", "calls": 2}
    ]


def test_the_list_of_rows_leaves_them_out_unless_asked(client):
    record_batch([report("otel"), report("litellm")])
    found = client.get("/_qs/usage").json()["usage"]
    assert [row["source"] for row in found] == ["litellm"]
    found = client.get("/_qs/usage?with_excluded=true").json()["usage"]
    assert {row["source"]: row["excluded_as"] for row in found} == {
        "litellm": None,
        "otel": "duplicate",
    }


@pytest.mark.django_db(transaction=True)
def test_two_sources_at_the_same_moment_are_one_call():
    sources = ("litellm", "otel") * 4
    calls = [f"call-{number}" for number in range(40)]
    errors: list[Exception] = []

    def send(source: str) -> None:
        try:
            for call in calls:
                record_batch([report(source, call)])
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert counted() == ["litellm"] * len(calls)
    assert suppressed() == {("litellm", "otel"): len(calls)}

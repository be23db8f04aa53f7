"""A call that several spans tell counts once, however its spans are spread over posts."""

import itertools
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.otlp import SECOND, START, as_json, as_protobuf, request, span
from tests.sums import assert_sums_equal_rows
from tests.thorough import some
from usage import traced
from usage.models import SuppressedPair, TracedPost, UsageMetric
from usage.recording import span_trees

pytestmark = pytest.mark.django_db

# What a span is: a call with usage, one without, or nothing that counts.
USED, ASKED, EMPTY = "used", "asked", "empty"
KINDS: dict[str, dict[str, Any]] = {
    USED: {"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 7},
    ASKED: {"gen_ai.request.model": "gpt-5", "gen_ai.operation.name": "chat"},
    EMPTY: {"http.request.method": "POST"},
}


def at(number: int, kind: str, parent: int | None = None, **attributes: Any) -> dict[str, Any]:
    fields = {} if parent is None else {"parentSpanId": f"{parent:016x}"}
    end = str(START + number * SECOND)
    return span(
        {**KINDS[kind], **attributes}, spanId=f"{number:016x}", endTimeUnixNano=end, **fields
    )


def deliver(client: Any, *spans: dict[str, Any], encode: Any = as_json) -> None:
    media_type = "application/json" if encode is as_json else "application/x-protobuf"
    answer = client.post("/v1/traces", encode(request(*spans)), content_type=media_type)
    assert (answer.status_code, answer.content) == (200, b"{}" if encode is as_json else b"")


def counted() -> list[int]:
    """The numbers of the spans that count."""
    assert_sums_equal_rows()
    moments = UsageMetric.objects.counted().order_by("timestamp").values_list("timestamp")
    return [round(moment.timestamp()) - START // SECOND for (moment,) in moments]


# Each is a way down: kinds of spans from the root, and which of them count.
CHAINS: list[tuple[list[str], list[int]]] = [
    ([USED, USED], [2]),
    ([USED, EMPTY, USED], [3]),
    ([USED, EMPTY, EMPTY, USED], [4]),
    ([EMPTY, USED, EMPTY, USED], [4]),
    ([USED, USED, EMPTY, USED], [4]),
    ([USED, USED, USED, USED], [4]),
    ([ASKED, ASKED], [2]),
    ([ASKED, EMPTY, ASKED, EMPTY], [3]),
    ([ASKED, EMPTY, USED, EMPTY], [3]),
    ([USED, EMPTY, ASKED], [1]),
    ([USED, ASKED, USED, ASKED], [3]),
    ([EMPTY, EMPTY, EMPTY, USED], [4]),
]


@pytest.mark.parametrize(("kinds", "expected"), CHAINS)
def test_all_orders_of_arrival_count_the_same(client, kinds, expected):
    spans = [
        at(number, kind, number - 1 if number > 1 else None)
        for number, kind in enumerate(kinds, start=1)
    ]
    for order in some(itertools.permutations(spans)):
        for each in order:
            deliver(client, each)
        assert counted() == expected, [each["spanId"][-1] for each in order]
        deliver(client, *order)
        assert counted() == expected
        UsageMetric.objects.all().delete()
        TracedPost.objects.all().delete()


@pytest.mark.parametrize("encode", [as_json, as_protobuf])
def test_one_post_needs_no_second(client, encode):
    deliver(client, at(1, USED), at(2, EMPTY, 1), at(3, USED, 2), at(4, USED, 2), encode=encode)
    assert counted() == [3, 4]
    kept = UsageMetric.objects.filter(excluded_as="wrapper").values_list("total_tokens")
    assert list(kept) == [(7,)]


def test_two_branches_of_calls_both_count(client):
    for each in (at(1, USED), at(4, USED, 2), at(3, USED, 1), at(2, EMPTY, 1)):
        deliver(client, each)
    assert counted() == [3, 4]


def test_wrappers_are_counted_and_those_of_less_apart(client):
    """A tool that called another model below it is hidden in the second."""
    more = {"gen_ai.usage.input_tokens": 20}
    for number, each in enumerate(
        (at(1, USED, **more), at(2, USED, 1), at(3, USED, 1), at(4, USED, 1)), start=1
    ):
        deliver(client, each)
        expected = {
            1: {},
            2: {"otel (wrapper of less)": 1},
            3: {"otel (wrapper of less)": 1},
            4: {"otel (wrapper)": 1, "otel (wrapper of less)": 0},
        }[number]
        pairs = SuppressedPair.objects.values_list("suppressed_source", "calls")
        assert dict(pairs) == expected


def test_other_traces_are_no_matter(client):
    deliver(client, at(1, USED))
    deliver(client, {**at(2, USED, 1), "traceId": "ab" * 16})
    assert counted() == [1, 2]


def test_a_row_of_two_spans_counts_where_one_of_them_does(client):
    """LiteLLM's id names the call on each of its spans."""
    called = {"litellm.call_id": "call-1"}
    same_end = {"endTimeUnixNano": str(START + 2 * SECOND)}
    parent, child = at(1, USED, **called), at(2, USED, 1, **called)
    deliver(client, parent | same_end, child)
    assert counted() == [2]


def test_a_model_comes_from_above_whichever_comes_first(client):
    """Codex names it on the turn alone."""
    turn, between = at(1, EMPTY, model="gpt-5"), at(2, EMPTY, 1)
    response = span(
        {"gen_ai.usage.input_tokens": 1_000_000},
        spanId=f"{3:016x}",
        parentSpanId=f"{2:016x}",
        endTimeUnixNano=str(START + 3 * SECOND),
    )
    for order in itertools.permutations((turn, between, response)):
        for each in order:
            deliver(client, each)
        row = UsageMetric.objects.values("model", "cost_usd", "cost_source").get()
        assert row == {"model": "gpt-5", "cost_usd": 1.25, "cost_source": "genai-prices"}
        assert_sums_equal_rows()
        UsageMetric.objects.all().delete()
        TracedPost.objects.all().delete()


def test_posts_are_forgotten_after_an_hour(client):
    deliver(client, at(1, USED), at(2, EMPTY, 1))
    TracedPost.objects.update(created_at=timezone.now() - span_trees.KEPT_FOR)
    span_trees.forgetting.be_due()
    deliver(client, at(3, USED, 2))
    assert counted() == [1, 3]
    assert TracedPost.objects.count() == 1


def test_few_posts_look_for_old_ones_and_those_forget_more_than_came():
    forgetting = span_trees._Forgetting()
    looks = [most for most in (forgetting.due(2) for _ in range(1_000)) if most]
    assert 20 <= len(looks) < 500
    assert sum(looks) >= 2 * 2 * (1_000 - 50)  # two of each post, the last ones excepted


def test_what_is_kept_of_a_trace_is_bounded(client, monkeypatch):
    monkeypatch.setattr(span_trees, "MOST_SPANS", 20)
    for number in range(2, 60):
        deliver(client, at(number, EMPTY, number - 1))
    assert sum(post.spans for post in TracedPost.objects.all()) <= 20
    assert TracedPost.objects.count() <= 16
    deliver(client, at(61, USED), at(62, USED, 61))
    assert counted() == [62]


def test_what_a_post_may_tell_of_traces_is_bounded(client, monkeypatch):
    monkeypatch.setattr(traced, "MOST_TRACES", 3)
    monkeypatch.setattr(traced, "MOST_SPANS", 4)
    empty = [{**at(n, EMPTY, n + 1), "traceId": f"{n:032x}"} for n in range(1, 6)]
    chain = [at(n, EMPTY, n - 1) for n in range(2, 20)]
    deliver(client, *chain, at(1, USED), at(20, USED, 19), *empty)
    kept = TracedPost.objects.values_list("spans", flat=True)
    assert (len(kept), max(kept)) == (3, 6)
    assert counted() == [1, 20]


def test_a_long_chain_of_calls_is_one_call(client):
    """Each the child of the one before, all calls: the worst that a trace can be."""
    deliver(client, *(at(n, USED, n - 1) for n in range(1, 3_000)))
    assert counted() == [2_999]
    deliver(client, at(3_000, USED, 2_999))
    assert counted() == [3_000]


def test_spans_between_that_come_last_turn_hundreds_of_calls_into_one(client):
    deliver(client, *(at(n, USED, 1000 + n) for n in range(1, 601)))
    assert len(counted()) == 600
    deliver(client, *(at(1000 + n, EMPTY, n - 1) for n in range(2, 601)))
    assert counted() == [600]


def test_many_posts_of_a_trace_become_one(client):
    last = 40
    for number in range(2, last):
        deliver(client, at(number, EMPTY, number - 1))
    assert TracedPost.objects.count() < 17
    deliver(client, at(1, USED))
    deliver(client, at(last, USED, last - 1))
    assert counted() == [last]


@pytest.mark.django_db(transaction=True)
def test_posts_of_one_trace_at_the_same_time_wait_for_each_other():
    start = threading.Barrier(4)
    chain = [at(number, USED, number - 1 if number > 1 else None) for number in range(1, 5)]

    def send(each: dict[str, Any]) -> None:
        start.wait(timeout=20)
        deliver(Client(), each)
        connection.close()

    threads = [threading.Thread(target=send, args=(each,)) for each in chain]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted() == [4]

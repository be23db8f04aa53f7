"""Posts of usage: new, sent again in every way, with keys, and with bad rows among them."""

import json

import pytest
from django.test import Client

from tests.sums import assert_sums_equal_rows
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db(transaction=True)
TIME = "2024-01-15T12:00:00Z"
SIZES = [1, 9, 40]  # PostgreSQL takes ten and more by COPY


def post(rows, query="", **headers):
    answer = Client().post(
        f"/_qs/usage{query}", json.dumps(rows), content_type="application/json", headers=headers
    )
    return answer.status_code, answer.json()


def calls(numbers, **fields):
    return [
        {"timestamp": TIME, "event_id": str(n), "model": "m", "total_tokens": n, **fields}
        for n in numbers
    ]


def stored(count):
    assert UsageMetric.objects.count() == count
    assert_sums_equal_rows()


@pytest.mark.parametrize("size", SIZES)
def test_rows_without_an_identity_are_all_stored(size):
    row = {"timestamp": TIME, "model": "m", "total_tokens": 5}
    for _ in range(2):
        assert post([row] * size) == (201, {"accepted": size, "duplicates": 0})
    stored(2 * size)


@pytest.mark.parametrize("size", SIZES)
def test_a_resent_post_adds_nothing(size):
    rows = calls(range(size))
    assert post(rows) == (201, {"accepted": size, "duplicates": 0})
    assert post(rows[::-1]) == (201, {"accepted": 0, "duplicates": size})
    stored(size)


@pytest.mark.parametrize("size", SIZES)
def test_of_a_post_with_old_and_new_rows_the_new_ones_are_stored(size):
    post(calls(range(size)))
    assert post(calls(range(size // 2, 2 * size))) == (
        201,
        {"accepted": size, "duplicates": size - size // 2},
    )
    stored(2 * size)


@pytest.mark.parametrize("size", SIZES)
def test_an_event_that_comes_twice_in_one_post_counts_once(size):
    assert post(calls([*range(size), *range(size)])) == (
        201,
        {"accepted": size, "duplicates": size},
    )
    stored(size)


def test_an_event_at_another_time_is_another_event():
    post(calls(range(20)))
    later = calls(range(20), timestamp="2024-01-15T12:00:01Z")
    assert post(later) == (201, {"accepted": 20, "duplicates": 0})
    stored(40)


@pytest.mark.parametrize("size", SIZES)
def test_a_post_with_its_key_is_answered_as_the_first_time(size):
    rows = [{"timestamp": TIME, "model": "m"}] * size
    first = post(rows, **{"Idempotency-Key": "k"})
    assert first == (201, {"accepted": size, "duplicates": 0})
    assert post(rows, **{"Idempotency-Key": "k"}) == first
    assert post(rows[1:] + calls([1]), **{"Idempotency-Key": "k"})[0] == 409
    stored(size)


def test_a_bad_row_keeps_out_all_or_only_itself():
    rows = [*calls(range(12)), {"model": ""}]
    status, answer = post(rows)
    assert (status, answer["errors"][0]["index"]) == (400, 12)
    stored(0)
    status, answer = post(rows, "?partial=true")
    assert (status, answer["accepted"], answer["errors"][0]["index"]) == (201, 12, 12)
    stored(12)


def test_reports_of_two_sources_count_once(settings):
    settings.METRICS_SOURCE_PRIORITY = ("gateway",)
    for source in ("sdk", "gateway", "other"):
        assert post(
            [{"timestamp": TIME, "model": "m", "response_id": str(n), "source": source,
              "event_id": f"{source}{n}"} for n in range(12)]
        ) == (201, {"accepted": 12, "duplicates": 0})  # fmt: skip
    assert UsageMetric.objects.counted().count() == 12
    assert set(UsageMetric.objects.counted().values_list("source", flat=True)) == {"gateway"}
    stored(36)

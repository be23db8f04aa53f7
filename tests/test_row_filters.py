"""Rows are found by whatever they say of who, where and which: what no sum tells apart, too."""

import pytest

from tests.factory import NOON, store
from usage.rollups.declarations import DIMENSIONS, SUMMED

ROWS_ALONE = [name for name in DIMENSIONS if name not in SUMMED]


def found(client, name, *values):
    answer = client.get("/_qs/usage", {name: values})
    assert answer.status_code == 200, answer.content
    return sorted(row[name] for row in answer.json()["usage"])


def test_what_is_one_conversation_or_call_can_be_asked_for():
    asked = "session response_id request_id"
    assert asked.split() == ROWS_ALONE


@pytest.mark.parametrize("name", ROWS_ALONE)
@pytest.mark.django_db
def test_only_rows_with_one_of_the_values_are_listed(client, name):
    others = [{"timestamp": NOON, "model": "m", name: value} for value in ("b", "A", "a b", None)]
    store({"timestamp": NOON, "model": "m", name: "a"}, *others)
    assert found(client, name, "a") == ["a"]
    assert found(client, name, "a", "b", "c") == ["a", "b"]
    assert found(client, name, "none") == []


@pytest.mark.parametrize("name", ROWS_ALONE)
@pytest.mark.django_db
def test_a_question_that_no_sum_answers_says_so(client, name):
    answer = client.get("/_qs/metrics", {name: "a"})
    assert answer.status_code == 400
    assert answer.json()["parameter"] == name

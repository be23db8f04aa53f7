"""Filters by many values: each value once, bounded, and rows found by one walk of an index."""

import json
import random
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factory import at, store
from tests.thorough import examples
from usage.models import UsageMetric
from usage.queries import newest

pytestmark = pytest.mark.django_db
URL = "/_qs/usage"
KEYS, MODELS, STATUSES = ("k1", "k2", "k3"), ("m1", "m2", "m3"), ("200", "429", "500")


def pages(client: Client, **query: Any) -> list[list[str]]:
    """The request ids of each page."""
    found, cursor = [], ""
    while cursor is not None:
        answer = client.get(URL, {**query, "cursor": cursor})
        assert answer.status_code == 200, answer.content
        found.append([row["request_id"] for row in answer.json()["usage"]])
        cursor = answer.json()["next_cursor"]
    return found


def exported(client: Client, **query: Any) -> list[str]:
    lines = client.get(URL, {**query, "format": "ndjson"}).getvalue().splitlines()
    return [json.loads(line)["request_id"] for line in lines]


def rows(count: int) -> None:
    """Of all keys, models and statuses, several at each time."""
    chance = random.Random(count)
    store(
        *(
            {
                "timestamp": at(f"2024-01-15 {number // 4 % 24:02}:00"),
                "request_id": str(number),
                "api_key_hash": chance.choice((*KEYS, None)),
                "model": chance.choice(MODELS),
                "status": chance.choice(STATUSES),
            }
            for number in range(count)
        )
    )


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=4)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keys=some(*KEYS, "nobody"),
    models=some(*MODELS),
    statuses=some(*STATUSES, "4xx"),
    limit=st.integers(1, 30),
    looked_at=st.sampled_from([1, 7, 1000]),
)
def test_pages_and_exports_have_each_matching_row_once_in_order(
    client, monkeypatch, keys, models, statuses, limit, looked_at
):
    monkeypatch.setattr(newest, "MOST_TOGETHER", looked_at)
    monkeypatch.setattr(newest, "MOST_APART", looked_at)
    if not UsageMetric.objects.exists():
        rows(90)
    query = {"api_key_hash": keys, "model": models, "status": statuses}
    expected = [
        row.request_id
        for row in UsageMetric.objects.order_by("-timestamp", "-id")
        if (not keys or row.api_key_hash in keys)
        and (not models or row.model in models)
        and (not statuses or row.status in statuses or (row.status == "429" and "4xx" in statuses))
    ]
    found = pages(client, limit=limit, **query)
    assert [number for page in found for number in page] == expected
    assert max(map(len, found)) <= limit
    assert exported(client, **query) == expected


def test_a_page_looks_at_so_many_rows_and_says_where_to_go_on(client, monkeypatch):
    monkeypatch.setattr(newest, "MOST_TOGETHER", 10)
    store(*({"timestamp": at(f"2024-01-15 {n:02}:00"), "request_id": str(n)} for n in range(24)))
    store({"timestamp": at("2024-01-15 00:30"), "status": 499, "request_id": "rare"})
    assert pages(client, status="499") == [[], [], ["rare"]]
    assert pages(client, status="499", limit=1) == [[], [], ["rare"]]
    assert pages(client, provider="nobody") == [[], [], []]
    assert len(pages(client)) == 1  # without such a filter nothing is looked at in vain


def test_values_that_are_repeated_count_once(client):
    store({"api_key_hash": "k1"}, {"api_key_hash": "k2"})
    query = {"api_key_hash": ["k1"] * 300}
    assert client.get("/_qs/metrics", query).json()["totals"]["requests"] == 1
    with CaptureQueriesContext(connection) as one:
        assert exported(client, api_key_hash="k1") == [None]
    with CaptureQueriesContext(connection) as many:
        assert exported(client, **query) == [None]
    assert len(many) == len(one)


TOO_MANY = "has more than 100 values: ask for fewer at a time"
TOO_LONG = "is longer than {} characters, which none is that is stored"


@pytest.mark.parametrize("path", ["/_qs/metrics", URL])
@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("model", [f"m{n}" for n in range(101)], TOO_MANY),
        ("status", [f"{n}" for n in range(101)], TOO_MANY),
        ("model", ["m" * 256], TOO_LONG.format(255)),
        ("api_key_hash", ["k", "k" * 65], TOO_LONG.format(64)),
        ("provider", ["p" * 65], TOO_LONG.format(64)),
        ("status", ["s" * 33], TOO_LONG.format(32)),
    ],
)
def test_values_are_bounded_in_number_and_length(client, path, name, values, sentence):
    answer = client.get(path, {name: values})
    assert answer.status_code == 400
    assert answer.json() == {"error": f"`{name}` {sentence}", "parameter": name}


def test_100_keys_of_many_are_read_in_one_pass(client):
    """Where there are fewer requests than keys times hours, no key is looked up by the hour."""
    times = [at(f"2024-01-{day:02} 10:00") for day in range(1, 29)]
    keys = [f"key-{number:04}" for number in range(1500)]
    store(*({"timestamp": times[n % 28], "api_key_hash": key} for n, key in enumerate(keys)))
    with CaptureQueriesContext(connection) as queries:
        answer = client.get("/_qs/metrics", {"api_key_hash": keys[:100]}).json()
    assert answer["totals"]["requests"] == 100
    assert len(answer["timeseries"]) == 28
    assert not [each for each in queries if "RECURSIVE" in each["sql"]]

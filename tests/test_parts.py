"""Lists of parts: by one dimension or two, the largest first by what is asked, the rest added."""

import pytest

from tests.asking import ask
from tests.factory import store
from usage.asking.filters import UsageFilter
from usage.queries import Breakdown, usage_report

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"


@pytest.fixture
def rows() -> None:
    store(
        {"model": "a", "api_key_hash": "k", "total_tokens": 30, "cost_usd": 0.25, "provider": "p"},
        {"model": "a", "api_key_hash": "k", "total_tokens": 10, "cost_usd": 0.5, "provider": "p"},
        {"model": "b", "api_key_hash": "k", "total_tokens": 20, "cost_usd": 2, "provider": "p"},
        {"model": "b", "total_tokens": 15, "provider": "p"},
        {"model": "b", "api_key_hash": "l", "total_tokens": 1},
        {"model": "b", "api_key_hash": "l", "total_tokens": 2},
        {"model": "b", "api_key_hash": "l", "total_tokens": 3},
    )


PAIRS = [("k", "a", 40), ("k", "b", 20), (None, "b", 15), ("l", "b", 6)]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("query", [{}, {"provider": ["p", ""]}, {"from": "2020-01-01T00:00:01Z"}])
def test_two_joined_by_a_comma_make_a_list_of_both(client, query):
    answer = ask(client, group_by="api_key,model", **query)
    parts = answer["by_api_key_model"]
    assert [(part["api_key_hash"], part["model"], part["tokens"]) for part in parts] == PAIRS
    assert [(part["model"], part["tokens"]) for part in answer["by_model"]] == [
        ("b", 41),
        ("a", 40),
    ]
    assert set(parts[0]) == {"api_key_hash", "model", *answer["timeseries"][0]} - {"bucket_start"}
    turned = ask(client, group_by="model,api_key", **query)["by_model_api_key"]
    assert sorted(map(str, turned)) == sorted(map(str, parts))


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("", [("k", "a"), ("k", "b"), (None, "b"), ("l", "b")]),
        ("tokens", [("k", "a"), ("k", "b"), (None, "b"), ("l", "b")]),
        ("cost", [("k", "b"), ("k", "a"), (None, "b"), ("l", "b")]),
        ("requests", [("l", "b"), ("k", "a"), (None, "b"), ("k", "b")]),
    ],
)
def test_the_largest_come_first_and_the_rest_is_added_up(client, order_by, expected):
    parts = ask(client, group_by="api_key,model", order_by=order_by)["by_api_key_model"]
    assert [(part["api_key_hash"], part["model"]) for part in parts] == expected
    answer = ask(client, group_by="api_key,model", order_by=order_by, limit=2)
    assert answer["by_api_key_model"] == parts[:2]
    others = answer["others"]["by_api_key_model"]
    assert others["names"] == 2
    assert others["tokens"] == sum(part["tokens"] for part in parts[2:])


@pytest.mark.parametrize(
    "group_by", ["key", "model,", ",model", "model,model", "a,b,c", "model, status"]
)
def test_other_groupings_are_refused_with_those_that_there_are(client, group_by):
    answer = client.get(URL, {"group_by": group_by})
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "group_by"
    assert answer.json()["error"].startswith("`group_by` must be model or api_key or ")
    assert answer.json()["error"].endswith(", or two of these joined by a comma")


def test_the_order_is_one_of_three(client):
    answer = client.get(URL, {"order_by": "latency"})
    assert answer.json() == {
        "error": "`order_by` must be tokens or cost or requests",
        "parameter": "order_by",
    }


@pytest.mark.usefixtures("rows")
def test_several_lists_are_read_at_once(django_assert_num_queries):
    """As many statements as the sums that tell them apart, however many lists there are."""
    one = Breakdown(group_by=(("provider",),))
    many = Breakdown(group_by=(("provider",), ("status",), ("provider", "model")))
    with django_assert_num_queries(4):
        usage_report(UsageFilter(), one)
    with django_assert_num_queries(4):
        report = usage_report(UsageFilter(), many)
    assert [*report.parts] == [("model",), ("provider",), ("status",), ("provider", "model")]
    assert [part.names for part in report.parts["provider", "model"]] == [
        ("p", "a"), ("p", "b"), ("", "b"),
    ]  # fmt: skip

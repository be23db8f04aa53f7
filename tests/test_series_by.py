"""A series of each of the largest parts, and one of all others: they add up to that of all."""

from typing import Any

import pytest
from django.db import connection

from tests.factory import at, store
from tests.test_time_series import Statements
from usage.models import UsageMetric
from usage.rollups.declarations import DIMENSIONS, SUMMED
from usage.rollups.horizon import move_purge_horizon

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"
DAY = {"from": "2024-01-15T00:00:00Z", "to": "2024-01-15T23:59:59.999999Z"}


def ask(client, **query: Any) -> dict[str, Any]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def told(client, figure: str = "tokens", **query: Any) -> list[tuple[str | None, dict[str, int]]]:
    """By name, where others are "others": the figure by the hour of each bucket."""
    return [
        (
            "others" if each.get("others") else each["name"],
            {part["bucket_start"][11:16]: part[figure] for part in each["timeseries"]},
        )
        for each in ask(client, **query)["series"]
    ]


@pytest.fixture
def rows() -> None:
    store(
        {"timestamp": at("2024-01-15 10:05"), "model": "a", "total_tokens": 5, "cost_usd": 0.5},
        {"timestamp": at("2024-01-15 10:35"), "model": "b", "total_tokens": 50},
        {"timestamp": at("2024-01-15 11:05"), "model": "b", "total_tokens": 2, "api_key_hash": "k"},
        {"timestamp": at("2024-01-15 11:10"), "model": "c", "total_tokens": 3},
        {"timestamp": at("2024-01-15 12:10"), "model": "d", "total_tokens": 1, "api_key_hash": "k"},
        {"timestamp": at("2024-01-15 12:15"), "model": "d", "total_tokens": 1, "api_key_hash": "l"},
        {"timestamp": at("2024-01-15 12:20"), "model": "d", "total_tokens": 0, "api_key_hash": "l"},
    )


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "ends", [{}, DAY, {"from": "2024-01-15T10:01:00Z", "to": "2024-01-15T12:21:00Z"}]
)
def test_the_largest_have_series_and_the_others_one_together(client, ends):
    assert told(client, series_by="model", **ends) == [
        ("b", {"10:00": 50, "11:00": 2}),
        ("a", {"10:00": 5}),
        ("c", {"11:00": 3}),
        ("d", {"12:00": 2}),
    ]
    two = [("b", {"10:00": 50, "11:00": 2}), ("a", {"10:00": 5})]
    assert told(client, series_by="model", top=2, **ends) == [
        *two,
        ("others", {"11:00": 3, "12:00": 2}),
    ]
    assert told(client, by="model", top=1, order_by="requests", **ends) == [
        ("d", {"12:00": 2}),
        ("others", {"10:00": 55, "11:00": 5}),
    ]
    assert told(client, by="model", top=1, order_by="cost", **ends)[0][0] == "a"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("interval", ["1m", "15m", "hour", "day", "month"])
def test_what_has_no_name_is_a_part_of_its_own(client, interval):
    query = {"series_by": "api_key", "interval": interval, **DAY}
    if interval == "1m":
        query |= {"from": "2024-01-15T10:00:00Z", "to": "2024-01-15T13:00:00Z"}
    answer = ask(client, **query)
    assert [each["name"] for each in answer["series"]] == [None, "k", "l"]
    assert not any("others" in each for each in answer["series"])
    for name in ("tokens", "requests"):
        sums = [sum(part[name] for part in each["timeseries"]) for each in answer["series"]]
        assert sums == {"tokens": [58, 3, 1], "requests": [3, 2, 2]}[name]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("group", [DIMENSIONS[name].group for name in SUMMED])
@pytest.mark.parametrize("top", [1, 2, 50])
def test_the_series_add_up_to_that_of_all(client, group, top):
    answer = ask(client, series_by=group, top=top, not_status="500", tz="Asia/Kathmandu")
    added: dict[str, int] = {}
    for each in answer["series"]:
        for part in each["timeseries"]:
            added[part["bucket_start"]] = added.get(part["bucket_start"], 0) + part["requests"]
    assert added == {part["bucket_start"]: part["requests"] for part in answer["timeseries"]}


@pytest.mark.usefixtures("rows")
def test_gaps_are_filled_in_each(client):
    answer = ask(client, series_by="model", top=1, fill="true", **DAY)
    assert [len(each["timeseries"]) for each in answer["series"]] == [24, 24]


@pytest.mark.usefixtures("rows")
def test_nothing_is_below_zero_where_wider_sums_are_left(client):
    """Sums of keys are an hour wide, those of all a quarter."""
    UsageMetric.objects.filter(timestamp__lt=at("2024-01-15 12:12")).delete_but_keep_sums()
    move_purge_horizon(at("2024-01-15 12:12"))
    query = {"series_by": "api_key", "interval": "15m", "top": 1, **DAY}
    assert told(client, "requests", **query) == [
        (None, {"10:00": 2, "11:00": 1}),
        ("others", {"11:00": 1, "12:00": 3}),
    ]


def test_their_buckets_are_bounded_together_before_any_is_read(client):
    store(*({"timestamp": at(f"2024-0{n}-15 10:00"), "model": f"m{n}"} for n in (1, 9)))
    store(*({"timestamp": at("2024-01-01 00:00"), "model": f"m{n}"} for n in range(60)))
    query = {"interval": "15m", "from": "2024-01-01", "to": "2024-05-01", "fill": "true"}
    assert "series" not in ask(client, **query)
    answer = client.get(URL, {**query, "series_by": "model"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        "the series would have more than 20,000 buckets, which are the most: narrow `from` and "
        "`to`, or ask for a longer `interval` or a smaller `top`"
    )
    assert "series" in ask(client, **{**query, "interval": "day"}, by="model", top=50)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"series_by": "key"}, "`series_by` must be model or api_key or"),
        ({"by": "key"}, "`by` must be model or api_key or"),
        ({"by": "model", "series_by": "status"}, "`by` is another name of `series_by`: give one"),
        ({"series_by": "api_key,model"}, "`series_by` must be model or"),
        ({"series_by": "model", "top": "0"}, "`top` must be a whole number from 1 to 50"),
        ({"series_by": "model", "top": "51"}, "`top` must be a whole number from 1 to 50"),
    ],
)
def test_what_is_not_understood_is_refused(client, query, sentence):
    answer = client.get(URL, query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("group", [DIMENSIONS[name].group for name in SUMMED])
def test_each_series_over_sums_is_read_by_the_one_file(client, group):
    statements = Statements()
    with connection.execute_wrapper(statements):
        assert ask(client, series_by=group, interval="day", provider="")["series"]
    assert set(statements.tell_time()) == {True}

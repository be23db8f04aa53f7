"""Filters that leave values out, or ask for what has none: alike in figures and in rows."""

from typing import Any

import pytest
from django.db import connection

from tests.factory import at, store
from usage.rollups.declarations import DIMENSIONS, SUMMED

pytestmark = pytest.mark.django_db
OPTIONAL = [name for name in DIMENSIONS if not DIMENSIONS[name].is_required]


def asked(client, path: str, **query: Any) -> Any:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def listed(client, name: str, **query: Any) -> list[str]:
    return sorted(row[name] or "" for row in asked(client, "/_qs/usage", **query)["usage"])


def counted(client, name: str, **query: Any) -> list[str]:
    """The parts by that dimension, each as often as it has requests; by time in as many."""
    group = DIMENSIONS[name].group
    answer = asked(client, "/_qs/metrics", group_by=group, **query)
    parts = [part[name] or "" for part in answer[f"by_{group}"] for _ in range(part["requests"])]
    assert sum(part["requests"] for part in answer["timeseries"]) == len(parts)
    return sorted(parts)


def rows_of(name: str) -> None:
    """Two with values, one without, and one as plain SQL writes none."""
    times = [at(f"2024-01-15 10:0{n}") for n in range(4)]
    values = [{name: "400"}, {name: "b"}, {name: None}, {}]
    store(
        *(
            {"timestamp": time, "model": "m", **value}
            for time, value in zip(times, values, strict=True)
        )
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE usage_metrics SET \"{name}\" = '' WHERE timestamp >= %s", [times[3]]
        )


QUESTIONS = [
    ({"": [""]}, ["", ""]),
    ({"": ["", "b"]}, ["", "", "b"]),
    ({"not_": ["b"]}, ["", "", "400"]),
    ({"not_": [""]}, ["400", "b"]),
    ({"not_": ["", "400"]}, ["b"]),
    ({"": ["400", "b"], "not_": ["b"]}, ["400"]),
    ({"": ["b"], "not_": ["b"]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), QUESTIONS)
@pytest.mark.parametrize("name", OPTIONAL)
def test_rows_without_a_value_and_all_but_some_are_found(client, name, query, expected):
    rows_of(name)
    named = {f"{kind}{name}": values for kind, values in query.items()}
    assert listed(client, name, **named) == expected
    if name in SUMMED:
        assert counted(client, name, **named) == expected
        ends = {"from": "2024-01-15T10:00:00Z", "to": "2024-01-15T10:03:00Z"}  # of rows alone
        assert counted(client, name, **named, **ends) == expected


def test_classes_of_statuses_are_left_out_too(client):
    store(*({"status": status} for status in ("200", "404", "429", "500", None, "ok", "error")))
    for pattern, left in (
        ("4xx", ["", "200", "500", "error", "ok"]),
        ("error", ["", "200", "ok"]),
        ("429", ["", "200", "404", "500", "error", "ok"]),
    ):
        assert listed(client, "status", not_status=pattern) == left
        assert counted(client, "status", not_status=pattern) == left


def test_every_row_has_a_model_so_an_empty_one_asks_for_nothing(client):
    store({"model": "a"}, {"model": "b"})
    assert counted(client, "model", model="", not_model="") == ["a", "b"]
    assert listed(client, "model", model=["", "b"]) == ["b"]
    assert counted(client, "model", not_model="b") == ["a"]


def test_what_is_left_out_is_bounded_and_named_like_all_else(client):
    refused = client.get("/_qs/metrics", {"not_model": [f"m{n}" for n in range(101)]})
    assert refused.status_code == 400
    assert refused.json()["parameter"] == "not_model"

"""How many statements a question and a post run: none of them twice."""

import datetime as dt
import json
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factory import ALICE, BOB, NOON, store
from usage.periods import rfc3339
from usage.rollups import names

ENDS = {
    "from": rfc3339(NOON - dt.timedelta(days=9, minutes=3)),
    "to": rfc3339(NOON - dt.timedelta(minutes=1)),
}


def statements(ask: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        response = ask()
    assert response.status_code in (200, 201), response.content
    return [query["sql"] for query in queries]


def repeated(found: list[str]) -> dict[str, int]:
    return {sql: count for sql, count in Counter(found).items() if count > 1}


@pytest.fixture
def usage(db: None) -> None:
    store(
        *(
            {"model": model, "api_key_hash": key, "provider": "p", "status": status,
             "timestamp": NOON - dt.timedelta(hours=hour, minutes=7), "total_tokens": 3,
             "latency_ms": 5.0}
            for hour in range(24 * 12)
            for model, key, status in (("a", ALICE, "200"), ("b", BOB, "500"))
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "most"),
    [
        ({}, 7),
        (ENDS, 7),
        ({**ENDS, "model": "a"}, 9),
        ({**ENDS, "api_key_hash": ALICE}, 12),
        ({**ENDS, "provider": "p", "status": "2xx"}, 9),
        ({**ENDS, "group_by": "api_key"}, 10),
        ({**ENDS, "api_key_hash": ALICE, "group_by": "status", "interval": "15m"}, 12),
        ({**ENDS, "model": "a", "compare": "previous"}, 13),
        ({**ENDS, "tz": "Asia/Kathmandu", "interval": "day"}, 7),
    ],
    ids=str,
)
def test_a_question_runs_no_statement_twice(usage, question, most):
    found = statements(lambda: Client().get("/_qs/metrics", question))
    assert repeated(found) == {}
    assert len(found) <= most


@pytest.mark.parametrize("url", ["/?range=24h", "/?range=7d", "/?range=all&model=a"])
def test_a_page_runs_no_statement_twice(usage, url):
    assert repeated(statements(lambda: Client().get(url))) == {}


def post(**row: Any) -> list[str]:
    body = json.dumps({"model": "m", "provider": "p", "status": "200", "api_key_hash": BOB, **row})
    return statements(lambda: Client().post("/_qs/usage", body, content_type="application/json"))


@pytest.mark.django_db
def test_a_post_of_new_names_runs_no_statement_twice():
    assert repeated(post()) == {}


@pytest.mark.django_db(transaction=True)
def test_a_post_of_known_names_looks_none_of_them_up():
    post()
    again = post()
    assert repeated(again) == {}
    assert not [sql for sql in again if "usage_series" in sql or "FROM usage_names " in sql]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_remembers_all_at_its_start_looks_none_up_either():
    post()
    names.forget()
    names.remember_all()
    assert not [sql for sql in post() if "usage_series" in sql or "FROM usage_names " in sql]

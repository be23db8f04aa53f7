"""No GET changes the database, whatever waits to be changed in it."""

import re

import pytest
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver

from tests.factory import store
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db(transaction=True)
SQLITE = connection.vendor == "sqlite"
# What stands in the place of a route's parameters.
VALUES = {"object_id": "1", "app_label": "usage", "content_type_id": "1", "url": "nothing"}
QUERIES = ["", "?range=all", "?format=csv", "?model=sql&group_by=api_key&percentiles=true"]


def routes(patterns=None, prefix="/"):
    """The address of every view."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        text = prefix + str(each.pattern).lstrip("^/").rstrip("$")
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, text)
        elif isinstance(each, URLPattern):
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda m: VALUES.get(m[1], "x"), text)


def addresses():
    found = [path for path in dict.fromkeys(routes()) if not re.search(r"[\\(?<]", path)]
    assert {"/_qs/metrics", "/_qs/health", "/admin/usage/usagemetric/", "/"} <= set(found)
    return [path for path in found if "logout" not in path and "jsi18n" not in path]


@pytest.fixture
def rows_of_plain_sql():
    store({"model": "a", "api_key": "k"}, {"model": "b"})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, total_tokens)"
            " VALUES ('2024-01-15 10:00:00', 'sql', 7), ('2024-03-01 10:00:00', 'sql', 8)"
        )


@pytest.fixture
def refuses_writes():
    """This test's own connection; health has one of its own, which is asked for what it did."""
    on, off = (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        if SQLITE
        else ("SET default_transaction_read_only = on", "RESET default_transaction_read_only")
    )
    with connection.cursor() as cursor:
        cursor.execute(on)
        yield
        cursor.execute(off)


def version_of_file():
    """Another number after any other connection has changed SQLite's file."""
    if not SQLITE:
        return None
    with connection.cursor() as cursor:
        return cursor.execute("PRAGMA data_version").fetchone()


def body_of(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_every_page_and_question_is_answered_by_a_database_that_refuses_writes(
    admin_client, rows_of_plain_sql, refuses_writes
):
    before = version_of_file()
    statuses = {}
    for path in addresses():
        for query in QUERIES:
            answer = admin_client.get(path + query)
            body_of(answer)
            statuses[path + query] = answer.status_code
    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    assert {statuses[path] for path in ("/", "/_qs/metrics", "/_qs/health", "/_qs/usage")} == {200}
    assert statuses["/admin/usage/usagemetric/"] == 200
    assert version_of_file() == before
    assert UsageMetric.objects.filter(is_summed=None).count() == 2


def test_what_waits_is_in_every_answer_all_the_same(client, rows_of_plain_sql, refuses_writes):
    assert client.get("/_qs/metrics?model=sql").json()["totals"]["total_tokens"] == 15
    waiting = client.get("/_qs/health").json()["waiting_rows"]
    assert (waiting["rows"], waiting["since"] is not None) == (2, True)

"""Questions that would read for ever are told to stop, in a sentence; what writes is not."""

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.urls import reverse
from model_bakery import baker

from tests.factory import store
from usage.database import reading_time
from usage.database.reading_time import limited

pytestmark = pytest.mark.django_db
ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000)"
    " SELECT COUNT(*) FROM n"
)
SHORT = (
    "his takes too long to read" if connection.vendor == "sqlite" else "statement_timeout allows"
)


def read_for_ever(execute, sql, parameters, many, context):
    """In the place of the first statement that reads usage."""
    if '"usage_metrics"' in sql or "usage_rollups" in sql:
        return execute(ENDLESS, (), False, context)
    return execute(sql, parameters, many, context)


@pytest.fixture
def _short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_time, "MOST_SECONDS", 0.2)


@pytest.mark.usefixtures("_short_time")
@pytest.mark.parametrize(
    "path",
    [
        "/_qs/metrics",
        "/_qs/usage?status=499",
        "/_qs/usage?format=csv",
        "/_qs/metrics/prometheus",
        "/?range=all",
        "/admin/usage/usagemetric/?status=499",
    ],
)
def test_every_question_ends_in_time_and_says_what_to_do(client, path):
    client.force_login(baker.make(User, is_staff=True, is_superuser=True))
    store({})
    with transaction.atomic():  # which PostgreSQL leaves failed
        with connection.execute_wrapper(read_for_ever):
            answer = client.get(path)
        transaction.set_rollback(True)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    if answer["Content-Type"].startswith("text/html"):
        assert SHORT in answer.text
    else:
        assert SHORT in answer.json()["error"]
    assert client.get("/_qs/metrics?interval=day").status_code == 200


@pytest.mark.usefixtures("_short_time")
def test_what_comes_afterwards_has_its_own_time(client):
    store({})
    assert client.get("/_qs/metrics").status_code == 200
    endless = ENDLESS.replace("100000000000", "500000")
    with connection.cursor() as cursor:
        for _ in range(4):
            cursor.execute(endless)
            assert cursor.fetchone() == (500_000,)
        if connection.vendor == "postgresql":
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


def test_many_short_statements_have_one_time_together():
    with pytest.raises(OperationalError, match="interrupted"), limited(0.05):
        while True:
            User.objects.exists()


@pytest.mark.usefixtures("_short_time")
def test_writing_takes_the_time_that_it_needs(client):
    with connection.execute_wrapper(slowly):
        answer = client.post("/_qs/usage", {"model": "m"}, "application/json")
    assert answer.status_code == 201


def slowly(execute, sql, parameters, many, context):
    if sql.startswith("INSERT INTO usage_rollups"):
        with connection.cursor().cursor as cursor:
            cursor.execute(ENDLESS.replace("100000000000", "3000000"))
            cursor.fetchone()
    return execute(sql, parameters, many, context)


def test_an_address_that_reads_nothing_needs_no_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/_qs/schema").status_code == 200
    assert client.get(reverse("admin:login")).status_code == 200

"""Where more rows of plain SQL wait than can be read, a sentence says what to start."""

import pytest
from django.db import connection

from tests.sums import add_waiting_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    for module in ("waiting", "scope", "reading", "lists"):
        monkeypatch.setattr(f"usage.queries.{module}.MOST_READ", 5)


@pytest.fixture(autouse=True)
def _six_of_january_and_one_of_march():
    with connection.cursor() as cursor:
        for day in ("2024-01-15", "2024-01-15", "2024-01-16", "2024-01-17", "2024-01-17"):
            insert(cursor, f"{day} 10:00:00")
        insert(cursor, "2024-01-18T10:00:00Z" if connection.vendor == "sqlite" else "2024-01-18")
        insert(cursor, "2024-03-01 10:00:00")


def insert(cursor, time):
    cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])


QUESTIONS = ["/_qs/metrics", "/_qs/metrics?from=2024-01-10&to=2024-01-31", "/?range=all"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_them_is_put_off_until_they_are_in_the_sums(client, question):
    answer = client.get(question)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    said = answer.content.decode().replace("&#x27;", "'")
    assert "`manage.py serve` adds them, and without it `manage.py work`" in said
    add_waiting_rows()
    assert client.get(question).status_code == 200


@pytest.mark.parametrize(
    ("ends", "requests"),
    [("from=2024-02-01", 1), ("from=2024-01-18&to=2024-01-31", 1), ("to=2024-01-01", 0)],
)
def test_a_question_about_others_is_answered(client, ends, requests):
    assert client.get(f"/_qs/metrics?{ends}").json()["totals"]["requests"] == requests


@pytest.mark.parametrize("path", ["/_qs/metrics/prometheus", "/_qs/usage"])
def test_what_reads_none_of_them_is_answered(client, path):
    assert client.get(path).status_code == 200

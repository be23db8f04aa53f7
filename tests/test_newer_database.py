"""A database that a newer version has set up: this version says so, and writes nothing."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from tests.factory import NOON, store
from usage.database.versions import NewerDatabase
from usage.models import UsageMetric, UsageRollup

pytestmark = pytest.mark.django_db(transaction=True)
SENTENCE = (
    "the database was set up by a newer version of qsmetrics: install that version here too; "
    "nothing was written"
)


@pytest.fixture
def newer(transactional_db):
    """After posts and questions of this version, as where it goes on running meanwhile."""
    store({"timestamp": NOON})
    assert Client().get("/_qs/metrics").status_code == 200
    recorder = MigrationRecorder(connection)
    recorder.record_applied("usage", "9999_of_a_newer_version")
    yield
    recorder.record_unapplied("usage", "9999_of_a_newer_version")


def state():
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM usage_idempotentpost")
        keys = cursor.fetchone()
    return UsageMetric.objects.count(), list(UsageRollup.objects.order_by("pk").values()), keys


def test_posts_are_refused_and_nothing_is_written(newer):
    before = state()
    answer = Client().post(
        "/_qs/usage",
        json.dumps({"model": "m"}),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.json()["error"]) == (503, SENTENCE)
    assert answer["Retry-After"] == "30"
    assert state() == before


@pytest.mark.parametrize("url", ["/_qs/metrics", "/_qs/metrics?user=u", "/_qs/health"])
def test_questions_are_answered_with_the_sentence(newer, url):
    answer = Client().get(url)
    assert (answer.status_code, answer.json()["error"]) == (503, SENTENCE)


def test_the_dashboard_says_it_too(newer):
    answer = Client().get("/?range=all")
    assert answer.status_code == 503
    assert SENTENCE[1:] in answer.content.decode()


@pytest.mark.parametrize(
    "command",
    [
        ["purge", "--older-than", "1d"],
        ["rebuild_rollups"],
        ["work", "--once"],
        ["fold_names", "--rarer-than", "3"],
    ],
    ids=lambda command: command[0],
)
def test_commands_end_before_they_begin(newer, command):
    before = state()
    with pytest.raises((NewerDatabase, CommandError), match=SENTENCE.split(":", maxsplit=1)[0]):
        call_command(*command)
    assert state() == before


def test_the_version_that_has_set_it_up_goes_on(newer):
    MigrationRecorder(connection).record_unapplied("usage", "9999_of_a_newer_version")
    store({"timestamp": NOON})
    assert UsageMetric.objects.count() == 2

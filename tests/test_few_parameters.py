"""A SQLite of before 2020 takes 999 parameters in a statement: larger lists go in several."""

import datetime as dt
import sqlite3

import pytest
from django.db import connection
from django.db.models import F
from model_bakery import baker

from tests.factory import NOON
from tests.sums import assert_sums_equal_rows
from usage import retention
from usage.models import IdempotentPost, UsageMetric, UsageRollup
from usage.recording import record_batch
from usage.retention import expiry
from usage.rollups import renaming

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's limit"),
]
SECOND = dt.timedelta(seconds=1)
ROWS = 1_200


@pytest.fixture(autouse=True)
def _few_parameters(settings):
    settings.METRICS_MAX_NEW_NAMES = 10 * ROWS
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    connection.ensure_connection()
    before = connection.connection.setlimit(limit, 999)
    record_batch(
        [
            {"model": f"m{n}", "api_key": f"k{n}", "timestamp": NOON + n * SECOND, "user": "u"}
            for n in range(ROWS)
        ]
    )
    yield
    connection.connection.setlimit(limit, before)


def test_rows_of_as_many_names_are_stored_and_answered(client):
    assert_sums_equal_rows()
    answer = client.get("/_qs/metrics?group_by=api_key&limit=2000").json()
    assert answer["totals"]["total_requests"] == len(answer["by_model"]) == ROWS


def test_as_many_rows_are_changed():
    UsageMetric.objects.update(latency_ms=7, total_tokens=F("total_tokens") + 1)
    assert_sums_equal_rows()


def test_as_many_names_are_folded_and_released():
    rare = renaming.rare_names(2, "model")
    list(renaming.fold("model", rare.names))
    assert renaming.names_in_other("model", rare.names) == rare.names
    list(renaming.release("model", rare.names))
    assert renaming.names_told("model") == sorted(rare.names)
    assert_sums_equal_rows()


def test_as_many_rows_are_purged(monkeypatch):
    monkeypatch.setattr(expiry, "_FIRST_BATCH", ROWS)
    removed = [batch.rows for batch in retention.remove_expired_rows(NOON + ROWS * SECOND)]
    assert (sum(removed), UsageMetric.objects.count()) == (ROWS, 0)
    assert UsageRollup.objects.exists()


def test_as_many_posts_are_forgotten(monkeypatch):
    monkeypatch.setattr(expiry, "_FIRST_BATCH", ROWS)
    baker.make(IdempotentPost, key=iter(map(str, range(ROWS))), created_at=NOON, _quantity=ROWS)
    assert retention.forget_old_posts(NOON + dt.timedelta(days=9)) == ROWS


def test_as_many_rows_of_somebody_are_erased():
    assert sum(retention.erase_user("u")) == ROWS
    assert not UsageMetric.objects.filter(user="u").exists()
    assert_sums_equal_rows()

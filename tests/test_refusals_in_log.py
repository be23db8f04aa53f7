"""What the log tells of requests that get a 503: trouble of the database, and no refusals."""

import pytest
from django.db import connection

from usage.long_requests import Places

pytestmark = pytest.mark.django_db


def lines(caplog):
    return [(record.name, record.levelname) for record in caplog.records]


@pytest.mark.parametrize("path", ["/_qs/usage", "/_qs/litellm", "/v1/traces"])
def test_posts_that_are_turned_away_leave_none(client, settings, caplog, path):
    settings.USAGE_STATISTICS_ENABLED = False
    answer = client.post(path, b"{}", "application/json")
    assert (answer.status_code, lines(caplog)) == (503, [])


@pytest.mark.parametrize("path", ["/_qs/usage?format=csv", "/admin/usage/usagemetric/export/"])
def test_exports_that_find_no_place_leave_none(admin_client, monkeypatch, caplog, path):
    monkeypatch.setattr("usage.export.places", Places(0))
    answer = admin_client.get(path)
    assert (answer.status_code, lines(caplog)) == (503, [])


@pytest.mark.parametrize(
    ("path", "logger"),
    [("/_qs/metrics?from=2024-01-01", "usage.api.errors"), ("/", "dashboards.errors")],
)
def test_trouble_of_the_database_leaves_one(client, caplog, path, logger):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    answer = client.get(path)
    assert (answer.status_code, lines(caplog)) == (503, [(logger, "ERROR")])

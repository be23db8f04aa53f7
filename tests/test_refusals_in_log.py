"""What the log tells of requests that get a 503: trouble of the database, and no refusals."""

import io
import logging

import pytest
from django.db import OperationalError, connection

from usage.database.trouble import busy, trouble_of
from usage.log_lines import SameTroubleSeldom
from usage.long_requests import ThreadPlaces

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
    monkeypatch.setattr("usage.export.places", ThreadPlaces(0))
    answer = admin_client.get(path)
    assert (answer.status_code, lines(caplog)) == (503, [])


@pytest.mark.parametrize("path", ["/_qs/metrics?from=2024-01-01", "/"])
def test_trouble_of_the_database_leaves_one(client, caplog, path):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    answer = client.get(path)
    assert (answer.status_code, lines(caplog)) == (503, [("usage.exception_gate", "ERROR")])


def told(*seen):
    """What a log says of these: seconds, logger, text, and what it is filled with."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SameTroubleSeldom())
    for seconds, logger, text, *args in seen:
        record = logging.LogRecord(logger, logging.ERROR, "", 0, text, tuple(args), None)
        record.created = 1_700_000_000.0 + seconds
        handler.handle(record)
    return stream.getvalue().splitlines()


def test_trouble_that_lasts_is_told_every_ten_seconds_with_how_often_it_came():
    locked, other = trouble_of(busy("x")), trouble_of(OperationalError("disk: no space left"))
    page = "usage.exception_gate", "%s: %s"
    assert told(
        (0, *page, "/a", locked),
        (1, *page, "/b", locked),
        (2, *page, "/c", other),
        (3, "usage.api.health", "health: %s", locked),
        (9.9, *page, "/d", locked),
        (10, *page, "/e", locked),
        (21, *page, "/f", locked),
    ) == [
        f"/a: {locked}",
        f"/c: {other}",
        f"health: {locked}",
        f"/e: {locked} (and 2 more)",
        f"/f: {locked}",
    ]


def test_lines_of_others_are_all_told():
    faults = [(0, "django.request", "Internal Server Error: %s", "/a")] * 3
    assert told(*faults) == ["Internal Server Error: /a"] * 3

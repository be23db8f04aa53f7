"""Series past the bound: refused before they are read; the contract's own are sent as read."""

import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from tests.factory import at, store
from tests.read_only import read_only
from usage.api import streaming
from usage.models import UsageMetric
from usage.queries import MOST_BUCKETS, bound, turns

pytestmark = pytest.mark.django_db
URL = "/_qs/metrics"
FIRST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def _few_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tests need no years of rows."""
    monkeypatch.setattr(bound, "MOST_BUCKETS", 50)
    monkeypatch.setattr(bound, "_BUCKETS_AT_ONCE", 7)


def rows_at(*moments: dt.datetime, **values: Any) -> None:
    store(*({"timestamp": moment, "total_tokens": 3, **values} for moment in moments))


def hours(count: int, step: int = 1, first: dt.datetime = FIRST) -> list[dt.datetime]:
    return [first + step * number * HOUR for number in range(count)]


def whole(answer) -> Any:
    return json.loads(answer.getvalue() if answer.streaming else answer.content)


def hang_up(answer) -> None:
    """As the server does; `close` would end the tests' own connection too."""
    for close in answer._resource_closers:
        close()


@pytest.mark.parametrize(
    ("interval", "zone", "step"),
    [
        ("hour", "UTC", HOUR),
        ("hour", "Asia/Kathmandu", HOUR),
        ("15m", "Europe/Prague", HOUR / 4),
        ("day", "UTC", 24 * HOUR),
        ("day", "Europe/Prague", 24 * HOUR),
        ("week", "America/New_York", 168 * HOUR),
    ],
)
def test_a_series_of_so_many_buckets_is_answered_and_one_of_more_is_refused(
    client, monkeypatch, interval, zone, step
):
    monkeypatch.setattr(bound, "MOST_BUCKETS", 50)
    first = at("2024-04-01 00:00")  # a Monday
    rows_at(*(first + number * step for number in range(60)))
    query = {"interval": interval, "tz": zone, "from": "2024-04-01", "status": ""}
    query["provider"] = ""  # an empty filter is none
    query["group_by"] = "status"
    fits = client.get(URL, {**query, "to": (first + 48 * step).isoformat()})
    assert fits.status_code == 200
    assert 48 <= len(fits.json()["timeseries"]) <= 50
    with CaptureQueriesContext(connection) as queries:
        refused = client.get(URL, {**query, "to": (first + 59 * step).isoformat()})
    assert (refused.status_code, refused.json()) == (
        400,
        {
            "error": "the series would have more than 20,000 buckets, which are the most: narrow "
            "`from` and `to`, or ask for a longer `interval`",
            "parameter": "interval",
        },
    )
    assert not [each for each in queries if "SUM(" in each["sql"]], "it was read before"


@pytest.mark.parametrize(
    ("interval", "zone"), [("hour", "UTC"), ("day", "Europe/Prague"), ("month", "Asia/Kathmandu")]
)
def test_lonely_rows_of_other_ages_make_no_series_too_long(client, interval, zone):
    ages = [at("2024-01-15 10:30"), at("2001-02-03 04:05")]
    rows_at(*ages)
    with connection.cursor() as cursor:
        for time in ("1300-07-01 12:00:00", "2900-07-01 12:00:00"):
            cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])
    query = {"interval": interval, "tz": zone, "group_by": "status"}
    with read_only():  # so that no sums have it
        waiting = client.get(URL, query).json()["timeseries"]
    summed = client.get(URL, query).json()["timeseries"]
    assert [part["requests"] for part in waiting] == [1, 1, 1, 1]
    assert waiting == summed


@pytest.mark.usefixtures("_few_buckets")
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"model": "m"},
        {"model": ["m", "n"]},
        {"from": "2020-01-01T05:20:00Z", "to": "2020-03-09T07:40:00Z"},
        {"from": "2020-01-01T05:20:00Z", "model": "n", "interval": "hour", "tz": "UTC"},
        {"to": "2999-01-01", "_": "1700000000", "group_by": "model"},
    ],
)
def test_the_contracts_own_question_is_sent_as_it_is_read_and_says_the_same(
    client, monkeypatch, query
):
    rows_at(*hours(120), cost_usd=0.1, latency_ms=7.25)
    rows_at(*hours(40, step=40), at("2021-05-05 05:05"), model="n", status=500)
    with connection.cursor() as cursor:
        for time in ("2020-01-02 03:04:05", "2020-03-09 07:30:00"):
            cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'n')", [time])
    with read_only():  # so that no sums have these two
        sent = client.get(URL, query)
        assert (sent.streaming, sent.status_code) == (True, 200)
        assert sent["Content-Type"] == "application/json"
        found = whole(sent)
        monkeypatch.setattr(bound, "MOST_BUCKETS", MOST_BUCKETS)
        expected = client.get(URL, query)
        assert not expected.streaming
        assert found == expected.json()
        assert [*found] == [*expected.json()]
    assert len(found["timeseries"]) > 20


@pytest.mark.usefixtures("_few_buckets")
@pytest.mark.parametrize(
    "query",
    [{"fill": "true"}, {"provider": "p"}, {"api_key_hash": "k"}, {"status": "200"},
     {"interval": "15m"}, {"tz": "Europe/Prague"}, {"compare": "previous", "from": "2020-01-01"},
     {"group_by": "provider"}],
)  # fmt: skip
def test_every_other_question_past_the_bound_is_refused(client, query):
    rows_at(*hours(120), provider="p", api_key_hash="k")
    answer = client.get(URL, query)
    assert answer.status_code == 400
    assert "which are the most: narrow `from` and `to`" in answer.json()["error"]


@pytest.mark.usefixtures("_few_buckets")
def test_an_answer_that_fails_midway_breaks_off(client, caplog):
    rows_at(*hours(120))
    answer = client.get(URL)
    pieces = iter(answer)
    sent = next(pieces) + next(pieces)

    def fail(execute, sql, parameters, many, context):
        raise OperationalError("database is locked: SECRET")

    with connection.execute_wrapper(fail), pytest.raises(streaming.BrokenOff):
        list(pieces)
    hang_up(answer)
    with pytest.raises(json.JSONDecodeError):
        json.loads(sent)
    assert "an answer breaks off: the database is busy" in caplog.text
    assert "SECRET" not in caplog.text
    assert whole(client.get(URL))["totals"]["requests"] == 120  # others get their turn


@pytest.mark.usefixtures("_few_buckets")
def test_a_client_that_reads_too_slowly_is_cut_off(client, monkeypatch):
    monkeypatch.setattr(streaming, "MOST_SECONDS", 0.0)
    rows_at(*hours(120))
    with pytest.raises(streaming.BrokenOff):
        client.get(URL).getvalue()


@pytest.mark.usefixtures("_few_buckets")
def test_one_such_answer_at_a_time_is_sent(client, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.05)
    rows_at(*hours(120))
    first = client.get(URL)
    second = client.get(URL)
    assert (second.status_code, second["Retry-After"]) == (503, "5")
    assert second.json() == {
        "error": "as many exports and large questions as may be are being answered: try again "
        "shortly"
    }
    assert client.get(URL, {"from": "2020-01-05"}).status_code == 200
    waiting = threading.Timer(0.1, lambda: hang_up(first))
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 10)
    waiting.start()
    assert len(whole(client.get(URL))["timeseries"]) == 120
    waiting.join()


def test_dear_questions_wait_for_a_turn_and_small_ones_do_not(client, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.05)
    rows_at(*hours(120))
    with turns.Turn() as one, turns.Turn() as other:
        one.take_for(turns.DEAR_FROM)
        other.take_for(turns.DEAR_FROM)
        assert client.get(URL).status_code == 200
        monkeypatch.setattr(turns, "DEAR_FROM", 5_000)
        assert client.get(URL).status_code == 503
        assert client.get(URL, {"interval": "day"}).status_code == 200
    assert client.get(URL).status_code == 200


def test_nothing_is_lost_of_an_answer_that_nobody_reads(client, monkeypatch):
    monkeypatch.setattr(bound, "MOST_BUCKETS", 50)
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.05)
    rows_at(*hours(120))
    for _ in range(3):
        hang_up(client.head(URL))
    assert UsageMetric.objects.count() == 120

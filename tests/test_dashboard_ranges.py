"""Time ranges and models in the dashboard's URL: what is read, what is refused."""

import datetime as dt

import pytest
from django.http import QueryDict
from django.utils import timezone
from model_bakery import baker

from dashboards.ranges import Selection, field_value, selection_from
from usage.asking.filters import UsageFilter
from usage.models import UsageMetric
from usage.periods import Period

NOW = dt.datetime(2024, 3, 15, 12, 30, tzinfo=dt.UTC)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("query", "preset", "period"),
    [
        ("", "24h", Period(utc("2024-03-14T12:30"), None)),
        ("range=7d", "7d", Period(utc("2024-03-08T12:30"), None)),
        ("range=30d", "30d", Period(utc("2024-02-14T12:30"), None)),
        ("range=90d", "90d", Period(utc("2023-12-16T12:30"), None)),
        ("range=all", "all", Period()),
        ("range=&from=&to=&model=", "24h", Period(utc("2024-03-14T12:30"), None)),
        ("from=2024-01-15", "", Period(utc("2024-01-15"), None)),
        ("to=2024-01-15T10:00:00Z", "", Period(None, utc("2024-01-15T10:00"))),
        # Without a zone, as a browser's field sends it: summer in Prague is UTC+2.
        ("from=2024-07-15T10:00", "", Period(utc("2024-07-15T08:00"), None)),
        ("from=2024-01-15T10:00:30", "", Period(utc("2024-01-15T09:00:30"), None)),
    ],
)
def test_the_url_names_the_range(settings, query, preset, period):
    settings.TIME_ZONE = "Europe/Prague"
    expected = Selection(preset, UsageFilter(period=period))
    assert selection_from(QueryDict(query), NOW) == expected


def test_the_url_names_models():
    query = QueryDict("range=all&model=gpt-5&model=a%2Fb+%26c")
    selection = selection_from(query, NOW)
    assert selection.models == ("gpt-5", "a/b &c")
    assert selection.url() == "?range=all&model=gpt-5&model=a%2Fb+%26c"
    assert selection.url(time=[("range", "7d")], models=[]) == "?range=7d"


def test_an_own_range_survives_its_own_links():
    selection = selection_from(QueryDict("from=2024-01-15T10:00:30&to=2024-02-01"), NOW)
    assert selection_from(QueryDict(selection.url()[1:]), NOW) == selection


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("range=7days", "range is &#x27;7days&#x27;: use 24h, 7d, 30d, 90d, all"),
        ("range=7d&range=30d", "range is given 2 times: give it once"),
        ("range=7d&from=2024-01-01", "give either range or from and to, not both"),
        ("from=yesterday", "from must be an RFC 3339 time such as"),
        ("to=2024-02-30T10:00", "to must be an RFC 3339 time such as"),
        ("from=0001-01-01T00:00", "from "),
        ("from=2024-02-01&to=2024-01-01", "from is later than to: swap them"),
        ("modle=gpt-5", "modle is not a parameter here: use from, model, range, to"),
        ("model=a%00b", "model must not contain control characters"),
    ],
)
def test_what_cannot_be_read_is_said_on_a_page_with_a_usable_form(
    client, settings, query, sentence
):
    settings.TIME_ZONE = "Asia/Tokyo"
    response = client.get(f"/?{query}")
    assert response.status_code == 400
    assert f"{sentence}" in response.text
    assert 'name="from"' in response.text
    assert "?range=7d" in response.text


def test_a_moment_without_local_time_is_shown_as_it_is(settings):
    settings.TIME_ZONE = "America/New_York"
    assert field_value(dt.datetime(1, 1, 1, tzinfo=dt.UTC)) == "0001-01-01T00:00"


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "UTC"])
def test_the_calendars_ends_are_no_trouble(client, settings, zone):
    settings.TIME_ZONE = zone
    baker.make(UsageMetric, model="gpt-5", timestamp=timezone.now())
    url = "/?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z"
    assert client.get(url).status_code == 200

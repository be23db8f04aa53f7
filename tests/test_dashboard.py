"""The dashboard: who sees it, what its URL means, what it shows in each state."""

import datetime as dt
import json
import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from model_bakery import baker

from usage import shown_numbers as numbers
from usage.models import IngestToken, UsageMetric

NOW = dt.datetime(2024, 3, 15, 12, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
REFRESH = {"HX-Request": "true"}
AUTH = {"METRICS_BASIC_AUTH_USER": "mia", "METRICS_BASIC_AUTH_PASS": "secret"}

pytestmark = pytest.mark.django_db


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def add_usage(model="gpt-5", hours_ago=1.0, tokens=100, **fields) -> UsageMetric:
    moment = timezone.now() - hours_ago * HOUR
    return baker.make(UsageMetric, model=model, timestamp=moment, total_tokens=tokens, **fields)


def chart_of(response) -> dict:
    found = re.search(r'<script id="chart-data"[^>]*>(.*?)</script>', response.text)
    assert found
    return json.loads(found[1])


def cards_of(response) -> dict[str, str]:
    return {card.label: card.value.text for card in response.context["cards"]}


class TestAccess:
    def test_loopback_without_a_pair_sees_it_at_both_addresses(self, client):
        assert [client.get(url).status_code for url in ("/", "/_qs/metrics/ui")] == [200, 200]

    def test_a_browser_is_asked_for_the_pair_on_a_page(self, client, settings):
        settings.METRICS_BASIC_AUTH_USER = settings.METRICS_BASIC_AUTH_PASS = "mia"
        response = client.get("/_qs/metrics/ui")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == 'Basic realm="metrics"'
        assert response["Content-Type"].startswith("text/html")

    def test_without_a_pair_strangers_are_sent_to_sign_in_and_back(self, client):
        response = client.get("/?range=7d", REMOTE_ADDR="192.0.2.7")
        assert response.status_code == 302
        assert response["Location"] == reverse("admin:login") + "?next=/%3Frange%3D7d"

    def test_a_refresh_is_never_answered_with_a_login_form(self, client):
        response = client.get("/", headers=REFRESH, REMOTE_ADDR="192.0.2.7")
        assert response.status_code == 401

    def test_staff_see_it_from_anywhere(self, client):
        client.force_login(baker.make(User, is_staff=True))
        assert client.get("/", REMOTE_ADDR="192.0.2.7").status_code == 200

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_it_is_for_reading_only(self, client, method):
        response = getattr(client, method)("/")
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")

    def test_head_answers_like_get_without_a_body(self, client):
        response = client.head("/")
        assert (response.status_code, response.content) == (200, b"")

    def test_nothing_but_the_portals_own_files_may_run_or_style(self, client):
        add_usage()
        response = client.get("/")
        assert response["Content-Security-Policy"].startswith("default-src 'self';")
        assert not re.search(r"\son\w+=|\sstyle=|https?://(?!testserver)", response.text)
        scripts = re.findall(r"<script(?![^>]*(?:\ssrc=|json))", response.text)
        assert scripts == []


class TestFigures:
    def test_cards_sum_up_the_range(self, client):
        add_usage(tokens=1_234_567, latency_ms=200.0, status="200")
        add_usage(tokens=1, latency_ms=1800.0, status="500", model="claude")
        add_usage(hours_ago=100, tokens=7, latency_ms=None, status="200")
        response = client.get("/?range=7d")
        assert cards_of(response) == {
            "Requests": "3",
            "Tokens": "1.2\u202fM",
            "Last 24 h": "2",
            "Models active": "2",
            "Error rate": "33.3\u202f%",
            "Average latency": "1.00\u202fs",
        }
        assert 'title="1,234,575"' in response.text

    def test_the_last_day_is_of_the_chosen_models(self, client):
        add_usage(model="gpt-5")
        add_usage(model="claude")
        assert cards_of(client.get("/?range=all&model=claude"))["Last 24 h"] == "1"

    def test_cost_shows_only_when_known(self, client):
        add_usage()
        assert "Cost" not in client.get("/").text
        add_usage(cost_usd=1.5)
        response = client.get("/")
        assert cards_of(response)["Cost"] == "$1.50"
        assert "1 without a price" in response.text

    def test_rows_of_classic_columns_only_are_shown(self, client):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO usage_metrics (timestamp, model, total_tokens) VALUES (%s, %s, NULL)",
                [timezone.now().isoformat(sep=" "), "plain"],
            )
        response = client.get("/")
        assert cards_of(response)["Average latency"] == numbers.ABSENT
        assert [row.share.text for row in response.context["models"]] == ["0\u202f%"]

    def test_model_names_are_text_whatever_they_hold(self, client):
        name = "\"><script>alert('模型')</script>&model=x#\u202e"
        add_usage(model=name)
        response = client.get("/", {"model": name})
        assert response.context["models"][0].name == name
        assert "<script>alert" not in response.text
        assert client.get(response.context["models"][0].url).context["models"][0].name == name

    def test_models_past_the_hundredth_are_one_row(self, client):
        UsageMetric.objects.bulk_create(
            UsageMetric(model=f"model-{n:03}", timestamp=timezone.now(), total_tokens=1000 - n)
            for n in range(130)
        )
        rows = client.get("/").context["models"]
        assert len(rows) == 101
        assert (rows[-1].name, rows[-1].requests.text, rows[-1].url) == (
            "30 other models",
            "30",
            "",
        )

    def test_the_hours_are_limited_and_say_so(self, client):
        UsageMetric.objects.bulk_create(
            UsageMetric(model="m", timestamp=timezone.now() - n * HOUR, total_tokens=1)
            for n in range(120)
        )
        response = client.get("/?range=7d")
        assert len(response.context["times"]) == 100
        assert "The newest 100 of 120 hours" in response.text

    @pytest.mark.parametrize(
        ("days_ago", "step", "asked"),
        [(1, "hour", ""), (40, "day", "interval=day"), (2000, "month", "interval=month"),
         (20_000, "year", "interval=month")],
    )  # fmt: skip
    def test_what_is_drawn_is_what_is_asked_for(self, client, settings, days_ago, step, asked):
        settings.TIME_ZONE = "Europe/Prague"
        add_usage()
        add_usage(hours_ago=24 * days_ago)
        add_usage(hours_ago=1, model="other")
        response = client.get("/?range=all&model=gpt-5")
        assert chart_of(response)["step"] == step
        assert f"Figures per {step}" in response.text
        url = response.context["api_url"]
        assert url.endswith("&".join(filter(None, ["model=gpt-5", asked, "tz=Europe%2FPrague"])))
        buckets = client.get(url).json()["timeseries"]
        assert [row.requests for row in response.context["times"]] == ["1", "1"]
        assert [part["requests"] for part in buckets] == [1, 1]

    def test_a_model_of_some_days_is_drawn_by_hours_among_years_of_others(self, client):
        add_usage(hours_ago=24 * 2000, model="old")
        add_usage(hours_ago=30)
        assert chart_of(client.get("/?range=all&model=gpt-5"))["step"] == "hour"
        assert chart_of(client.get("/?range=all"))["step"] == "month"

    def test_a_row_from_a_fast_clock_is_not_missing(self, client):
        add_usage(hours_ago=-2)
        assert cards_of(client.get("/"))["Requests"] == "1"


class TestStates:
    def test_an_empty_portal_shows_the_command_for_itself(self, client):
        response = client.get("/", headers={"host": "localhost:8123"})
        assert chart_of(response) == {"state": "empty"}
        assert "curl -X POST &#x27;http://localhost:8123/_qs/usage&#x27;" in response.text.replace(
            "'", "&#x27;"
        )
        assert "Authorization" not in response.text

    def test_the_command_names_a_token_once_one_is_needed(self, client):
        IngestToken.objects.issue("proxy")
        assert "Authorization: Bearer YOUR_TOKEN" in client.get("/").text

    def test_a_range_without_requests_offers_all_time(self, client):
        add_usage(hours_ago=100)
        response = client.get("/?model=gpt-5")
        assert chart_of(response) == {"state": "nothing"}
        assert 'href="?range=all&amp;model=gpt-5"' in response.text

    @pytest.mark.parametrize("name", ["METRICS_ENABLED", "USAGE_STATISTICS_ENABLED"])
    def test_disabled_ingest_names_the_setting_that_turns_it_on(self, client, settings, name):
        settings.METRICS_ENABLED = name != "METRICS_ENABLED"
        settings.USAGE_STATISTICS_ENABLED = False
        assert f"<code>{name}=true</code>" in client.get("/").text

    def test_a_refresh_gets_the_figures_alone(self, client):
        add_usage()
        response = client.get("/?range=7d", headers=REFRESH)
        assert response.templates[0].name == "dashboards/_figures.html"
        assert "<html" not in response.text
        assert chart_of(response)["state"] == "figures"
        assert "HX-Request" in response["Vary"]

    def test_the_displayed_zone_is_named(self, client, settings):
        settings.TIME_ZONE = "Asia/Kathmandu"
        add_usage()
        response = client.get("/")
        assert "Times are in Asia/Kathmandu" in response.text
        assert chart_of(response)["labels"][0].endswith("+0545")

    def test_the_error_page_needs_neither_request_nor_database(self):
        page = render_to_string("dashboards/error.html", {"status": 503, "message": "come back"})
        assert "Come back" in page


class TestQueries:
    def count(self, client, url, **headers) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(url, headers=headers)
        return len(queries)

    def test_a_page_asks_for_its_report_the_last_day_and_the_names(self, client, monkeypatch):
        # By day: in the hour after midnight the last day begins among the rows of the day before.
        monkeypatch.setattr(timezone, "now", lambda: NOW)
        add_usage()
        # What there is, how far sums are filled, the series and their sums; a report has both by
        # model and by hour.
        # Before it, the page asks for the first and the last day, for those in no sum as well.
        report, last_day, names = 8, 1, 1
        assert self.count(client, "/?range=7d") == report + last_day + names
        assert self.count(client, "/?range=24h") == report + names
        assert self.count(client, "/?range=7d", **REFRESH) == report + last_day

    def test_what_a_page_asks_does_not_grow_with_rows(self, client):
        add_usage(hours_ago=200)
        before = self.count(client, "/?range=all")
        for number in range(40):
            add_usage(hours_ago=number, model=f"m{number % 7}")
        assert self.count(client, "/?range=all") == before

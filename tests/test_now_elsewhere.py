"""What was heard of sources, where else it is told: advice, answers, scrapes, pages, health."""

import datetime as dt
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.otlp import as_json, as_protobuf, log, logs, logs_as_protobuf, request, span
from tests.test_now import (
    CALL,
    JSON,
    NOW,
    PROTOBUF,
    ROW,
    metrics,
    metrics_as_protobuf,
    post,
    resource,
)
from tests.test_prometheus import families, values
from usage.api import set_up_warning
from usage.models import HeardCount, IngestToken
from usage.queries import source_report
from usage.recording import ledger

pytestmark = pytest.mark.django_db
HEALTH, PAGE = "/_qs/health", "/admin/usage/heardcount/"
TOOL = {"gen_ai.operation.name": "execute_tool"}


@pytest.fixture(autouse=True)
def _forget_warnings():
    set_up_warning.forget()


def advice(client: Any) -> dict[str, str | None]:
    return {each["source"]: each["advice"] for each in client.get(NOW).json()["sources"]}


SET_UPS = [
    ("claude-code", metrics("claude-code"), "/v1/metrics", "set OTEL_LOGS_EXPORTER=otlp beside"),
    ("codex", metrics("codex_cli_rs"), "/v1/metrics", "set `exporter` under [otel]"),
    (
        "gemini-cli",
        request(span(CALL), resource=resource("gemini-cli")),
        "/v1/traces",
        'telemetry.otlpProtocol to "http" in ~/.gemini/settings.json',
    ),
    (
        "qwen-code",
        logs(log({"x": 1}), resource=resource("qwen-code")),
        "/v1/logs",
        "~/.qwen/settings.json",
    ),
    ("shop", metrics("shop"), "/v1/metrics", "switch on its traces (OTEL_TRACES_EXPORTER=otlp)"),
    ("shop", logs(log({"x": 1}), resource=resource("shop")), "/v1/logs", "OTEL_TRACES_EXPORTER"),
    (
        "shop",
        request(span({"gen_ai.request.model": "m"}), resource=resource("shop")),
        "/v1/traces",
        '"stream_options": {"include_usage": true}',
    ),
    ("shop", request(span(TOOL), resource=resource("shop")), "/v1/traces", "agents, tools and"),
    ("shop", request(span({}), resource=resource("shop")), "/v1/traces", "no calls of a model"),
    (
        "shop",
        request(
            span({"gen_ai.request.model": "m", "gen_ai.operation.name": "chat"}),
            resource=resource("shop"),
        ),
        "/v1/traces",
        "none of its calls tells tokens",
    ),
    ("litellm", [{"endTime": None}], "/_qs/litellm", "`rejected` says what is wrong"),
]


@pytest.mark.parametrize(("source", "body", "path", "said"), SET_UPS)
def test_a_set_up_of_which_nothing_counts_is_told_what_to_switch_on(
    client, source, body, path, said
):
    post(path, body)
    told = advice(client)[source]
    assert told is not None
    assert said in told
    assert told.endswith(".")


def test_whom_something_counts_of_is_told_nothing(client):
    post("/v1/metrics", metrics("shop"))
    post("/v1/traces", request(span(CALL), span(TOOL), resource=resource("shop")))
    post("/_qs/usage", {"model": "m", "status": 429, "source": "failing"})
    assert advice(client) == {"shop": None, "failing": None}


def test_who_is_always_turned_away_is_told_where_the_reason_is(client):
    IngestToken.objects.issue("proxy")
    post("/_qs/usage", ROW, agent="curl/8")
    assert advice(client) == {"curl": "All that came was turned away: `refused` says why."}


def silent_for(minutes: int) -> None:
    """As if all had been heard of first so long ago."""
    HeardCount.objects.update(since=timezone.now() - dt.timedelta(minutes=minutes))
    ledger.forget()


WARNED = [
    ("/v1/metrics", metrics_as_protobuf("shop"), PROTOBUF, ExportMetricsServiceResponse),
    (
        "/v1/traces",
        as_protobuf(request(span({}), resource=resource("shop"))),
        PROTOBUF,
        ExportTraceServiceResponse,
    ),
    (
        "/v1/logs",
        logs_as_protobuf(logs(log({"x": 1}), resource=resource("shop"))),
        PROTOBUF,
        ExportLogsServiceResponse,
    ),
    ("/v1/metrics", as_json(metrics("shop")), JSON, None),
    ("/v1/traces", as_json(request(span({}), resource=resource("shop"))), JSON, None),
    ("/v1/logs", as_json(logs(log({"x": 1}), resource=resource("shop"))), JSON, None),
]


@pytest.mark.parametrize(("path", "body", "kind", "answer"), WARNED)
def test_otlp_answers_warn_a_source_of_which_nothing_came_for_long_once_an_hour(
    client, path, body, kind, answer
):
    def said() -> tuple[str, bytes]:
        content = post(path, body, kind).content
        if answer is None:
            partial = json.loads(content).get("partialSuccess", {})
            return partial.pop("errorMessage", ""), json.dumps(partial).encode()
        partial = answer.FromString(content).partial_success
        message = partial.error_message
        partial.error_message = ""
        return message, partial.SerializeToString()

    nothing = b"" if answer else b"{}"
    assert said() == ("", nothing)  # it may only have begun
    silent_for(minutes=11)
    message, rest = said()
    assert message == advice(client)["shop"]
    assert rest == nothing  # none is said to be rejected
    assert said() == ("", nothing)


def test_nobody_is_warned_whose_calls_come(client):
    post("/v1/traces", request(span(CALL), resource=resource("shop")))
    post("/v1/metrics", metrics("shop"))
    silent_for(minutes=1000)
    assert post("/v1/metrics", metrics("shop")).content == b"{}"
    assert post("/v1/traces", request(span({}), resource=resource("shop"))).content == b"{}"


def test_prometheus_tells_sources_by_token_kind_and_reason(client):
    _, text = IngestToken.objects.issue("laptops")
    by = {"Authorization": f"Bearer {text}"}
    event = {**ROW, "event_id": "e", "timestamp": "2024-01-15T10:00:00Z"}
    post("/_qs/usage", [event, ROW], **by)
    post("/_qs/usage", [event, {"model": "m", "source": "proxy"}], **by)
    post("/v1/metrics", metrics("proxy"), **by)
    post("/_qs/usage", b"{", agent="curl/8", **by)
    found = families(client)
    proxy = ("proxy", "laptops")
    names = ("source", "token")
    assert values(found["qsmetrics_source_rows"], *names) == {proxy: 3}
    assert values(found["qsmetrics_source_duplicates"], *names) == {proxy: 1}
    assert values(found["qsmetrics_source_calls_without_usage"], *names) == {proxy: 1}
    assert values(found["qsmetrics_source_passed_over"], *names, "kind") == {
        (*proxy, "post of metrics"): 1
    }
    assert values(found["qsmetrics_source_refused_posts"], *names, "reason") == {
        ("curl", "laptops", "400: not valid JSON: input data was truncated"): 1
    }
    last = values(found["qsmetrics_source_last_row_timestamp_seconds"], *names)
    assert abs(last[proxy] - timezone.now().timestamp()) < 60
    assert values(found["qsmetrics_source_last_seen_timestamp_seconds"], *names).keys() == {
        proxy,
        ("curl", "laptops"),
    }


def test_scrapes_are_bounded_and_the_first_that_came_stay(client, monkeypatch):
    monkeypatch.setattr("usage.api.prometheus.MOST_LABEL_SETS", 2)
    for name in "abcd":
        post("/_qs/usage", {**ROW, "source": name})
    found = values(families(client)["qsmetrics_source_rows"], "source", "token")
    nobody = "(no token needed)"
    assert found == {("a", nobody): 1, ("b", nobody): 1, ("(other)", "(other)"): 2}


@pytest.mark.django_db(transaction=True)  # the probe has a connection of its own
def test_health_says_only_how_many(client, monkeypatch):
    post("/_qs/usage", [ROW, {**ROW, "source": "quiet"}])
    post("/v1/metrics", metrics("secretive"))
    IngestToken.objects.issue("proxy")
    post("/_qs/usage", ROW, agent="scanner/1")
    assert client.get(HEALTH).json()["sources"] == {"silent": 0, "uncounted": 1}
    two_hours_ago = timezone.now() - dt.timedelta(hours=2)
    HeardCount.objects.filter(source="quiet").update(last_at=two_hours_ago)
    answer = client.get(HEALTH)
    assert answer.json()["sources"] == {"silent": 1, "uncounted": 1}
    assert not any(name in answer.content.decode() for name in ("quiet", "secretive", "scanner"))
    monkeypatch.setattr(source_report, "_MOST_LINES", 3)
    assert client.get(HEALTH).json()["sources"] is None
    monkeypatch.undo()
    HeardCount.objects.update(last_at=timezone.now() - dt.timedelta(days=8))
    assert client.get(HEALTH).json()["sources"] == {"silent": 0, "uncounted": 0}


def test_the_admin_has_a_page_of_it(admin_client):
    assert "Nothing has come yet" in admin_client.get(PAGE).content.decode()
    post("/_qs/usage", [ROW, {**ROW, "source": "<b>odd</b>"}])
    post("/v1/metrics", metrics("shop"))
    post("/_qs/usage", b"{", agent="curl/8")
    page = admin_client.get(PAGE).content.decode()
    told = ("proxy", "&lt;b&gt;odd", "post of metrics (1)", "OTEL_TRACES_EXPORTER=otlp", "400: not")
    assert [text for text in (*told, "(no token needed)") if text not in page] == []
    assert "<b>odd" not in page
    assert PAGE in admin_client.get("/admin/").content.decode()


def test_the_page_is_for_whom_may_view_it(client):
    user = User.objects.create_user("ann", password="Aurora-7-lake", is_staff=True)
    assert client.get(PAGE).status_code == 302
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_heardcount"))
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE).status_code in (200, 405)

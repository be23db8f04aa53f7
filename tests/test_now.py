"""`GET /_qs/metrics/now`: what comes of each source and token, and what does not."""

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests.otlp import as_json, as_protobuf, log, logs, logs_as_protobuf, pairs, request, span
from tests.test_agent_logs import ANSWERED, CLAUDE
from tests.test_litellm import payload
from usage.heard import OF_SERVICES, ROWS
from usage.intake.agents.readers import SOURCES
from usage.models import HeardCount, IngestToken, UsageMetric
from usage.recording import ledger
from usage.recording import minutes as minutes_of_ledger

pytestmark = pytest.mark.django_db
NOW = "/_qs/metrics/now"
JSON, PROTOBUF = "application/json", "application/x-protobuf"
ROW = {"model": "m", "prompt_tokens": 3, "source": "proxy"}
CALL = {"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": 7}
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("rows", "rows_last_5_minutes", "rows_last_60_minutes", "duplicates"), 0),
    **dict.fromkeys(("calls_without_usage", "wrappers_of_less"), 0),
    **{name: {} for name in ("names_read_by_words", "passed_over", "rejected", "refused")},
}


def post(path: str, body: Any, kind: str = JSON, agent: str = "", **headers: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**headers, **({"User-Agent": agent} if agent else {})}
    return Client().post(path, data, content_type=kind, headers=sent)


def heard(of: str = "sources") -> dict[str, dict[str, Any]]:
    """By name: what is there at all, without times and advice."""
    found = {}
    for each in Client().get(NOW).json()[of]:
        name = each.pop("source" if of == "sources" else "token")
        found[name] = {
            field: count
            for field, count in each.items()
            if field in NOTHING and count not in (0, {})
        }
    return found


def rows(count: int, **more: Any) -> dict[str, Any]:
    return {"rows": count, "rows_last_5_minutes": count, "rows_last_60_minutes": count, **more}


def resource(name: str) -> dict[str, Any]:
    return {"service.name": name}


def test_a_portal_that_nobody_sends_to_has_heard_of_nobody(client):
    answer = client.get(NOW).json()
    answer.pop("at")
    nobody = {"sources": [], "more_sources": 0, "tokens": [], "accounts": [], "more_accounts": 0}
    assert answer == nobody


def test_rows_count_by_the_source_that_they_name(client):
    assert post("/_qs/usage", [ROW, ROW, {**ROW, "source": "other"}]).status_code == 201
    post("/_qs/litellm", payload())
    post("/v1/traces", request(span(CALL), resource=resource("shop")))
    post("/v1/logs", logs(log(ANSWERED), scope=CLAUDE, resource=resource("claude-code")))
    assert heard() == {
        "proxy": rows(2),
        "other": rows(1),
        "litellm": rows(1),
        "shop": rows(1),
        "claude-code": rows(1),
    }


def test_all_of_a_source_is_told(client):
    before = dt.datetime.now(dt.UTC)
    post("/_qs/usage", ROW)
    (found,) = client.get(NOW).json()["sources"]
    times = [
        dt.datetime.fromisoformat(found.pop(n)) for n in ("first_seen", "last_seen", "last_row")
    ]
    assert all(before <= each <= dt.datetime.now(dt.UTC) for each in times)
    assert found == {
        "source": "proxy", "tokens": ["(no token needed)"], "advice": None, **NOTHING, **rows(1)
    }  # fmt: skip


def test_who_names_no_source_goes_by_the_program_that_posts(client):
    post("/_qs/usage", {"model": "m", "total_tokens": 1}, agent="python-requests/2.32.3")
    post("/v1/traces", request(span(CALL)), agent="OTel-OTLP-Exporter-Python/1.38.0")
    post("/_qs/usage", {"model": "m", "total_tokens": 1})
    assert heard() == {
        "python-requests": rows(1),
        "OTel-OTLP-Exporter-Python": rows(1),
        "(unnamed)": rows(1),
    }


def test_a_second_copy_is_a_duplicate(client):
    event = {**ROW, "event_id": "e", "timestamp": "2024-01-15T10:00:00Z"}
    post("/_qs/usage", event)
    post("/_qs/usage", [event, ROW])
    assert heard() == {"proxy": rows(2, duplicates=1)}
    for _ in range(2):
        post("/_qs/usage", [ROW, ROW], **{"Idempotency-Key": "k"})
    assert heard() == {"proxy": rows(4, duplicates=3)}


def test_calls_without_usage_are_those_that_did_not_fail(client):
    post(
        "/_qs/usage", [{"model": "m", "source": "p"}, {"model": "m", "source": "p", "status": 429}]
    )
    assert heard() == {"p": rows(2, calls_without_usage=1)}


def test_faults_of_rows_are_told_by_reason(client):
    bad = [{"model": 5}, {"model": 6}, {"model": "m", "total_tokens": -1}]
    post("/_qs/usage?partial=true", [ROW, *bad], agent="curl/8")
    reasons = {
        "model: must be text of 1 to 255 characters": 2,
        "total_tokens: must be a whole number from 0 to 9007199254740992": 1,
    }
    assert heard() == {"proxy": rows(1), "curl": {"rejected": reasons}}
    assert post("/_qs/usage", [ROW, *bad], agent="wget/1").status_code == 400
    sentence = (
        "N rows cannot be stored, so none was: mend what `errors` names, or add ?partial=true"
    )
    assert heard()["wget"] == {"rejected": reasons, "refused": {f"400: {sentence}": 1}}


def test_a_refused_post_is_told_by_status_and_reason(client):
    IngestToken.objects.issue("laptops")
    post("/_qs/usage", ROW, agent="curl/8")
    assert heard("tokens") == {
        "(refused)": {
            "refused": {
                "401: send an ingest token as `Authorization: Bearer …`; make one in /admin/ or "
                "with `manage.py create_ingest_token NAME`": 1
            }
        }
    }
    _, text = IngestToken.objects.issue("phones")
    by = {"Authorization": f"Bearer {text}"}
    post("/_qs/usage", b"{", agent="curl/8", **by)
    post("/_qs/litellm", b"x", "text/plain", agent="curl/8", **by)
    assert heard("tokens")["phones"] == {
        "refused": {
            "400: not valid JSON: input data was truncated": 1,
            "415: send the body with Content-Type application/json, as LiteLLM does": 1,
        }
    }
    assert len(heard()["curl"]["refused"]) == 3


def test_posts_to_an_address_that_is_none_are_told(client):
    for path in ("/v1/traces/v1/traces", "/api/public/ingestion", "/_qs/usages"):
        assert post(path, {}, agent="exporter/1").status_code == 404
    assert client.get("/v1/trace").status_code == 404
    why = "404: nothing is here: /_qs/docs lists what is"
    assert heard() == {"exporter": {"refused": {why: 3}}}


def test_each_token_is_told_with_its_sources(client):
    for name in ("laptops", "phones"):
        _, text = IngestToken.objects.issue(name)
        post("/_qs/usage", [ROW, {**ROW, "source": name}], Authorization=f"Bearer {text}")
    answer = client.get(NOW).json()
    assert {each["token"]: each["sources"] for each in answer["tokens"]} == {
        "laptops": ["laptops", "proxy"],
        "phones": ["phones", "proxy"],
    }
    assert {each["source"]: each["tokens"] for each in answer["sources"]} == {
        "laptops": ["laptops"],
        "phones": ["phones"],
        "proxy": ["laptops", "phones"],
    }
    assert heard()["proxy"] == rows(2)


@pytest.mark.parametrize("encode", [as_json, as_protobuf])
def test_spans_that_are_no_calls_are_told_by_what_they_are(client, encode):
    spans = [
        span({"http.request.method": "GET"}, spanId="1" * 16),
        span({"http.request.method": "GET"}, spanId="2" * 16),
        span({"gen_ai.operation.name": "invoke_agent", **CALL}, spanId="3" * 16),
        span({"gen_ai.request.model": "gpt-5"}, spanId="4" * 16),
        span(CALL, spanId="5" * 16),
    ]
    kind = JSON if encode is as_json else PROTOBUF
    post("/v1/traces", encode(request(*spans, resource=resource("shop"))), kind)
    gemini = request(span(CALL), resource=resource("gemini-cli"))
    post("/v1/traces", encode(gemini), kind)
    assert heard() == {
        "shop": rows(
            1,
            passed_over={
                "span without usage": 2,
                "span of an agent, a tool or the like": 1,
                "span of a model without usage": 1,
            },
        ),
        "gemini-cli": {"passed_over": {"span of what logs tell": 1}},
    }


@pytest.mark.parametrize("encode", [as_json, logs_as_protobuf])
def test_log_records_that_nobody_reads_are_told(client, encode):
    records = [log({"event.name": "user_prompt"}), log({"x": 1}), log(ANSWERED)]
    kind = JSON if encode is as_json else PROTOBUF
    post("/v1/logs", encode(logs(*records, scope=CLAUDE, resource=resource("claude-code"))), kind)
    post("/v1/logs", encode(logs(log({"x": 1}))), kind, agent="fluent-bit/3")
    assert heard() == {
        "claude-code": rows(1, passed_over={"log record": 2}),
        "fluent-bit": {"passed_over": {"log record": 1}},
    }


def test_an_agent_goes_by_the_name_of_its_service_in_all_that_it_sends(client):
    records = [log({"x": 1}), log(ANSWERED)]
    post("/v1/logs", logs(*records, scope=CLAUDE, resource=resource("laptops")))
    post("/v1/metrics", metrics("laptops"))
    other = {**ANSWERED, "request_id": "req_2", "session.id": "s-2"}
    post("/v1/logs", logs(log(other), scope=CLAUDE))
    assert heard() == {
        "laptops": rows(1, passed_over={"log record": 1, "post of metrics": 1}),
        "claude-code": rows(1),
    }
    assert SOURCES <= OF_SERVICES


def metrics(name: str) -> dict[str, Any]:
    return {"resourceMetrics": [{"resource": {"attributes": pairs(resource(name))}}]}


def metrics_as_protobuf(name: str) -> bytes:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    found = ExportMetricsServiceRequest()
    found.resource_metrics.add().resource.attributes.add(key="host.name").value.string_value = "h"
    attribute = found.resource_metrics[0].resource.attributes.add(key="service.name")
    attribute.value.string_value = name
    return found.SerializeToString()


def test_metrics_are_told_with_the_service_that_sends_them(client):
    post("/v1/metrics", metrics("claude-code"))
    post("/v1/metrics", metrics_as_protobuf("claude-code"), PROTOBUF)
    post("/v1/metrics", metrics_as_protobuf("codex_cli_rs"), PROTOBUF)
    post("/v1/metrics", {"resourceMetrics": []}, agent="prober/1")
    assert heard() == {
        "claude-code": {"passed_over": {"post of metrics": 2}},
        "codex": {"passed_over": {"post of metrics": 1}},
        "prober": {"passed_over": {"post of metrics": 1}},
    }


def test_litellm_tells_what_was_no_call(client):
    files = {**payload(), "call_type": "afile_list", "prompt_tokens": 0, "completion_tokens": 0}
    files |= {"total_tokens": 0, "litellm_call_id": "f", "id": "f"}
    post("/_qs/litellm", [payload(), files, {"endTime": None}])
    why = "has no endTime or no litellm_call_id: is it LiteLLM's own record?"
    assert heard() == {"litellm": rows(1, passed_over={"afile_list": 1}, rejected={why: 1})}


def test_names_that_words_told_are_told(client):
    attributes = {"gen_ai.request.model": "gpt-5", "acme.usage.prompt_tokens": 7}
    post("/v1/traces", request(span(attributes), resource=resource("acme")))
    assert heard() == {"acme": rows(1, names_read_by_words={"acme.usage.prompt_tokens": 1})}


def traced(number: int, tokens: int, parent: int | None = None) -> dict[str, Any]:
    fields = {} if parent is None else {"parentSpanId": f"{parent:016x}"}
    usage = {"gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": tokens}
    return span(usage, spanId=f"{number:016x}", **fields)


def test_a_wrapper_that_used_more_than_its_calls_is_told_until_all_have_come(client):
    def send(*spans: dict[str, Any]) -> dict[str, Any]:
        post("/v1/traces", request(*spans, resource=resource("shop")))
        return heard()["shop"]

    assert send(traced(1, 100)) == rows(1)
    assert send(traced(2, 60, 1)) == rows(2, wrappers_of_less=1)
    assert send(traced(3, 40, 1)) == rows(3)


def test_windows_end_by_whole_minutes_and_totals_stay(client):
    for minutes, count in ((0, 1), (5, 2), (6, 4), (60, 8), (61, 16)):
        post("/_qs/usage", [ROW] * count)
        newest = HeardCount.objects.order_by("-minute")[:1].get()
        if minutes:
            HeardCount.objects.filter(pk=newest.pk).update(minute=newest.minute - minutes)
    (found,) = heard().values()
    assert (found["rows_last_5_minutes"], found["rows_last_60_minutes"], found["rows"]) == (
        3,
        15,
        31,
    )


def test_only_readers_may_ask(client, settings):
    settings.METRICS_BASIC_AUTH_USER, settings.METRICS_BASIC_AUTH_PASS = "reader", "open sesame"
    _, text = IngestToken.objects.issue("proxy")
    assert client.get(NOW).status_code == 401
    assert client.get(NOW, headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert (
        client.get(NOW, headers={"Authorization": "Basic cmVhZGVyOm9wZW4gc2VzYW1l"}).status_code
        == 200
    )


def test_no_more_sources_are_listed_than_asked_for(client):
    post("/_qs/usage", [{**ROW, "source": f"s{n}"} for n in range(5)])
    answer = client.get(f"{NOW}?limit=2").json()
    assert (len(answer["sources"]), answer["more_sources"]) == (2, 3)
    assert client.get(f"{NOW}?limt=2").status_code == 400


def test_sources_beyond_the_bound_count_as_other(client, settings):
    settings.METRICS_MAX_NEW_NAMES = 3
    post("/_qs/usage", [{**ROW, "source": f"s{n}"} for n in range(5)])
    ledger.forget()  # as another process
    post("/_qs/usage", [{**ROW, "source": f"s{n}"} for n in range(5)])
    assert heard() == {**{f"s{n}": rows(2) for n in range(3)}, "(other)": rows(4)}
    settings.METRICS_MAX_NEW_NAMES, settings.METRICS_MAX_NAMES = 10, 5
    ledger.forget()
    post("/_qs/usage", [{**ROW, "source": f"t{n}"} for n in range(3)])
    assert heard()["(other)"] == rows(6)
    assert heard()["t0"] == rows(1)


def test_a_post_of_a_thousand_sources_and_more_is_told_as_far_as_is_bounded(client, settings):
    settings.METRICS_MAX_NEW_NAMES = 5000
    assert post("/_qs/usage", [{**ROW, "source": f"s{n}"} for n in range(2000)]).status_code == 201
    answer = client.get(f"{NOW}?limit=5000").json()
    found = {each["source"]: each["rows"] for each in answer["sources"]}
    assert (len(found), found["(other)"], found["s0"]) == (1001, 1000, 1)


def test_reasons_beyond_the_bound_count_as_other_of_their_source(client):
    for n in range(110):
        attributes = {"gen_ai.request.model": "m", f"x{n}.usage.prompt_tokens".replace("0", "o"): 1}
        post("/v1/traces", request(span(attributes, spanId=f"{n:016x}"), resource=resource("acme")))
    found = heard()["acme"]["names_read_by_words"]
    assert (len(found), found["(other)"]) == (101, 10)


def test_who_may_not_write_takes_little_room(client):
    IngestToken.objects.issue("proxy")
    for n in range(110):
        post("/_qs/usage", ROW, agent=f"scanner-{n}/1")
    assert HeardCount.objects.count() == 101
    assert heard()["(other)"]["refused"].popitem()[1] == 10


KEY = "sk-ant-api03-" + "aB3dE5gH7jK9" * 4


@pytest.mark.parametrize(
    "name", ["x" * 5000, "a\x00b", "\ud800", " ", "é\x07", f"with {KEY}", "\u202ex"]
)
def test_no_name_is_too_odd_for_the_ledger(client, name):
    post("/v1/metrics", as_json(metrics(name)))
    post("/v1/logs", as_json(logs(log({"x": 1}), resource=resource(name))))
    post("/v1/traces", as_json(request(span({}), span(CALL), resource=resource(name))))
    post("/_qs/litellm", [{**payload(), "call_type": name, "prompt_tokens": 0}])
    assert client.get(NOW).status_code == 200
    texts = [text for entry in HeardCount.objects.values_list("source", "detail") for text in entry]
    assert all(len(text) <= 128 and text.isprintable() for text in texts)
    assert KEY[-20:] not in str(texts)


def test_a_post_of_many_rows_writes_the_ledger_once(client, django_assert_max_num_queries):
    post("/_qs/usage", ROW)
    with django_assert_max_num_queries(20) as queries:
        post("/_qs/usage", [ROW] * 1000)
    assert len([each for each in queries if "heardcount" in each["sql"]]) <= 1


@pytest.mark.django_db(transaction=True)  # which PostgreSQL ends at the first refusal
def test_a_ledger_that_cannot_be_written_costs_no_post_that_stores_nothing(client):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_heardcount RENAME TO elsewhere")
    assert post("/v1/metrics", metrics("claude-code")).status_code == 200
    assert post("/_qs/usage", b"{").status_code == 400
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO usage_heardcount")
    post("/v1/metrics", metrics("claude-code"))
    assert heard()["claude-code"] == {"passed_over": {"post of metrics": 2}}
    assert UsageMetric.objects.count() == 0


def test_old_minutes_join_the_sum_of_all_that_is_older(client):
    ancient = dt.datetime(2024, 1, 15, tzinfo=dt.UTC)
    for minutes in (0, 119, 125, 1000):
        post("/_qs/usage", [ROW, {**ROW, "source": "other"}])
        newest = HeardCount.objects.order_by("-minute")[:1].get().minute
        if minutes:
            HeardCount.objects.filter(minute=newest).update(
                minute=newest - minutes, since=ancient, last_at=ancient
            )
    before = heard()
    assert len([*minutes_of_ledger.join_old_minutes()]) == 1
    assert heard() == before
    assert sorted(HeardCount.objects.values_list("count", flat=True)) == [2, 2, 2, 2]
    assert {each["first_seen"] for each in client.get(NOW).json()["sources"]} == {
        "2024-01-15T00:00:00Z"
    }
    assert [*minutes_of_ledger.join_old_minutes()] == []


def test_purge_forgets_what_last_came_long_ago(client):
    post("/_qs/usage", [ROW, {**ROW, "source": "other"}])
    post("/v1/metrics", metrics("proxy"))
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=91)
    HeardCount.objects.filter(kind=ROWS).update(last_at=old)
    call_command("purge", "--no-vacuum", stdout=io.StringIO())
    assert heard() == {"proxy": {"passed_over": {"post of metrics": 1}}}


def test_minutes_of_many_sources_join_in_short_steps(client, monkeypatch, settings):
    monkeypatch.setattr(minutes_of_ledger, "_AT_ONCE", 7)
    settings.METRICS_MAX_NEW_NAMES = 100
    for minutes in (130, 131, 132):
        post("/_qs/usage", [{**ROW, "source": f"s{n % 10}"} for n in range(20)])
        newest = HeardCount.objects.order_by("-minute")[:1].get().minute
        HeardCount.objects.filter(minute=newest).update(minute=newest - minutes)
    before = heard()
    assert len([*minutes_of_ledger.join_old_minutes()]) > 3
    assert heard() == before
    assert [*HeardCount.objects.values_list("minute", "count").distinct()] == [(0, 6)]

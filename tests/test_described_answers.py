"""Every answer is as the description says: a strict client reads each row and each refusal."""

import base64
import datetime as dt
import json
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test import Client

from tests.description import Description
from tests.factory import ALICE, at, store
from usage.access.attempts import counting
from usage.incoming_row import IncomingRow
from usage.models import CollectorState, IngestToken, SuppressedPair, UsageMetric

pytestmark = pytest.mark.django_db
JSON, NDJSON, PROTOBUF = "application/json", "application/x-ndjson", "application/x-protobuf"
METRICS, USAGE, HEALTH = "/_qs/metrics", "/_qs/usage", "/_qs/health"
NOW = "/_qs/metrics/now"
WHOLE_ROW = {
    "timestamp": at("2024-01-15 10:00:00.123456"), "model": "gpt-5", "prompt_tokens": 2**53,
    "completion_tokens": 5, "total_tokens": 2**53, "request_id": "r" * 255, "status": "200",
    "latency_ms": 1.5, "api_key_hash": ALICE, "provider": "p" * 64, "requested_model": "gpt",
    "cached_tokens": 1, "cache_write_tokens": 2, "reasoning_tokens": 3, "ttft_ms": 0.0,
    "cost_usd": 1e-9, "event_id": "e", "source": "s", "response_id": "x", "app": "a",
    "user": "ü", "team": "t", "project": "p", "session": "s", "account": "a",
}  # fmt: skip
CALL = {"id": "1", "call_type": "acompletion", "model": "m", "prompt_tokens": 1,
        "startTime": 1705312800.0, "endTime": 1705312801.0}  # fmt: skip


@pytest.fixture(scope="module")
def description(django_db_setup, django_db_blocker) -> Description:
    with django_db_blocker.unblock():
        return Description(Client().get("/_qs/schema", headers={"Accept": JSON}).json())


@pytest.fixture
def rows():
    """One with everything, one of plain SQL with nothing, and an excluded one."""
    store(WHOLE_ROW, {"provider": "openai", "status": "429"}, {"api_key_hash": "k"})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_metrics (timestamp, model, prompt_tokens, completion_tokens,"
            " total_tokens) VALUES ('2024-01-15 11:00:00', 'm', NULL, NULL, NULL)"
        )
    UsageMetric.objects.filter(status="429").update(excluded_as=UsageMetric.Exclusion.DUPLICATE)


def get(client, path, query="", **headers):
    return client.get(f"{path}?{query}", headers=headers)


QUESTIONS = [
    "",
    "group_by=provider&limit=1",
    "group_by=status&limit=1",
    "group_by=api_key,model&limit=1&order_by=cost",
    "group_by=model,status&not_status=200&provider=",
    "group_by=model,model",
    "percentiles=true&fill=true&from=2024-01-15&to=2024-01-16",
    "series_by=provider&top=1&interval=day&fill=true&range=24h",
    "by=status&top=1&step=week&measure=cost&lang=de",
    "group_by=api_key&limit=1&interval=day&tz=Asia/Kathmandu",
    "compare=previous&from=2024-01-15&to=2024-01-16&fill=true",
    "model=nobody",
    "from=1999-01-01&to=2000-01-01&interval=month",
    "interval=minute",
    "limit=0",
    "nothing=1",
]


@pytest.mark.parametrize("query", QUESTIONS)
@pytest.mark.parametrize("is_empty", [False, True], ids=["rows", "empty"])
def test_every_question_is_answered_as_described(client, description, request, query, is_empty):
    if not is_empty:
        request.getfixturevalue("rows")
    answer = get(client, METRICS, query)
    assert answer.status_code in (200, 400)
    assert description.faults("get", METRICS, answer) == []


def test_sums_past_64_bits_are_answered_as_described(client, description):
    store(*[{"total_tokens": 2**53}] * 1100)
    answer = get(client, METRICS)
    assert answer.json()["totals"]["tokens"] == 1100 * 2**53 > 2**63
    assert description.faults("get", METRICS, answer) == []


def test_a_long_series_in_pieces_is_described_too(client, description):
    store({"timestamp": at("2001-01-01 00:00")}, {"timestamp": at("2024-01-01 00:00")})
    answer = get(client, METRICS)
    assert answer.status_code == 200
    assert description.faults("get", METRICS, answer) == []


@pytest.mark.parametrize(
    "query",
    ["with_excluded=true", "limit=1", "format=csv", "format=ndjson", "format=xlsx", "cursor=x"],
)
def test_rows_of_all_and_of_nulls_are_as_described(client, description, rows, query):
    assert description.faults("get", USAGE, get(client, USAGE, query)) == []


def test_each_line_of_an_export_is_a_row_as_described(client, description, rows):
    lines = b"".join(get(client, USAGE, "format=ndjson&with_excluded=true")).splitlines()
    assert len(lines) == 4
    row = description.schema("UsageRow")
    assert [fault for line in lines for fault in description.invalid(row, json.loads(line))] == []


def test_what_is_heard_of_sources_is_told_as_described(client, description):
    for body in ({"model": "m"}, {"model": "m", "source": "s"}, {"model": 5}):
        sent(client, USAGE, body)
    sent(client, "/v1/metrics", {})
    for query in ("", "limit=1", "limit=0", "nothing=1"):
        assert description.faults("get", NOW, get(client, NOW, query)) == []


def sent(client, path, body: Any, kind=JSON, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data, content_type=kind, headers=headers)


POSTS = [
    (USAGE, {"model": "m"}, JSON, 201),
    (USAGE, b'{"model":"m"}\n{"model":"n"}', NDJSON, 201),
    (f"{USAGE}?partial=true", [{"model": "m"}, {"model": 5}, 7], JSON, 201),
    (f"{USAGE}?partial=perhaps", {"model": "m"}, JSON, 400),
    (USAGE, [{"model": 5}, 7], JSON, 400),
    (USAGE, b"", JSON, 400),
    (USAGE, b"{", JSON, 400),
    (USAGE, b"x", "text/plain", 415),
    ("/_qs/litellm", [CALL, {**CALL, "id": "2", "endTime": "soon"}], JSON, 201),
    ("/_qs/litellm", [5], JSON, 400),
    ("/_qs/litellm", b"x", "text/plain", 415),
    *((path, {}, JSON, 200) for path in ("/v1/traces", "/v1/metrics", "/v1/logs")),
    *((path, b"[]", JSON, 400) for path in ("/v1/traces", "/api/public/otel/v1/traces")),
    *((path, b"\xff", PROTOBUF, 400) for path in ("/v1/traces", "/api/public/otel/v1/traces")),
    ("/v1/traces", b"x", "text/plain", 415),
]


@pytest.mark.parametrize(("path", "body", "kind", "status"), POSTS)
def test_every_post_is_answered_as_described(client, description, path, body, kind, status):
    answer = sent(client, path, body, kind)
    assert answer.status_code == status
    assert description.faults("post", path.partition("?")[0], answer) == []


def test_resent_and_reused_keys_are_answered_as_described(client, description):
    answers = [
        sent(client, USAGE, body, **{"Idempotency-Key": "k"})
        for body in ({"model": "m"}, {"model": "m"}, {"model": "n"})
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert [description.faults("post", USAGE, answer) for answer in answers] == [[], [], []]


def each_operation(client, description, **headers):
    """How each is answered, and what is not described of it."""
    found = {}
    for method, path in description.operations():
        answer = (
            client.get(path, headers=headers)
            if method == "get"
            else sent(client, path, {}, **headers)
        )
        found[method, path] = answer.status_code, description.faults(method, path, answer)
    return found


def test_whoever_may_not_is_told_as_described(client, description, settings):
    settings.METRICS_BASIC_AUTH_USER, settings.METRICS_BASIC_AUTH_PASS = "reader", "open sesame"
    IngestToken.objects.issue("proxy")
    found = each_operation(client, description)
    assert found.pop(("get", HEALTH))[1] == []
    assert set(map(str, found.values())) == {"(401, [])"}


def test_who_guesses_is_told_as_described(client, description, settings):
    settings.METRICS_BASIC_AUTH_USER, settings.METRICS_BASIC_AUTH_PASS = "reader", "open sesame"
    pair = base64.b64encode(b"reader:close sesame").decode()
    while get(client, METRICS, Authorization=f"Basic {pair}").status_code == 401:
        pass
    found = each_operation(client, description, Authorization=f"Basic {pair}")
    counting.forget()
    assert found.pop(("get", HEALTH))[1] == []
    assert set(map(str, found.values())) == {"(429, [])"}


def test_disabled_metrics_are_told_as_described(client, description, settings):
    settings.METRICS_ENABLED = settings.USAGE_STATISTICS_ENABLED = False
    found = each_operation(client, description)
    assert [faults for _, faults in found.values() if faults] == []
    stores = ("/_qs/usage", "/_qs/litellm", "/v1/traces", "/api/public/otel/v1/traces")
    assert {found["post", path][0] for path in stores} == {503}


def test_a_database_in_trouble_is_told_as_described(client, description):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_metrics RENAME TO elsewhere")
    for path in (METRICS, USAGE):
        answer = get(client, path)
        assert (answer.status_code, description.faults("get", path, answer)) == (503, [])


def test_an_accept_header_that_cannot_be_met_is_told_as_described(client, description):
    for path in (METRICS, USAGE):
        answer = get(client, path, Accept="image/png")
        assert (answer.status_code, description.faults("get", path, answer)) == (406, [])


@pytest.mark.django_db(transaction=True)  # the probe has a connection of its own
def test_health_is_as_described_with_all_that_it_may_tell(client, description, settings):
    assert description.faults("get", HEALTH, client.get(HEALTH)) == []
    settings.METRICS_CLIPROXY = [type("Proxy", (), {"name": "p"}), type("Proxy", (), {"name": "q"})]
    settings.METRICS_SOURCE_PRIORITY = ["a", "b"]
    now = dt.datetime.now(dt.UTC)
    CollectorState.objects.create(name="p", url="u", state="collecting", last_record_at=now)
    CollectorState.objects.create(name="q", url="u")
    SuppressedPair.objects.create(counted_source="a", suppressed_source="b", calls=1, last_at=now)
    answer = client.get(HEALTH)
    assert len(answer.json()["collectors"]) == 2
    assert description.faults("get", HEALTH, answer) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_rollups RENAME TO elsewhere")
    try:
        answer = client.get(HEALTH)
        assert (answer.status_code, description.faults("get", HEALTH, answer)) == (503, [])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO usage_rollups")


def test_what_the_description_takes_for_a_row_is_stored(client, description):
    """With everything, with nothing and with nulls; and its bounds are those of the portal."""
    row = description.schema("IncomingRow")
    whole = json.loads(msgspec.json.encode(WHOLE_ROW))
    nulls = {name: None for name in IncomingRow.__struct_fields__ if name != "api_key"}
    for value in (whole, {"model": "m"}, nulls | {"model": "m"}):
        assert description.invalid(row, value) == []
        assert sent(client, USAGE, value).status_code == 201
    for name, value in (
        ("model", ""), ("model", "m" * 256), ("prompt_tokens", -1), ("total_tokens", 2**53 + 1),
        ("status", "s" * 33), ("status", 1000), ("provider", "p" * 65), ("latency_ms", -1),
        ("cost_usd", 2e9), ("cached_tokens", 0.5), ("user", "u" * 256), ("model", None),
    ):  # fmt: skip
        assert description.invalid(row, {"model": "m", name: value}) != [], name
        assert sent(client, USAGE, {"model": "m", name: value}).status_code == 400, name

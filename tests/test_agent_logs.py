"""`POST /v1/logs`: the calls that coding agents tell in events, and nothing else that they say."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tests.captures import Capture
from tests.otlp import START, as_json, log, logs, logs_as_protobuf
from tests.serving import serving
from tests.test_captures import send
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

JSON, PROTOBUF = "application/json", "application/x-protobuf"
ENCODERS = {JSON: as_json, PROTOBUF: logs_as_protobuf}
CAPTURES = sorted((Path(__file__).parent / "data" / "agents").glob("*/*_v1_logs.body"))
CANARY = "SECRET PROMPT TEXT"
CLAUDE, CODEX = "com.anthropic.claude_code.events", "codex_otel.log_only"
# What OTEL_RESOURCE_ATTRIBUTES says of everybody.
RESOURCE = {"service.name": "agent", "team.id": "platform", "process.command_args": CANARY}

ANSWERED = {
    "event.name": "api_request",
    "model": "claude-sonnet-4-5",
    "input_tokens": 12,
    "output_tokens": 45,
    "cache_read_tokens": 2000,
    "cache_creation_tokens": 300,
    "cost_usd": 0.002436,
    "duration_ms": 97,
    "ttft_ms": 65,
    "request_id": "req_1",
    "session.id": "s-1",
    "user.id": "installation",
    "user.email": "ann@example.com",
    "vcs.repository.name": "shop",
    "prompt": CANARY,
}
ROW = {
    "source": "claude-code",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "prompt_tokens": 2312,
    "completion_tokens": 45,
    "total_tokens": 2357,
    "cached_tokens": 2000,
    "cache_write_tokens": 300,
    "cost_usd": 0.002436,
    "latency_ms": 97.0,
    "ttft_ms": 65.0,
    "status": "200",
    "response_id": "req_1",
    "session": "s-1",
    "user": "ann@example.com",
    "team": "platform",
    "project": "shop",
    "app": "agent",
}
COMPLETED = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "input_token_count": "2120",
    "output_token_count": "65",
    "cached_token_count": 2000,
    "reasoning_token_count": 20,
    "tool_token_count": "2185",
    "model": "gpt-5.1",
    "conversation.id": "c-1",
}
RESPONSE = {
    "model": "gemini-2.5-flash",
    "status_code": 200,
    "duration_ms": 97,
    "input_token_count": 2120,
    "output_token_count": 45,
    "cached_content_token_count": 2000,
    "thoughts_token_count": 20,
    "prompt_id": "p-1",
}


def deliver(client: Any, of: dict[str, Any], media_type: str = JSON) -> bytes:
    answer = client.post(
        "/v1/logs", ENCODERS[media_type](of), content_type=media_type, CONTENT_TYPE=media_type
    )
    assert answer.status_code == 200, answer.content
    return answer.content


def stored(*fields: str) -> list[dict[str, Any]]:
    return list(UsageMetric.objects.order_by("timestamp", "id").values(*fields))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_what_an_agent_was_seen_to_send_becomes_its_rows(client, path: Path, media_type: str):
    of = json.loads(path.read_bytes())
    expected = json.loads((path.parent / "expected.json").read_bytes())["fields"]
    for _ in range(2):
        assert deliver(client, of, media_type) in (b"{}", b"")
    assert stored(*expected[0]) == expected


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_a_row_says_who_asked_and_where(client, media_type):
    deliver(client, logs(log(ANSWERED), scope=CLAUDE, resource=RESOURCE), media_type)
    assert stored(*ROW) == [ROW]


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_figures_may_be_text(client, media_type):
    as_text = {name: str(value) for name, value in ANSWERED.items()}
    deliver(client, logs(log(as_text), scope=CLAUDE, resource=RESOURCE), media_type)
    assert stored(*ROW) == [ROW]


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        (CLAUDE, {}),
        ("renamed", {"body": {"stringValue": "claude_code.api_request"}}),
        ("renamed", {"eventName": "claude_code.api_request"}),
    ],
)
def test_an_event_is_known_by_any_of_its_names(client, media_type, scope, fields):
    deliver(client, logs(log(ANSWERED, **fields), scope=scope, resource=RESOURCE), media_type)
    assert stored(*ROW) == [ROW]


def test_all_copies_of_an_event_are_one_row(client):
    """Agents without ids of calls too; the two encodings tell one event alike."""
    for of in (
        logs(log(ANSWERED), scope=CLAUDE),
        logs(log(COMPLETED), scope=CODEX),
        logs(log(RESPONSE | {"event.name": "gemini_cli.api_response"}), scope="gemini-cli"),
    ):
        for media_type in (JSON, PROTOBUF, JSON):
            deliver(client, of, media_type)
    assert sorted(row["source"] for row in stored("source")) == [
        "claude-code",
        "codex",
        "gemini-cli",
    ]


# Agent's events: scope, attributes, and of the row what is worth a look; None: no call.
EVENTS: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    (
        CLAUDE,
        {"event.name": "api_error", "model": "m", "status_code": "429", "duration_ms": "5"},
        {"status": "429", "total_tokens": 0, "latency_ms": 5.0, "provider": "anthropic"},
    ),
    (CLAUDE, {"event.name": "api_error", "model": "m", "error": CANARY}, {"status": "500"}),
    (CLAUDE, {"event.name": "api_request"}, {"model": "unknown", "prompt_tokens": 0}),
    (
        CLAUDE,
        ANSWERED | {"anthropic.provider": "bedrock", "user.email": ""},
        {"provider": "aws.bedrock", "user": "installation"},
    ),
    (CLAUDE, {"event.name": "user_prompt", "prompt": "api_request"}, None),
    (CLAUDE, {"event.name": "api_retries_exhausted", "model": "m"}, None),
    (CLAUDE, {"event.name": "assistant_response", "model": "m", "response": "api_error"}, None),
    (
        CODEX,
        COMPLETED,
        {
            "source": "codex",
            "prompt_tokens": 2120,
            "completion_tokens": 65,
            "total_tokens": 2185,
            "cached_tokens": 2000,
            "reasoning_tokens": 20,
            "session": "c-1",
        },
    ),
    (CODEX, {"event.name": "codex.sse_event", "event.kind": "response.completed"}, None),
    (CODEX, {"event.name": "codex.sse_event", "event.kind": "response.created"}, None),
    (
        CODEX,
        {"event.name": "codex.sse_event", "event.kind": "response.failed", "error.message": CANARY},
        {"status": "500", "model": "unknown"},
    ),
    (
        CODEX,
        {
            "event.name": "codex.sse_event",
            "event.kind": "response.output_item.done",
            "error.message": "failed to parse",
        },
        None,
    ),
    (CODEX, {"event.name": "codex.sse_event", "error.message": "idle timeout"}, {"status": "500"}),
    (CODEX, {"event.name": "codex.api_request", "http.response.status_code": 200}, None),
    (
        CODEX,
        {"event.name": "codex.api_request", "http.response.status_code": 429, "model": "m"},
        {"status": "429", "model": "m"},
    ),
    (
        CODEX,
        {"event.name": "codex.websocket_connect", "http.response.status_code": 503},
        {"status": "503"},
    ),
    (CODEX, {"event.name": "codex.websocket_request", "error.message": "gone"}, {"status": "500"}),
    (CODEX, {"event.name": "codex.websocket_request", "success": "true"}, None),
    (CODEX, {"event.name": "codex.tool_result", "output": "codex.api_request"}, None),
    (
        "gemini-cli",
        RESPONSE | {"event.name": "gemini_cli.api_response", "total_token_count": 2185},
        {"completion_tokens": 65, "reasoning_tokens": 20, "total_tokens": 2185},
    ),
    (
        "",
        RESPONSE | {"event.name": "qwen-code.api_response", "response_id": "r-1"},
        {
            "source": "qwen-code",
            "completion_tokens": 45,
            "reasoning_tokens": 20,
            "total_tokens": 2165,
            "response_id": "r-1",
        },
    ),
    (
        "qwen-code",
        RESPONSE | {"event.name": "qwen-code.api_response", "total_token_count": 2185},
        {"completion_tokens": 65, "total_tokens": 2185},
    ),
    (
        "gemini-cli",
        {"event.name": "gemini_cli.api_error", "model": "m", "error.type": "RateLimitError"},
        {"status": "429", "source": "gemini-cli", "provider": "google"},
    ),
    (
        "qwen-code",
        {"event.name": "qwen-code.api_error", "model": "m", "status_code": 503},
        {"status": "503", "source": "qwen-code"},
    ),
    ("gemini-cli", RESPONSE | {"event.name": "gemini_cli.api_request"}, None),
    (
        "iflow",
        RESPONSE | {"event.name": "iflow_cli.api_response", "total_token_count": 2185},
        {"source": "iflow-cli", "completion_tokens": 65, "model": "gemini-2.5-flash"},
    ),
    ("a shop", {"event.name": "orders.api_response", "status_code": 200}, None),
    ("a shop", {"event.name": "orders.api_error", "error": CANARY}, None),
    ("", {"event.name": "api_request", "model": "of somebody else"}, None),
    (
        "gemini-cli",
        {
            "event.name": "gen_ai.client.inference.operation.details",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.system_instructions": "api_response " + CANARY,
        },
        None,
    ),
]


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
@pytest.mark.parametrize(("scope", "attributes", "row"), EVENTS)
def test_an_event_is_a_call_or_it_is_none(client, scope, attributes, row, media_type):
    assert deliver(client, logs(log(attributes), scope=scope), media_type) in (b"{}", b"")
    if row is None:
        assert stored("model") == []
    else:
        assert stored(*row) == [row]


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("fields", "second"),
    [
        ({}, 0),
        ({"timeUnixNano": "0", "observedTimeUnixNano": str(START + 10**9)}, 1),
        ({"timeUnixNano": "0"}, 2),
    ],
)
def test_the_time_is_the_first_that_is_told(client, media_type, fields, second):
    attributes = COMPLETED | {"event.timestamp": "2024-01-15T12:00:02Z"}
    deliver(client, logs(log(attributes, **fields), scope=CODEX), media_type)
    (row,) = stored("timestamp")
    assert row["timestamp"].isoformat() == f"2024-01-15T12:00:0{second}+00:00"


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_no_optional_field_costs_a_row(client, media_type):
    odd = {
        "session.id": "s" * 5000,
        "user.email": "u" * 5000,
        "team.id": "two\nlines",
        "cost_usd": float("nan"),
        "duration_ms": "soon",
        "ttft_ms": -4,
        "model": "m" * 400,
        "request_id": "r" * 400,
        "output_tokens": "many",
    }
    deliver(client, logs(log(ANSWERED | odd), scope=CLAUDE), media_type)
    (row,) = stored("model", "session", "user", "team", "cost_source", "latency_ms", "total_tokens")
    assert row.pop("session").startswith("sha256:")
    assert row == {
        "model": "m" * 255,
        "user": "u" * 255,
        "team": "two lines",
        "cost_source": None,
        "latency_ms": None,
        "total_tokens": 2312,
    }


def test_what_cannot_be_stored_is_told_and_the_rest_is_stored(client):
    too_many = log(ANSWERED | {"input_tokens": 2**60}, timeUnixNano=str(START + 1))
    of = logs(too_many, log(ANSWERED), scope=CLAUDE)
    as_text = json.loads(deliver(client, of))["partialSuccess"]
    assert as_text["rejectedLogRecords"] == "1"
    assert "prompt_tokens: must be a whole number" in as_text["errorMessage"]
    partial = ExportLogsServiceResponse.FromString(deliver(client, of, PROTOBUF)).partial_success
    assert partial.rejected_log_records == 1
    assert partial.error_message == as_text["errorMessage"]
    assert len(stored("model")) == 1


def test_a_broken_record_costs_no_other(client):
    broken = {"timeUnixNano": [], "attributes": "api_request"}
    answer = json.loads(deliver(client, logs(broken, log(ANSWERED), scope=CLAUDE)))
    assert answer["partialSuccess"]["rejectedLogRecords"] == "1"
    assert len(stored("model")) == 1


@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_gzip_is_understood(client, media_type):
    body = gzip.compress(ENCODERS[media_type](logs(log(ANSWERED), scope=CLAUDE)))
    answer = client.post("/v1/logs", body, content_type=media_type, HTTP_CONTENT_ENCODING="gzip")
    assert (answer.status_code, len(stored("model"))) == (200, 1)


def test_nothing_is_taken_while_metrics_are_disabled(client, settings):
    settings.USAGE_STATISTICS_ENABLED = False
    answer = client.post("/v1/logs", as_json(logs()), content_type=JSON)
    assert (answer.status_code, "Retry-After" in answer) == (503, True)


def test_agents_send_chunked_and_gzipped_and_no_prompt_is_kept(tmp_path):
    """All that three agents were seen to send, over a socket, in each of the ways."""
    folders = sorted(path.parent for path in CAPTURES)
    with serving(tmp_path) as portal:
        for headers in ({}, {"transfer-encoding": "chunked"}, {"content-encoding": "gzip"}):
            for body in (each for folder in folders for each in sorted(folder.glob("*.body"))):
                data = body.read_bytes()
                sent = gzip.compress(data) if "content-encoding" in headers else data
                path = "/" + body.name[4:-5].replace("_", "/")
                capture = Capture(body.name, path, {"content-type": JSON, **headers}, sent, [])
                assert send(portal, capture) == (200, b"{}")
        rows = portal.request("GET", "/_qs/usage").json()["usage"]
    assert sorted(row["source"] for row in rows) == ["claude-code", "codex", "gemini-cli"]
    kept = [each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()]
    assert not any(CANARY.encode() in each for each in (*kept, portal.output.encode()))

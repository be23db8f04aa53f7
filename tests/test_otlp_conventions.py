"""Every convention of telling a model call, and what is told beside it that is none."""

from typing import Any

import pytest

from tests.otlp import SECOND, START, as_json, as_protobuf, request, span
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

MILLISECOND = 1_000_000
MODEL = {"gen_ai.request.model": "gpt-5"}
ASKED = {"gen_ai.operation.name": "chat", **MODEL}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "current OpenTelemetry": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude",
            "gen_ai.response.model": "claude-5",
            "gen_ai.response.id": "msg_1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_creation.input_tokens": 30,
            "gen_ai.usage.reasoning.output_tokens": 5,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "user.id": "ann",
        },
        {
            "model": "claude-5",
            "requested_model": "claude",
            "provider": "anthropic",
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "cached_tokens": 60,
            "cache_write_tokens": 30,
            "reasoning_tokens": 5,
            "ttft_ms": 250.0,
            "response_id": "msg_1",
            "user": "ann",
            "latency_ms": 2000.0,
            "status": "200",
            "cost_usd": None,
        },
    ),
    "OpenTelemetry 1.27": (
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.usage.cache_creation_input_tokens": 1,
        },
        {
            "provider": "openai",
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "cached_tokens": 4,
            "cache_write_tokens": 1,
        },
    ),
    "the first OpenTelemetry, Traceloop": (
        {
            "gen_ai.system": "OpenAI",
            "llm.request.type": "chat",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.usage.prompt_tokens": 7,
            "gen_ai.usage.completion_tokens": 3,
            "llm.usage.total_tokens": 11,
            "gen_ai.usage.reasoning_tokens": 2,
        },
        {
            "provider": "OpenAI",
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 11,
            "reasoning_tokens": 2,
        },
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-5",
            "llm.provider": "openai",
            "llm.token_count.prompt": 9,
            "llm.token_count.completion": 2,
            "llm.token_count.prompt_details.cache_read": 8,
            "llm.token_count.prompt_details.cache_write": 1,
            "llm.token_count.completion_details.reasoning": 2,
            "llm.cost.total": 0.5,
        },
        {
            "model": "gpt-5",
            "provider": "openai",
            "prompt_tokens": 9,
            "cached_tokens": 8,
            "cache_write_tokens": 1,
            "reasoning_tokens": 2,
            "cost_usd": 0.5,
        },
    ),
    "OpenInference's embeddings": (
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "embed-3",
            "llm.token_count.prompt": 9,
        },
        {"model": "embed-3", "prompt_tokens": 9, "completion_tokens": 0},
    ),
    "OpenLIT": (
        {**ASKED, "gen_ai.server.time_to_first_token": 0.0135, "gen_ai.usage.cost": 0},
        {"model": "gpt-5", "ttft_ms": 13.5, "cost_usd": None},
    ),
    "Vercel AI SDK": (
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.id": "gpt-5",
            "ai.model.provider": "openai.responses",
            "ai.response.model": "gpt-5-2026",
            "ai.response.id": "resp_1",
            "ai.response.msToFirstChunk": 120.5,
            "ai.usage.promptTokens": 7,
            "ai.usage.completionTokens": 3,
            "ai.usage.cachedInputTokens": 6,
            "ai.usage.reasoningTokens": 1,
        },
        {
            "model": "gpt-5-2026",
            "requested_model": "gpt-5",
            "provider": "openai",
            "response_id": "resp_1",
            "ttft_ms": 120.5,
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "cached_tokens": 6,
            "reasoning_tokens": 1,
        },
    ),
    "Vercel AI SDK's embeddings": (
        {"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "embed-3", "ai.usage.tokens": 12},
        {"model": "embed-3", "prompt_tokens": 12},
    ),
    "Langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-5",
            "langfuse.observation.usage_details": '{"input": 10, "output": 4, "total": 14, '
            '"input_cached_tokens": 3, "output_reasoning_tokens": 2}',
            "langfuse.observation.cost_details": '{"input": 0.1, "total": 0.25}',
            "langfuse.observation.completion_start_time": '"2024-01-15T12:00:00.500Z"',
            "langfuse.user.id": "bob",
        },
        {
            "model": "gpt-5",
            "prompt_tokens": 10,
            "completion_tokens": 4,
            "total_tokens": 14,
            "cached_tokens": 3,
            "reasoning_tokens": 2,
            "cost_usd": 0.25,
            "ttft_ms": 500.0,
            "user": "bob",
        },
    ),
    "LiteLLM": (
        {
            "gen_ai.system": "azure",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2026",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.output_tokens": 6,
            "gen_ai.cost.total_cost": 0.002,
            "metadata.user_api_key_hash": "ab" * 32,
        },
        {"provider": "azure", "cost_usd": 0.002, "api_key_hash": "ab" * 32},
    ),
    "OpenRouter": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openrouter",
            "gen_ai.request.model": "openai/gpt-5",
            "gen_ai.response.model": "openai/gpt-5-2026",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.output_tokens": 6,
            "gen_ai.usage.input_tokens.cached": 4,
            "gen_ai.usage.output_tokens.reasoning": 1,
            "gen_ai.usage.total_cost": 0.003,
        },
        {
            "model": "openai/gpt-5-2026",
            "cached_tokens": 4,
            "reasoning_tokens": 1,
            "cost_usd": 0.003,
        },
    ),
    "numbers as text and as fractions": (
        {**MODEL, "gen_ai.usage.input_tokens": "12", "gen_ai.usage.output_tokens": 3.0},
        {"prompt_tokens": 12, "completion_tokens": 3},
    ),
    "a model in the settings alone": (
        {"openinference.span.kind": "LLM", "llm.invocation_parameters": '{"model": "gpt-5"}'},
        {"model": "gpt-5", "requested_model": None},
    ),
}


@pytest.mark.parametrize("encode", [as_json, as_protobuf])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_understood(client, name: str, encode: Any):
    attributes, expected = CALLS[name]
    post(client, encode, span(attributes))
    row = UsageMetric.objects.values().get()
    assert {name: row[name] for name in expected} == expected


NO_CALLS: dict[str, dict[str, Any]] = {
    "a bare HTTP span": {"http.request.method": "POST", "http.response.status_code": 200},
    "a model's name on a database's span": {"db.system": "redis", **MODEL},
    "a model's name on a failed request": {
        "http.request.method": "POST",
        "error.type": "x",
        **MODEL,
    },
    "a span that was a log record": {"event.name": "qwen-code.api_response", **ASKED},
    "an OpenInference chain": {"openinference.span.kind": "CHAIN", "llm.model_name": "gpt-5"},
    "a Langfuse span": {"langfuse.observation.type": "span", **MODEL},
    "a Vercel parent": {"ai.operationId": "ai.generateText", "ai.model.id": "gpt-5"},
    "a Vercel tool": {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "search"},
    "a Traceloop workflow": {"traceloop.span.kind": "workflow", **MODEL},
    **{
        f"{name} of {kind}": {name: kind, **MODEL, "gen_ai.usage.input_tokens": 5}
        for name, kind in (
            ("openinference.span.kind", "TOKEN_COUNTER"),
            ("openinference.span.kind", "AGENT"),
            ("langsmith.span.kind", "chain"),
            ("langsmith.span.kind", "parser"),
            ("gen_ai.span.kind", "WORKFLOW"),
            ("mlflow.spanType", '"AGENT"'),
            ("sentry.op", "gen_ai.invoke_agent"),
            ("span.type", "interaction"),
        )
    },
    **{
        operation: {"gen_ai.operation.name": operation, **MODEL, "gen_ai.usage.input_tokens": 5}
        for operation in (
            "invoke_agent agent_step create_agent execute_tool invoke_workflow retrieval plan "
            "fetch_response create_memory search_memory delete_memory_store chain tool_call "
            "user_prompt count_tokens"
        ).split()
    },
}


@pytest.mark.parametrize("encode", [as_json, as_protobuf])
@pytest.mark.parametrize("name", NO_CALLS)
def test_what_is_no_call_is_not_counted(client, name: str, encode: Any):
    assert post(client, encode, span(NO_CALLS[name])) in (b"", b"{}")
    assert not UsageMetric.objects.exists()


def test_a_call_that_litellm_tells_twice_is_counted_once(client):
    post(client, as_json, span(ASKED), span(ASKED, name="raw_gen_ai_request", spanId="ab" * 8))
    assert UsageMetric.objects.count() == 1


def test_litellm_names_its_calls(client):
    called = {**ASKED, "litellm.call_id": "call-1"}
    post(client, as_json, span(called), span(called, spanId="ab" * 8))
    assert UsageMetric.objects.count() == 1


BY_KIND = {
    "gen_ai.operation.name": "text_completion embeddings acompletion aresponses rerank Converse",
    "openinference.span.kind": "LLM EMBEDDING RERANKER",
    "langfuse.observation.type": "generation embedding",
    "langsmith.span.kind": "llm",
    "gen_ai.span.kind": "LLM",
    "llm.request.type": "chat completion",
    "mlflow.spanType": '"CHAT_MODEL"',
    "sentry.op": "gen_ai.chat",
    "span.type": "llm_request generation",
    "ai.operationId": "ai.streamText.doStream",
}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kinds in BY_KIND.items() for kind in kinds.split()]
)
def test_a_span_that_says_so_is_a_call_without_usage_too(client, name: str, kind: str):
    post(client, as_json, span({name: kind}))
    assert UsageMetric.objects.values("model", "total_tokens").get() == {
        "model": "unknown",
        "total_tokens": 0,
    }


def test_whom_it_asked_for_what_is_a_call_that_failed(client):
    asked = {"gen_ai.provider.name": "openai", **MODEL}
    post(client, as_json, span(asked), span(asked, spanId="ab" * 8, status={"code": 2}))
    assert UsageMetric.objects.get().status == "500"


def test_gemini_clis_spans_never_count(client):
    call = span({**ASKED, "gen_ai.usage.input_tokens": 5})
    of = request(call, resource={"service.name": "gemini-cli"})
    renamed = request(call)
    renamed["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": "gemini-cli"}
    for each in (of, renamed):
        for encode, media_type in ((as_json, "json"), (as_protobuf, "x-protobuf")):
            body, kind = encode(each), f"application/{media_type}"
            assert client.post("/v1/traces", body, content_type=kind).status_code == 200
    assert not UsageMetric.objects.exists()


STATUSES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "200"),
    ({}, {"status": {"code": 1}}, "200"),
    ({}, {"status": {"code": 2, "message": "Error"}}, "500"),
    ({"http.response.status_code": 529}, {}, "529"),
    ({"http.status_code": "404"}, {"status": {"code": 2}}, "404"),
    ({"error.type": "openai.RateLimitError"}, {"status": {"code": 2}}, "429"),
    ({"error.type": "429"}, {}, "429"),
    ({"error.type": "AuthenticationError"}, {}, "401"),
    ({"error.type": "anthropic.OverloadedError"}, {}, "529"),
    ({"error.type": "somebody.SomeError"}, {}, "500"),
    ({"langfuse.observation.level": "ERROR"}, {}, "500"),
    (
        {},
        {"events": [("exception", START, {"exception.type": "openai.APITimeoutError"})]},
        "408",
    ),
]


@pytest.mark.parametrize(("attributes", "fields", "status"), STATUSES)
def test_the_status_is_the_nearest_that_is_told(client, attributes, fields, status):
    post(client, as_protobuf, span({**ASKED, **attributes}, **fields))
    assert UsageMetric.objects.get().status == status


@pytest.mark.parametrize(
    "event",
    ["First Token Stream Event", "ai.stream.firstChunk", "llm.content.completion.chunk"],
)
def test_the_first_of_the_events_is_the_first_token(client, event):
    events = [(event, START + 700 * MILLISECOND, {}), (event, START + 80 * MILLISECOND, {})]
    post(client, as_json, span(ASKED, events=events))
    assert UsageMetric.objects.get().ttft_ms == 80


def test_times_are_rounded_to_the_microsecond_and_the_tenth(client):
    end = START + SECOND + 936_027_548
    post(client, as_json, span(ASKED, startTimeUnixNano=START, endTimeUnixNano=end))
    row = UsageMetric.objects.get()
    assert (row.timestamp.microsecond, row.latency_ms) == (936_028, 1936.0)


def test_the_service_is_the_app_unless_it_has_no_name(client):
    for name, number in (("shop", "ab"), ("unknown_service:python", "cd"), ("", "ef")):
        body = as_json(request(span(ASKED, spanId=number * 8), resource={"service.name": name}))
        client.post("/v1/traces", body, content_type="application/json")
    assert list(UsageMetric.objects.order_by("id").values_list("app", flat=True)) == [
        "shop",
        None,
        None,
    ]


def post(client: Any, encode: Any, *spans: dict[str, Any]) -> bytes:
    media_type = "application/json" if encode is as_json else "application/x-protobuf"
    answer = client.post("/v1/traces", encode(request(*spans)), content_type=media_type)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == media_type
    return answer.content

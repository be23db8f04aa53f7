"""Each sender's own names, and names that nobody here has seen, become the fields they mean."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.otlp import SECOND, START, as_json, as_protobuf, request, span
from tests.senders import READ
from usage.intake.otlp import calls, conventions, json, loose_names, protobuf
from usage.intake.parsed import ParsedRows
from usage.records import UsageRecord

NOW = dt.datetime(2024, 1, 16, tzinfo=dt.UTC)
MODEL = {"gen_ai.request.model": "m"}
FIGURES = (
    *("prompt_tokens", "completion_tokens", "total_tokens"),
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
)


def read(attributes: dict[str, Any], **fields: Any) -> ParsedRows:
    """What both encodings of one span become, which is the same."""
    resource, scope = fields.pop("resource", None), fields.pop("scope", "")
    posted = request(span(attributes, **fields), resource=resource)
    posted["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": scope}
    found = calls.records_of(json.spans(as_json(posted)), NOW)
    assert found == calls.records_of(protobuf.spans(as_protobuf(posted)), NOW)
    return found


def record(attributes: dict[str, Any], **fields: Any) -> UsageRecord:
    (found,) = read(attributes, **fields).records
    return found


def figures(attributes: dict[str, Any], **fields: Any) -> tuple[int, ...]:
    found = record(MODEL | attributes, **fields)
    return tuple(getattr(found, name) for name in FIGURES)


def test_of_each_alias_it_is_known_whose_it_is():
    named = Counter(name for each in READ for name in each.names.split())
    assert set(named) == conventions.KNOWN_ATTRIBUTES
    assert max(named.values()) == 1
    assert all(each.source and dt.date.fromisoformat(each.on) for each in READ)


ANTHROPIC = (20512, 450, 20962, 18000, 2500, 0)
AI_SDK_5 = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.usage.inputTokens": 100,
    "ai.usage.outputTokens": 20,
    "ai.usage.totalTokens": 120,
    "ai.usage.cachedInputTokens": 50,
}
OTEL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 50,
}
SENDERS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "AI SDK 5 with Anthropic, little cache": (
        {**AI_SDK_5, "ai.model.provider": "anthropic.messages"}, {}, (150, 20, 170, 50, 0, 0),
    ),
    "AI SDK 5 with Anthropic on Vertex": (
        {**AI_SDK_5, "ai.model.provider": "vertex.anthropic.messages"}, {},
        (150, 20, 170, 50, 0, 0),
    ),
    "AI SDK 5 with Bedrock": (
        {**AI_SDK_5, "ai.model.provider": "amazon-bedrock"}, {}, (150, 20, 170, 50, 0, 0),
    ),
    "AI SDK 5 with OpenAI": (
        {**AI_SDK_5, "ai.model.provider": "openai.responses"}, {}, (100, 20, 120, 50, 0, 0),
    ),
    "AI SDK 5 with Google": (
        {**AI_SDK_5, "ai.model.provider": "google.generative-ai", "ai.usage.reasoningTokens": 8,
         "ai.usage.totalTokens": 128}, {}, (100, 28, 128, 50, 0, 8),
    ),
    "AI SDK 6 with Anthropic": (
        {**AI_SDK_5, "ai.model.provider": "anthropic.messages",
         "ai.usage.inputTokenDetails.noCacheTokens": 50}, {}, (100, 20, 120, 50, 0, 0),
    ),
    "AI SDK 4 with Anthropic": (
        {"ai.operationId": "ai.streamText.doStream", "ai.model.provider": "anthropic.messages",
         "ai.usage.promptTokens": 12, "ai.usage.completionTokens": 450,
         "ai.response.providerMetadata": '{"anthropic": {"cacheCreationInputTokens": 2500, '
         '"cacheReadInputTokens": 18000}}'}, {}, ANTHROPIC,
    ),
    "AI SDK 5 with Bedrock's metadata": (
        {"ai.operationId": "ai.streamText.doStream", "ai.model.provider": "amazon-bedrock",
         "ai.usage.inputTokens": 12, "ai.usage.outputTokens": 450, "ai.usage.totalTokens": 20962,
         "ai.response.providerMetadata": '{"bedrock": {"usage": {"cacheReadInputTokens": 18000, '
         '"cacheWriteInputTokens": 2500}, "trace": {"a": [1]}}}'}, {}, ANTHROPIC,
    ),
    "OpenTelemetry": (OTEL, {}, (100, 20, 120, 50, 0, 0)),
    "OpenTelemetry of Anthropic": (
        OTEL | {"gen_ai.provider.name": "anthropic"}, {"scope": "anything"},
        (100, 20, 120, 50, 0, 0),
    ),
    "OpenLLMetry's Bedrock": (
        OTEL, {"scope": "opentelemetry.instrumentation.bedrock"}, (150, 20, 170, 50, 0, 0),
    ),
    "OpenLLMetry's Anthropic": (
        OTEL | {"gen_ai.provider.name": "anthropic"},
        {"scope": "opentelemetry.instrumentation.anthropic"}, (100, 20, 120, 50, 0, 0),
    ),
    "botocore": (
        OTEL | {"gen_ai.system": "aws.bedrock"},
        {"scope": "opentelemetry.instrumentation.botocore.bedrock-runtime"},
        (150, 20, 170, 50, 0, 0),
    ),
    "OpenLIT's Anthropic": (
        OTEL | {"gen_ai.provider.name": "anthropic", "gen_ai.client.token.usage": 120},
        {"resource": {"telemetry.sdk.name": "openlit"}}, (150, 20, 170, 50, 0, 0),
    ),
    "OpenLIT's OpenAI": (
        OTEL | {"gen_ai.provider.name": "openai", "gen_ai.client.token.usage": 120},
        {"resource": {"telemetry.sdk.name": "openlit"}}, (100, 20, 120, 50, 0, 0),
    ),
    "OpenLIT's Google": (
        OTEL | {"gen_ai.provider.name": "gcp.gemini", "gen_ai.client.token.usage": 120,
                "gen_ai.usage.reasoning_tokens": 8, "telemetry.sdk.name": "openlit"},
        {}, (100, 28, 128, 50, 0, 8),
    ),
    "Spring AI's Anthropic": (
        OTEL | {"gen_ai.system": "anthropic", "gen_ai.usage.total_tokens": 120},
        {"scope": "org.springframework.boot"}, (150, 20, 170, 50, 0, 0),
    ),
    "Pydantic AI": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 20512,
         "gen_ai.usage.output_tokens": 450, "gen_ai.usage.details.input_tokens": 12,
         "gen_ai.usage.details.cache_read_input_tokens": 18000,
         "gen_ai.usage.details.cache_creation_input_tokens": 2500,
         "gen_ai.aggregated_usage.input_tokens": 999_999}, {}, ANTHROPIC,
    ),
    "rig": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10,
         "gen_ai.usage.output_tokens": 9, "gen_ai.usage.tool_use_prompt_tokens": 77,
         "gen_ai.usage.reasoning_tokens": 3}, {}, (10, 9, 19, 0, 0, 3),
    ),
    ".NET Extensions AI": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10,
         "gen_ai.usage.output_tokens": 9, "gen_ai.usage.input_text_tokens": 4,
         "gen_ai.usage.input_audio_tokens": 6, "gen_ai.usage.output_audio_tokens": 5},
        {}, (10, 9, 19, 0, 0, 0),
    ),
    ".NET Extensions AI, older": (
        {"gen_ai.operation.name": "chat", "gen_ai.response.input_tokens": 10,
         "gen_ai.response.output_tokens": 9, "gen_ai.usage.input_tokens": 10,
         "gen_ai.usage.output_tokens": 9}, {}, (10, 9, 19, 0, 0, 0),
    ),
    "OpenRouter": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 20512,
         "gen_ai.usage.output_tokens": 450, "gen_ai.usage.total_tokens": 20962,
         "gen_ai.usage.input_tokens.cached": 18000,
         "gen_ai.usage.input_tokens.cache_write_5m": 2000,
         "gen_ai.usage.input_tokens.cache_write_1h": 500}, {}, ANTHROPIC,
    ),
    "LangSmith's usage in a text alone": (
        {"langsmith.span.kind": "llm", "langsmith.usage_metadata": '{"input_tokens": 20512, '
         '"output_tokens": 450, "total_tokens": 20962, "total_cost": 0.5, '
         '"input_token_details": {"cache_read": 18000, "cache_creation": 2500}, '
         '"output_token_details": {"reasoning": 64}}'}, {}, (20512, 450, 20962, 18000, 2500, 64),
    ),
    "Langfuse with OpenAI's object": (
        {"langfuse.observation.type": "generation", "langfuse.observation.usage_details":
         '{"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, '
         '"prompt_tokens_details": {"cached_tokens": 50, "audio_tokens": 7}, '
         '"completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 3}}'},
        {}, (100, 20, 120, 50, 0, 8),
    ),
    "Langfuse with the object of OpenAI's responses": (
        {"langfuse.observation.type": "generation", "langfuse.observation.usage_details":
         '{"input_tokens": 100, "output_tokens": 20, "total_tokens": 120, '
         '"input_tokens_details": {"cached_tokens": 50}, '
         '"output_tokens_details": {"reasoning_tokens": 8}}'}, {}, (100, 20, 120, 50, 0, 8),
    ),
    "Langfuse's buckets without a total": (
        {"langfuse.observation.type": "generation", "langfuse.observation.usage_details":
         '{"input": 100, "output": 12, "input_cached_tokens": 50, "output_reasoning_tokens": 8}'},
        {}, (150, 20, 170, 50, 0, 8),
    ),
    "Langfuse with Anthropic's object": (
        {"langfuse.observation.type": "generation", "langfuse.observation.usage_details":
         '{"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 50, '
         '"cache_creation_input_tokens": 10}'}, {}, (160, 20, 180, 50, 10, 0),
    ),
    "a sender that nobody here has seen": (
        {"acme.usage.input_tokens": 20512, "acme.usage.completionTokens": "450",
         "acme.usage.input-tokens.cache.read": 18000, "acme.usage.cacheCreationTokens": 2500.0,
         "acme.usage.thinking_tokens": 64, "acme.request.max_token_count": 4096,
         "acme.usage.audio_tokens": 5}, {}, (20512, 450, 20962, 18000, 2500, 64),
    ),
    "token counts that nobody here has seen": (
        {"zed.prompt_token_count": 100, "zed.candidatesTokenCount": 12,
         "zed.thoughts_token_count": 8, "zed.cached_content_token_count": 50,
         "zed.tool_use_prompt_token_count": 3,
         "zed.total_token_count": 120}, {}, (100, 20, 120, 50, 0, 8),
    ),
    "a usage object that nobody here has seen": (
        {"acme.usage": "{'prompt_tokens': 100, 'completion_tokens': 20, "
         "'prompt_cache_hit_tokens': 50, 'prompt_cache_miss_tokens': 50}"}, {},
        (100, 20, 120, 50, 0, 0),
    ),
    "Mastra": (
        {"gen_ai.operation.name": "chat", "mastra.span.type": "model_generation",
         "gen_ai.usage.input_tokens": 20512, "gen_ai.usage.output_tokens": 450,
         "gen_ai.usage.reasoning_tokens": 64, "gen_ai.usage.cache_read.input_tokens": 18000,
         "gen_ai.usage.cache_creation.input_tokens": 2500, "gen_ai.usage.audio_input_tokens": 3},
        {}, (20512, 450, 20962, 18000, 2500, 64),
    ),
    "Semantic Kernel": (
        {"gen_ai.operation.name": "chat.completions", "gen_ai.system": "openai",
         "gen_ai.request.max_token": 500, "gen_ai.response.prompt_tokens": 100,
         "gen_ai.response.completion_tokens": 20, "gen_ai.response.id": "N/A"},
        {}, (100, 20, 120, 0, 0, 0),
    ),
    "Semantic Kernel that was told nothing": (
        {"gen_ai.operation.name": "chat.completions", "gen_ai.response.prompt_tokens": -1,
         "gen_ai.response.completion_tokens": -1}, {}, (0, 0, 0, 0, 0, 0),
    ),
    "Dify": (
        {"gen_ai.span.kind": "GENERATION", "gen_ai.framework": "dify",
         "gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "20",
         "gen_ai.usage.total_tokens": "120"}, {}, (100, 20, 120, 0, 0, 0),
    ),
    "Kong": (
        {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
         "gen_ai.request.max_tokens": 64, "gen_ai.usage.input_tokens": 100,
         "gen_ai.usage.output_tokens": 20}, {"scope": "kong-internal"}, (100, 20, 120, 0, 0, 0),
    ),
    "LlamaIndex's own": (
        {"gen_ai.operation.name": "completion", "gen_ai.provider.name": "llama_index",
         "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20},
        {"scope": "opentelemetry.util.genai.handler"}, (100, 20, 120, 0, 0, 0),
    ),
    "Spring AI, whose values are texts": (
        {"gen_ai.operation.name": "chat", "gen_ai.system": "openai",
         "gen_ai.response.model": "none", "gen_ai.usage.input_tokens": "100",
         "gen_ai.usage.output_tokens": "20", "gen_ai.usage.total_tokens": "120",
         "gen_ai.usage.cache_read.input_tokens": "50"},
        {"scope": "org.springframework.boot"}, (100, 20, 120, 50, 0, 0),
    ),
    "LiveKit": (
        {"gen_ai.operation.name": "chat", "lk.llm_metrics":
         '{"label": "openai.LLM", "ttft": 0.3, "duration": 1.5, "prompt_tokens": 100, '
         '"completion_tokens": 20, "prompt_cached_tokens": 50, "total_tokens": 120, '
         '"tokens_per_second": 13.3, "cancelled": false}'}, {}, (100, 20, 120, 50, 0, 0),
    ),
    "agentgateway": (
        {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 28,
         "http.status": 200, "duration": "97ms"}, {}, (28, 0, 28, 0, 0, 0),
    ),
    "MLflow": (
        {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.chat.tokenUsage":
         '{"input_tokens": 20512, "output_tokens": 450, "total_tokens": 20962, '
         '"cache_read_input_tokens": 18000, "cache_creation_input_tokens": 2500}'}, {}, ANTHROPIC,
    ),
    "MLflow's maps": (
        {"mlflow.spanType": "LLM", "mlflow.chat.tokenUsage":
         {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}},
        {}, (100, 20, 120, 0, 0, 0),
    ),
    "Braintrust": (
        {"braintrust.metrics": '{"prompt_tokens": 100, "completion_tokens": 20, "tokens": 120, '
         '"prompt_cached_tokens": 50, "completion_reasoning_tokens": 8}',
         "braintrust.span_attributes": '{"type": "llm"}'}, {}, (100, 20, 120, 50, 0, 8),
    ),
    "Braintrust's flat names": (
        {"braintrust.metrics.prompt_tokens": 100, "braintrust.metrics.completion_tokens": 20,
         "braintrust.metrics.tokens": 120, "braintrust.metrics.prompt_cached_tokens": 50},
        {}, (100, 20, 120, 50, 0, 0),
    ),
    "LangWatch": (
        {"langwatch.span.type": "llm", "langwatch.metrics":
         '{"type": "json", "value": {"promptTokens": 100, "completionTokens": 20, "cost": 0.5}}'},
        {}, (100, 20, 120, 0, 0, 0),
    ),
    "Laminar": (
        {"lmnr.span.type": "LLM", "gen_ai.usage.input_tokens": 1000,
         "gen_ai.usage.output_tokens": 500, "llm.usage.total_tokens": 1500,
         "gen_ai.usage.cache_read_input_tokens": 800}, {}, (1000, 500, 1500, 800, 0, 0),
    ),
    "Azure AI Foundry": (
        {"gen_ai.operation.name": "process_thread_run", "gen_ai.system": "az.ai.agents",
         "gen_ai.request.max_input_tokens": 4096, "gen_ai.usage.input_tokens": 100,
         "gen_ai.usage.output_tokens": 20}, {}, (100, 20, 120, 0, 0, 0),
    ),
    "Quarkus": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.completion_tokens": 20,
         "gen_ai.usage.prompt_tokens": 100, "gen_ai.client.estimated_cost": "0.01USD"},
        {}, (100, 20, 120, 0, 0, 0),
    ),
    "OpenLIT for JavaScript": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100,
         "gen_ai.usage.output_tokens": 20, "gen_ai.usage.prompt_tokens_details.cache_read": 50,
         "gen_ai.usage.completion_tokens_details.reasoning": 8,
         "gen_ai.usage.completion_tokens_details.audio": 3}, {}, (100, 20, 120, 50, 0, 8),
    ),
    "tokens by their words": (
        {"llm.tokens.input": 100, "llm.tokens.output": 20, "llm.tokens.total": 120}, {},
        (100, 20, 120, 0, 0, 0),
    ),
    "tokens in and out": (
        {"llm.tokens.in": 100, "llm.tokens.out": 20}, {}, (100, 20, 120, 0, 0, 0),
    ),
    "tokens behind the words": (
        {"llm.prompt.tokens": 100, "llm.completion.tokens": 20, "llm.total.tokens": 120}, {},
        (100, 20, 120, 0, 0, 0),
    ),
    "names without a prefix": (
        {"prompt_tokens": 100, "completion_tokens": 20, "cachedTokens": 50}, {},
        (100, 20, 120, 50, 0, 0),
    ),
    "zeros beside the figures": (
        {"gen_ai.usage.input_tokens": 0, "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 20,
         "gen_ai.usage.cache_read.input_tokens": 0, "acme.usage.cached_tokens": 50},
        {}, (100, 20, 120, 50, 0, 0),
    ),
    "embeddings with a total alone": (
        {"gen_ai.operation.name": "embeddings", "acme.usage.total_tokens": 28}, {},
        (28, 0, 28, 0, 0, 0),
    ),
    "a ranking with a total alone": (
        {"openinference.span.kind": "RERANKER", "llm.token_count.total": 28}, {},
        (28, 0, 28, 0, 0, 0),
    ),
    "a chat with a total alone": (
        {"gen_ai.operation.name": "chat", "acme.usage.total_tokens": 28}, {}, (0, 0, 28, 0, 0, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SENDERS)
def test_a_sender_s_figures_are_read(name: str):
    attributes, fields, expected = SENDERS[name]
    assert figures(attributes, **fields) == expected


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.request.max_tokens", "max_token_count", "gen_ai.usage.audio_tokens",
        "gen_ai.usage.input_video_tokens", "gen_ai.aggregated_usage.input_tokens",
        "codex.turn.token_usage.input_tokens", "session.usage.input_tokens",
        "agent.usage.total_tokens", "gen_ai.usage.input_cost", "gen_ai.usage.server_tool_use",
        "llm.token_count.prompt_details.video", "tool_token_count", "noCacheTokens",
        "system.memory.usage.total", "process.usage.input_bytes",
        "gen_ai.usage.uncached_input_tokens",
        "gen_ai.usage.rejected_prediction_tokens", "gen_ai.token.type", "token", "usage", "x" * 300,
        "gen_ai.usage.input_output_tokens", "gen_ai.request.max_output_tokens", "llm.max_tokens",
        "session.tokens.input", "llm.tokens", "csrf.token", "auth.token.id", "tokens_per_second",
        "gen_ai.usage.text.input_tokens", "gen_ai.usage.audio.cache_read.input_tokens",
        "github.copilot.cost", "llm.cost.prompt", "llm.cost", "cost_usd_micros", "cost_cents",
        "estimated.cost_usd", "agent.cost_usd", "time_to_last_token", "first_token_at",
        "lk.response.ttfb", "gen_ai.agent.model", "device.model.name", "ls_model_type",
        "model.provider", "remaining.tokens.total", "time_to_first_frame",
        "ratelimit.tokens.used", "x-ratelimit-used-tokens", "context.tokens.total",
        "document.token_count", "gen_ai.rate_limit.tokens.total",
    ],
)  # fmt: skip
def test_a_name_with_a_word_that_is_not_understood_is_no_figure(name: str):
    place = loose_names.place_of(name)
    assert place is None or place[0] == loose_names.OBJECT


@pytest.mark.parametrize(
    ("attributes", "ttft_ms"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.25}, 250.0),
        ({"gen_ai.client.operation.time_to_first_chunk": 0.25}, 250.0),
        ({"gen_ai.response.time_to_first_token": "0.25"}, 250.0),
        ({"gen_ai.server.time_to_first_token": 812}, 812.0),  # longer than the call as seconds
        ({"gen_ai.server.time_to_first_token": 5000}, None),  # and as milliseconds
        ({"ttft_ms": 730}, 730.0),
        ({"copilot_chat.time_to_first_token": 730}, 730.0),
        ({"ttft_ms": 2001}, None),
        ({"ttft_ms": -1}, None),
        ({"ttft_ms": float("nan")}, None),
        ({"langfuse.observation.completion_start_time": '"2024-01-15T12:00:09Z"'}, None),
        ({"mastra.completion_start_time": "2024-01-15T12:00:00.250Z"}, 250.0),
        ({"lk.response.ttft": 0.25}, 250.0),
        ({"llm.ttft_ms": 320}, 320.0),
        ({"llm.timeToFirstTokenMs": 320}, 320.0),
        ({"acme.time_to_first_token": 0.25}, 250.0),
        ({"acme.time_to_first_token": 812}, 812.0),
        ({"braintrust.metrics": '{"prompt_tokens": 1, "time_to_first_token": 0.25}'}, 250.0),
        ({"lk.llm_metrics": '{"prompt_tokens": 1, "ttft": 0.25}'}, 250.0),
    ],
)
def test_a_time_to_first_token_is_never_longer_than_its_call(attributes, ttft_ms):
    assert record({"gen_ai.operation.name": "chat", **MODEL, **attributes}).ttft_ms == ttft_ms


@pytest.mark.parametrize(
    ("attributes", "fields", "status"),
    [
        ({"status_code": 529}, {}, "529"),
        ({"error_status_code": "429"}, {}, "429"),
        ({"gen_ai.error.type": "rate_limit_error"}, {}, "429"),
        ({"gen_ai.error.type": "invented", "gen_ai.error.code": "rate_limit_exceeded"}, {}, "429"),
        ({"error_type": "RateLimitError"}, {"status": {"code": 2}}, "429"),
        ({"success": False}, {}, "500"),
        ({"http.status": 503}, {}, "503"),
        ({"error.type": "rate_limited"}, {"status": {"code": 2}}, "429"),
        ({"error.type": "none"}, {}, "200"),
        ({}, {"events": [("exception", START, {"exception.type": "java.io.IOException"})]}, "500"),
        ({"success": True}, {}, "200"),
    ],
)
def test_a_failure_s_status_is_found_under_every_name(attributes, fields, status):
    assert (
        record({"gen_ai.operation.name": "chat", **MODEL, **attributes}, **fields).status == status
    )


@pytest.mark.parametrize(
    ("attributes", "resource", "expected"),
    [
        ({"user.email": "ann@example.com", "user.id": "abc"}, {}, {"user": "ann@example.com"}),
        ({"user_id": "u1", "team": "red"}, {}, {"user": "u1", "team": "red"}),
        (
            {"metadata.user_api_key_team_alias": "red",
             "metadata.user_api_key_project_alias": "shop"},
            {}, {"team": "red", "project": "shop"},
        ),
        ({}, {"enduser.id": "ann", "team.id": "red", "project.id": "p", "session.id": "s"},
         {"user": "ann", "team": "red", "project": "p", "session": "s"}),
        ({"gen_ai.conversation.id": "c"}, {"session.id": "s"}, {"session": "c"}),
        ({"ai.telemetry.metadata.sessionId": "s"}, {}, {"session": "s"}),
        ({}, {"process.command_args": "SECRET PROMPT TEXT", "gen_ai.usage.input_tokens": 7,
              "model": "x"}, {"prompt_tokens": 0, "model": "m"}),
        ({}, {"service.name": "shop"}, {"app": "shop"}),
        ({"gen_ai.model.provider": "openai"}, {}, {"provider": "openai"}),
        ({"operation.cost": 0.25}, {}, {"cost_usd": 0.25}),
        ({"acme.usage.cost_usd": "0.25"}, {}, {"cost_usd": 0.25}),
        ({"acme.usage.input_cost": 0.25}, {}, {"cost_usd": None}),
        ({"gen_ai.usage.cost_usd": "$0.25"}, {}, {"cost_usd": 0.25}),
        ({"llm.cost.usd": 0.25}, {}, {"cost_usd": 0.25}),
        ({"llm.total_cost": 0.25, "llm.cost.prompt": 0.2}, {}, {"cost_usd": 0.25}),
        ({"mlflow.llm.cost": '{"input_cost": 0.2, "total_cost": 0.25}'}, {}, {"cost_usd": 0.25}),
        ({"langwatch.metrics": '{"cost": 0.25}'}, {}, {"cost_usd": 0.25}),
        ({"gen_ai.response.model": "none", "gen_ai.response.id": "N/A", "user.id": "undefined"}, {},
         {"model": "m", "response_id": None, "user": None}),
        ({"gen_ai.session.id": "s", "lmnr.association.properties.user_id": "u"}, {},
         {"session": "s", "user": "u"}),
        ({"mlflow.llm.model": '"gpt-5"', "mlflow.llm.provider": '"openai"'}, {},
         {"model": "gpt-5", "provider": "openai"}),
        ({"github.copilot.cost": 1}, {}, {"cost_usd": None}),
        ({"langfuse.observation.cost_details": '{"input": 0.1, "total": 0.25}'}, {},
         {"cost_usd": 0.25}),
    ],
)  # fmt: skip
def test_who_and_where_and_what_it_cost(attributes, resource, expected):
    found = record({"gen_ai.operation.name": "chat", **MODEL, **attributes}, resource=resource)
    assert {name: getattr(found, name) for name in expected} == expected


LONG = "x" * 3000


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"gen_ai.response.id": LONG}, {"response_id": "sha256:" + "…"}),
        ({"user.id": LONG}, {"user": LONG[:255]}),
        ({"user.id": 7}, {"user": "7"}),
        ({"user.id": "a\nb"}, {"user": "a b"}),
        ({"gen_ai.provider.name": LONG}, {"provider": LONG[:64]}),
        ({"gen_ai.response.model": LONG}, {"model": LONG[:255]}),
        ({"gen_ai.response.model": " "}, {"model": "unknown"}),
        ({"gen_ai.response.model": True}, {"model": "True"}),
        ({"gen_ai.usage.cost": float("nan")}, {"cost_usd": None}),
        ({"gen_ai.usage.cost": float("inf")}, {"cost_usd": None}),
        ({"gen_ai.usage.cost": -1.0}, {"cost_usd": None}),
        ({"gen_ai.usage.cost": "free"}, {"cost_usd": None}),
        ({"gen_ai.usage.cache_read.input_tokens": -5}, {"cached_tokens": 0}),
        ({"gen_ai.usage.cache_read.input_tokens": "many"}, {"cached_tokens": 0}),
        ({"gen_ai.usage.total_tokens": float("inf")}, {"total_tokens": 10}),
        ({"gen_ai.usage.output_tokens": float("nan")}, {"completion_tokens": 0}),
        ({"metadata.user_api_key_hash": LONG}, {}),
        ({"litellm.call_id": LONG}, {}),
    ],
)
def test_an_optional_field_never_costs_the_row(attributes, expected):
    found = record({**MODEL, "gen_ai.usage.input_tokens": 10, **attributes})
    for name, value in expected.items():
        told = getattr(found, name)
        assert told.startswith(value[:7]) if value == "sha256:…" else told == value


USAGE_MAP = {"input_tokens": 100, "output_tokens": 20, "details": {"cached_tokens": 50, "x": [1]}}


@pytest.mark.parametrize(
    ("attributes", "model"),
    [
        ({"llm.model": "x"}, "x"),
        ({"acme.model_name": "x"}, "x"),
        ({"acme.model.id": "x"}, "x"),
        ({"llm.model": "x", "gen_ai.request.model": "y"}, "y"),
        ({"braintrust.metadata": '{"provider": "openai", "model": "x"}'}, "x"),
        ({"device.model.name": "x"}, "unknown"),
        ({"llm.model": 5}, "5"),
    ],
)
def test_a_model_s_name_is_found_by_its_words(attributes: dict[str, Any], model: str):
    assert record({"gen_ai.usage.input_tokens": 7} | attributes).model == model


@pytest.mark.parametrize(
    "attributes",
    [
        {"lmnr.span.type": "DEFAULT"}, {"lmnr.span.type": "CACHED"},
        {"langwatch.span.type": "chain"}, {"agentops.span.kind": "session"},
        {"mastra.span.type": "model_step"}, {"mastra.span.type": "model_chunk"},
        {"gen_ai.operation.name": "model_step"}, {"mlflow.spanType": '"AGENT"'},
    ],
)  # fmt: skip
def test_what_says_that_it_is_round_about_a_call_is_none(attributes: dict[str, Any]):
    assert read({"gen_ai.usage.input_tokens": 7} | attributes).records == []


def test_usage_may_be_a_map():
    for name in ("gen_ai.usage", "acme.usage", "langfuse.observation.usage_details"):
        attributes = MODEL | {name: USAGE_MAP | {"details": {"cached_tokens": 50}}}
        assert figures(attributes) == (100, 20, 120, 50, 0, 0)
    assert record(MODEL | {"gen_ai.usage": USAGE_MAP, "user.id": {"a": "b"}}).user is None


def test_usage_may_be_in_events_of_a_span_alone():
    later = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    said = {"gen_ai.prompt": "SECRET"}
    first = later | {"gen_ai.usage.output_tokens": 3, "event.name": "x"}
    events = [("chunk", START, first), ("end", START, later), ("said", START, said)]
    assert figures({}, events=events) == (100, 20, 120, 0, 0, 0)
    own = {"gen_ai.usage.input_tokens": 7}
    assert figures(own, events=events) == (7, 0, 7, 0, 0, 0)


def test_numbers_that_json_has_not_cost_no_request():
    """As Python's encoder writes them; in texts they stay."""
    told = {**MODEL, "gen_ai.usage.input_tokens": 7, "user.id": 'NaN " -Infinity'}
    posted = request(span({**told, "gen_ai.usage.cost": 0.5}))
    body = as_json(posted).replace(b'"doubleValue": 0.5', b'"doubleValue": -Infinity')
    assert b": -Infinity}" in body
    (found,) = calls.records_of(json.spans(body), NOW).records
    assert (found.prompt_tokens, found.cost_usd, found.user) == (7, None, 'NaN " -Infinity')


def test_wholes_that_are_no_counts_are_refused_by_name_and_cost_no_other_row():
    bad = span({**MODEL, "gen_ai.usage.input_tokens": -5}, spanId="ab" * 8)
    found = calls.records_of(
        json.spans(as_json(request(bad, span({**MODEL, "gen_ai.usage.input_tokens": 1})))), NOW
    )
    assert ([each.prompt_tokens for each in found.records], found.bad_rows) == ([1], 1)
    assert [(each.index, each.field) for each in found.errors] == [(0, "prompt_tokens")]


NAMES = st.sampled_from(sorted(conventions.KNOWN_ATTRIBUTES)) | st.text(max_size=60).map(
    lambda text: f"x.usage.{text}"
)
VALUES = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.booleans()
    | st.text(max_size=300)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=20,
    ).map(repr)
    | st.just("{" * 5000)
    | st.just('{"a":' * 2000)
)


@given(st.dictionaries(NAMES, VALUES, max_size=12), st.sampled_from([START, START + 9 * SECOND, 0]))
def test_no_attribute_makes_more_than_a_row_or_a_fault(attributes: dict[str, Any], start: int):
    """Whatever is told: a row within its bounds, or a sentence; never an error of ours."""
    posted = request(span({"gen_ai.operation.name": "chat", **attributes}, startTimeUnixNano=start))
    found = calls.records_of(protobuf.spans(as_protobuf(posted)), NOW)
    for each in found.records:
        assert each.cached_tokens + each.cache_write_tokens <= each.prompt_tokens
        assert each.reasoning_tokens <= each.completion_tokens
        assert each.prompt_tokens + each.completion_tokens <= each.total_tokens
        assert each.ttft_ms is None or each.latency_ms is None or each.ttft_ms <= each.latency_ms

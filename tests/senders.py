"""Whose name each alias of `usage/intake/otlp/conventions.py` is, where it was read, and when.

A name that several senders share stands with the one that defined it.
"""

from typing import NamedTuple


class Read(NamedTuple):
    """What was read of a sender: a file of its source at a commit, its documents or its output."""

    sender: str
    source: str
    on: str
    names: str


READ = (
    Read(
        "OpenTelemetry GenAI",
        "open-telemetry/semantic-conventions-genai, 384d66161 of semantic-conventions before it",
        "2026-11-28",
        """
        gen_ai.response.model gen_ai.request.model gen_ai.provider.name gen_ai.system
        gen_ai.usage.input_tokens gen_ai.usage.output_tokens gen_ai.usage.prompt_tokens
        gen_ai.usage.completion_tokens gen_ai.usage.cache_read.input_tokens
        gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_creation.input_tokens
        gen_ai.usage.reasoning.output_tokens gen_ai.response.id gen_ai.conversation.id
        gen_ai.response.time_to_first_chunk gen_ai.server.time_to_first_token error.type
        exception.type http.response.status_code http.status_code user.id user.email enduser.id
        enduser.pseudo.id session.id service.name telemetry.sdk.name vcs.repository.name
        openai.response.service_tier openai.request.service_tier
        gen_ai.openai.response.service_tier gen_ai.openai.request.service_tier
        """,
    ),
    Read(
        "OpenLLMetry (Traceloop)",
        "traceloop/openllmetry 93429cfb9, packages/*/opentelemetry/instrumentation, semconv_ai",
        "2026-11-28",
        """
        gen_ai.usage.cache_read_input_tokens gen_ai.usage.cache_creation_input_tokens
        gen_ai.usage.reasoning_tokens llm.usage.total_tokens llm.usage.prompt_tokens
        llm.usage.completion_tokens llm.usage.reasoning_tokens llm.request.model llm.response.model
        llm.response.id llm.user traceloop.association.properties.user_id
        traceloop.association.properties.session_id gen_ai.usage.total_tokens
        """,
    ),
    Read(
        "OpenInference (Phoenix)",
        "Arize-ai/openinference 1fe497f1d, python/openinference-semantic-conventions",
        "2026-11-28",
        """
        llm.model_name llm.request.model_name llm.response.model_name embedding.model_name
        reranker.model_name llm.provider llm.system llm.token_count.prompt
        llm.token_count.completion llm.token_count.total
        llm.token_count.prompt_details.cache_read llm.token_count.prompt_details.cache_write
        llm.token_count.prompt_details.cache_input llm.token_count.completion_details.reasoning
        llm.cost.total llm.invocation_parameters
        """,
    ),
    Read(
        "Vercel AI SDK 4 to 7",
        "vercel/ai ed857f50f1, packages/otel/src/{legacy-,}open-telemetry.ts; ai@5.0.99",
        "2026-11-28",
        """
        ai.response.model ai.model.id ai.model.provider ai.response.id ai.usage.inputTokens
        ai.usage.promptTokens ai.usage.tokens ai.usage.outputTokens ai.usage.completionTokens
        ai.usage.totalTokens ai.usage.cachedInputTokens ai.usage.reasoningTokens
        ai.usage.inputTokenDetails.cacheReadTokens ai.usage.inputTokenDetails.cacheWriteTokens
        ai.usage.inputTokenDetails.noCacheTokens ai.usage.outputTokenDetails.reasoningTokens
        ai.response.msToFirstChunk ai.stream.msToFirstChunk ai.response.providerMetadata
        ai.telemetry.metadata.userId ai.telemetry.metadata.sessionId
        gen_ai.client.operation.time_to_first_chunk
        """,
    ),
    Read(
        "OpenLIT",
        "openlit/openlit ad20b7b4, sdk/python/src/openlit/semcov and instrumentation",
        "2026-11-28",
        "gen_ai.client.token.usage gen_ai.usage.cost",
    ),
    Read(
        "Langfuse",
        "langfuse/langfuse 6275144614, packages/shared/src/server/{otel,ingestion}",
        "2026-11-28",
        """
        langfuse.observation.model.name langfuse.observation.usage_details
        langfuse.observation.cost_details langfuse.observation.completion_start_time
        langfuse.observation.level langfuse.user.id langfuse.session.id
        """,
    ),
    Read(
        "LangSmith",
        "langchain-ai/langsmith-sdk bc8dd672a, python/langsmith/_internal/otel/_otel_exporter.py",
        "2026-11-28",
        """
        gen_ai.usage.input_token_details gen_ai.usage.output_token_details langsmith.usage_metadata
        langsmith.metadata.ls_provider langsmith.metadata.ls_model_name langsmith.metadata.user_id
        langsmith.metadata.session_id langsmith.metadata.thread_id langsmith.trace.session_name
        gen_ai.response.service_tier
        """,
    ),
    Read(
        "Pydantic AI",
        "pydantic/pydantic-ai 4fda38988, pydantic_ai_slim/pydantic_ai/{usage,_instrumentation}.py",
        "2026-11-28",
        """
        gen_ai.usage.details.cache_read_tokens gen_ai.usage.details.cached_tokens
        gen_ai.usage.details.cache_write_tokens gen_ai.usage.details.reasoning_tokens
        operation.cost
        """,
    ),
    Read(
        "Sentry",
        "getsentry/sentry-python 064542dd2, sentry_sdk/consts.py",
        "2026-11-28",
        """
        gen_ai.usage.input_tokens.cached gen_ai.usage.input_tokens.cache_write
        gen_ai.usage.output_tokens.reasoning gen_ai.response.time_to_first_token ai.model_id
        ai.generation_id
        """,
    ),
    Read(
        "OpenRouter Broadcast",
        "openrouter.ai/docs/guides/features/broadcast, payloads in empathic/toolpath",
        "2026-11-28",
        """
        gen_ai.usage.input_tokens.cache_write_5m gen_ai.usage.input_tokens.cache_write_1h
        gen_ai.usage.total_cost trace.metadata.openrouter.first_token_ms
        """,
    ),
    Read(
        "Envoy AI Gateway",
        "envoyproxy/ai-gateway c217da8a5, internal/tracing/openinference/openinference.go",
        "2026-11-28",
        "llm.token_count.prompt_details.cache_creation",
    ),
    Read(
        "Bifrost",
        "maximhq/bifrost 005997b, core/schemas/trace.go",
        "2026-11-28",
        """
        gen_ai.usage.prompt_token_details.cached_read_tokens
        gen_ai.usage.prompt_token_details.cached_write_tokens
        gen_ai.usage.completion_token_details.reasoning_tokens gen_ai.error.type gen_ai.error.code
        gen_ai.request.user
        """,
    ),
    Read(
        "Cloudflare AI Gateway",
        "cloudflare/cloudflare-docs 05b5f46, ai-gateway/observability/otel-integration.mdx",
        "2026-11-28",
        "gen_ai.model.provider gen_ai.model user_id team",
    ),
    Read(
        "LiteLLM's otel callback",
        "BerriAI/litellm 00145a6, litellm/integrations/opentelemetry.py; #35193",
        "2026-11-28",
        """
        gen_ai.cost.total_cost litellm.call_id litellm.key.hash metadata.usage_object
        metadata.user_api_key_hash metadata.user_api_key_end_user_id
        metadata.user_api_key_user_email metadata.user_api_key_team_alias
        metadata.user_api_key_team_id metadata.user_api_key_project_alias
        """,
    ),
    Read(
        "Strands Agents",
        "strands-agents/sdk-python 1232230d, src/strands/telemetry/tracer.py",
        "2026-11-28",
        "gen_ai.usage.cache_write_input_tokens",
    ),
    Read(
        "vLLM",
        "vllm-project/vllm#47633, vllm/tracing/utils.py",
        "2026-11-28",
        "gen_ai.latency.time_to_first_token gen_ai.request.id",
    ),
    Read(
        "VS Code Copilot Chat",
        "microsoft/vscode-copilot-chat 31acd00a8",
        "2026-11-28",
        "copilot_chat.time_to_first_token",
    ),
    Read(
        "Claude Code",
        "2.1.332 as it was seen to send; code.claude.com/docs/en/monitoring-usage",
        "2026-11-28",
        """
        model input_tokens output_tokens cache_read_tokens cache_creation_tokens
        cache_creation_5m_tokens cache_creation_1h_tokens cost_usd ttft_ms status_code success
        client_request_id user.account_uuid
        """,
    ),
    Read(
        "Qwen Code",
        "QwenLM/qwen-code 0057c16, packages/core/src/telemetry/session-tracing.ts",
        "2026-11-28",
        "thoughts_token_count error_status_code error_type gen_ai.user.id",
    ),
    Read(
        "Codex CLI",
        "0.171.0 as it was seen to send; openai/codex 0136a73, codex-rs/otel",
        "2026-11-28",
        "codex.usage.reasoning_output_tokens conversation.id",
    ),
    Read(
        "Google ADK",
        "google/adk-go 0a51e153, internal/telemetry/telemetry.go; google/adk-python tracing.py",
        "2026-11-28",
        "gcp.vertex.agent.session_id",
    ),
    Read(
        "Mastra",
        "mastra-ai/mastra 087c72fa6, observability/otel-exporter/src/gen-ai-semantics.ts",
        "2026-11-28",
        "mastra.completion_start_time",
    ),
    Read(
        "Semantic Kernel",
        "microsoft/semantic-kernel 037139f4d, dotnet/src/InternalUtilities/src/Diagnostics/"
        "ModelDiagnostics.cs: -1 where nobody counted; dotnet/extensions 0120286be",
        "2026-11-28",
        """
        gen_ai.response.prompt_tokens gen_ai.response.completion_tokens
        gen_ai.response.input_tokens gen_ai.response.output_tokens
        """,
    ),
    Read(
        "Dify",
        "langgenius/dify 18c95039e, api/core/ops/{aliyun,tencent}_trace/entities/semconv.py",
        "2026-11-28",
        "gen_ai.session.id",
    ),
    Read(
        "Kong AI Gateway",
        "developer.konghq.com/ai-gateway/llm-open-telemetry, 3.13: OpenTelemetry's names",
        "2026-11-28",
        "",
    ),
    Read(
        "Portkey",
        "portkey.ai/docs/product/enterprise-offering/otel/complete-logs: OpenTelemetry's names",
        "2026-11-28",
        "",
    ),
    Read(
        "LlamaIndex",
        "run-llama/llama_index 23d883949, llama-index-observability-otel/…/otel/genai.py",
        "2026-11-28",
        "",
    ),
    Read(
        "Spring AI",
        "spring-projects/spring-ai 01fd663b2, spring-ai-commons/…/AiObservationAttributes.java: "
        "Micrometer's values are texts, and `none` where there is none",
        "2026-11-28",
        "",
    ),
    Read(
        "Haystack",
        "deepset-ai/haystack 08ccc31be, haystack/tracing/opentelemetry.py: usage within contents",
        "2026-11-28",
        "",
    ),
    Read(
        "LiveKit Agents",
        "livekit/agents 020428e16, livekit-agents/livekit/agents/telemetry/trace_types.py",
        "2026-11-28",
        "lk.response.ttft lk.llm_metrics lk.realtime_model_metrics",
    ),
    Read(
        "agentgateway",
        "agentgateway/agentgateway 01b91a771, crates/agentgateway/src/telemetry/log.rs",
        "2026-11-28",
        "http.status",
    ),
    Read(
        "MLflow",
        "mlflow/mlflow 00449464c, mlflow/tracing/constant.py: values as JSON, or as maps",
        "2026-11-28",
        "mlflow.chat.tokenUsage mlflow.llm.cost mlflow.llm.model mlflow.llm.provider",
    ),
    Read(
        "Braintrust",
        "braintrustdata/braintrust-sdk-go, trace/contrib/genkit: the middleware's JSON attributes",
        "2026-11-28",
        "braintrust.metrics braintrust.metadata",
    ),
    Read(
        "LangWatch",
        "langwatch/langwatch 22c3ecfa1, python-sdk/src/langwatch/attributes.py",
        "2026-11-28",
        "langwatch.metrics langwatch.thread.id",
    ),
    Read(
        "Laminar (OpenHands)",
        "lmnr-ai/lmnr-python 06dfedbbe, src/lmnr/opentelemetry_lib/tracing/attributes.py",
        "2026-11-28",
        "lmnr.association.properties.session_id lmnr.association.properties.user_id",
    ),
    Read(
        "AgentOps",
        "AgentOps-AI/agentops 0169502c6, agentops/semconv/span_attributes.py",
        "2026-11-28",
        "",
    ),
    Read(
        "Azure AI Foundry agents",
        "Azure/azure-sdk-for-python 1fe089b8c, sdk/ai/azure-ai-agents/…/telemetry/_utils.py",
        "2026-11-28",
        "gen_ai.thread.id",
    ),
    Read(
        "Quarkus LangChain4j",
        "quarkiverse/quarkus-langchain4j 046e60e77, …/listeners/SpanChatModelListener.java",
        "2026-11-28",
        "",
    ),
    Read(
        "OpenLIT for JavaScript",
        "openlit/openlit 0a9b14762, sdk/typescript/src/semantic-convention.ts",
        "2026-11-28",
        "",
    ),
    Read(
        "Traceloop for JavaScript",
        "traceloop/openllmetry-js 008de810e, packages/instrumentation-anthropic",
        "2026-11-28",
        "",
    ),
    Read(
        "Logfire",
        "pydantic/logfire 015babe38, logfire/_internal/integrations/llm_providers/openai.py",
        "2026-11-28",
        "",
    ),
    Read(
        "set-ups of agents",
        "OTEL_RESOURCE_ATTRIBUTES as Claude Code's documents propose them",
        "2026-11-28",
        "team.id department cost_center project.id error.code",
    ),
)

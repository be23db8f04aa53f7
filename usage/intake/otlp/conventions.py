"""The names under which instrumentations tell of a model call, by field, the preferred ones first.

The one table of them: tests/senders.py says of each whose it is, where it was read and when.
Names of figures that are not here are read by their words (`loose_names.py`).
"""

FIELDS: dict[str, tuple[str, ...]] = {
    "response_model": (
        "gen_ai.response.model",
        "llm.response.model",
        "llm.response.model_name",
        "ai.response.model",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "langfuse.observation.model.name",
        "langsmith.metadata.ls_model_name",
        "mlflow.llm.model",
    ),
    "request_model": (
        "gen_ai.request.model",
        "llm.request.model",
        "llm.request.model_name",
        "ai.model.id",
        "ai.model_id",
        "gen_ai.model",
        "model",
    ),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "gen_ai.model.provider",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
        "langsmith.metadata.ls_provider",
        "mlflow.llm.provider",
    ),
    "prompt_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "input_tokens",
        "gen_ai.response.prompt_tokens",
        "gen_ai.response.input_tokens",
    ),
    "completion_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "output_tokens",
        "gen_ai.response.completion_tokens",
        "gen_ai.response.output_tokens",
    ),
    "total_tokens": (
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
        "gen_ai.client.token.usage",
    ),
    "cached_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cached_tokens",
        "gen_ai.usage.prompt_token_details.cached_read_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "cache_read_tokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.prompt_token_details.cached_write_tokens",
        "llm.token_count.prompt_details.cache_write",
        "llm.token_count.prompt_details.cache_creation",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "cache_creation_tokens",
    ),
    # By how long the cache lives, where nobody adds them up.
    "cache_write_5m": ("gen_ai.usage.input_tokens.cache_write_5m", "cache_creation_5m_tokens"),
    "cache_write_1h": ("gen_ai.usage.input_tokens.cache_write_1h", "cache_creation_1h_tokens"),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.details.reasoning_tokens",
        "gen_ai.usage.completion_token_details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "codex.usage.reasoning_output_tokens",
        "thoughts_token_count",
    ),
    "service_tier": (
        "gen_ai.response.service_tier",
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "openai.request.service_tier",
        "gen_ai.openai.request.service_tier",
    ),
    "cost_usd": (
        "gen_ai.usage.cost",
        "gen_ai.usage.total_cost",
        "gen_ai.cost.total_cost",
        "llm.cost.total",
        "operation.cost",
        "cost_usd",
    ),
    "ttft_s": (
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.response.time_to_first_token",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
        "gen_ai.latency.time_to_first_token",
        "lk.response.ttft",
    ),
    "ttft_ms": (
        "ai.response.msToFirstChunk",
        "ai.stream.msToFirstChunk",
        "copilot_chat.time_to_first_token",
        "trace.metadata.openrouter.first_token_ms",
        "ttft_ms",
    ),
    "first_token_at": (
        "langfuse.observation.completion_start_time",
        "mastra.completion_start_time",
    ),
    "http_status": (
        "http.response.status_code",
        "http.status_code",
        "error_status_code",
        "status_code",
        "http.status",
    ),
    "error_type": ("error.type", "gen_ai.error.type", "error_type", "exception.type"),
    "error_code": ("gen_ai.error.code", "error.code"),
    "level": ("langfuse.observation.level",),
    "success": ("success",),
    "response_id": ("gen_ai.response.id", "llm.response.id", "ai.response.id", "ai.generation_id"),
    "request_id": ("client_request_id", "gen_ai.request.id"),
    "call_id": ("litellm.call_id",),
    "api_key_hash": ("metadata.user_api_key_hash", "litellm.key.hash"),
    # A person's address before an id that only the sender knows.
    "user": (
        "user.email",
        "metadata.user_api_key_user_email",
        "enduser.id",
        "langfuse.user.id",
        "gen_ai.user.id",
        "gen_ai.request.user",
        "llm.user",
        "metadata.user_api_key_end_user_id",
        "ai.telemetry.metadata.userId",
        "traceloop.association.properties.user_id",
        "langsmith.metadata.user_id",
        "lmnr.association.properties.user_id",
        "user.account_uuid",
        "enduser.pseudo.id",
        "user.id",
        "user_id",
    ),
    "session": (
        "session.id",
        "conversation.id",
        "gen_ai.conversation.id",
        "langfuse.session.id",
        "ai.telemetry.metadata.sessionId",
        "traceloop.association.properties.session_id",
        "langsmith.metadata.session_id",
        "langsmith.metadata.thread_id",
        "gcp.vertex.agent.session_id",
        "gen_ai.session.id",
        "langwatch.thread.id",
        "lmnr.association.properties.session_id",
        "gen_ai.thread.id",
    ),
    "team": (
        "team.id",
        "metadata.user_api_key_team_alias",
        "metadata.user_api_key_team_id",
        "department",
        "cost_center",
        "team",
    ),
    "project": (
        "vcs.repository.name",
        "project.id",
        "metadata.user_api_key_project_alias",
        "langsmith.trace.session_name",
    ),
    "app": ("service.name",),
    "sdk": ("telemetry.sdk.name",),
    # Only the Vercel AI SDK from 6 on has them, which counts as OpenTelemetry does.
    "counts_within": ("ai.usage.inputTokenDetails.noCacheTokens",),
    # JSON of the call's settings, in which some name the model and nothing else does.
    "settings": ("llm.invocation_parameters", "braintrust.metadata"),
}
# Of a span above the call, where the call itself has none: Codex's turn.
MODEL_ABOVE = "model"
# Of a resource only these are read: it may hold a prompt, as a part of the command line.
OF_RESOURCES = ("user", "session", "team", "project", "app", "sdk")
TOKENS = tuple(field for field in FIELDS if field.endswith("_tokens"))

# Objects: a map, or as text, JSON's or Python's. Of those of figures of all kinds only what says
# that it is of tokens is read.
METRICS = ("braintrust.metrics", "langwatch.metrics", "lk.llm_metrics", "lk.realtime_model_metrics")
PROVIDER_METADATA = "ai.response.providerMetadata"
LANGFUSE_USAGE = "langfuse.observation.usage_details"
USAGE_OBJECTS = (
    LANGFUSE_USAGE,
    "langsmith.usage_metadata",
    "gen_ai.usage.input_token_details",
    "gen_ai.usage.output_token_details",
    "metadata.usage_object",
    "mlflow.chat.tokenUsage",
    PROVIDER_METADATA,
    *METRICS,
)
COST_OBJECTS = ("langfuse.observation.cost_details", "mlflow.llm.cost")

FIRST_TOKEN_EVENTS = (
    "First Token Stream Event",
    "ai.stream.firstChunk",
    "llm.content.completion.chunk",
    "gen_ai.content.completion.chunk",
)
EXCEPTION_EVENT, EXCEPTION_TYPE = "exception", "exception.type"
LITELLM_RAW = "raw_gen_ai_request"  # the same call once more, as it went to the provider

# Of a name: its field, and its rank there; less is better.
PLACES = {name: (field, rank) for field, names in FIELDS.items() for rank, name in enumerate(names)}
KNOWN_EVENTS = frozenset((*FIRST_TOKEN_EVENTS, EXCEPTION_EVENT))
KNOWN_ATTRIBUTES = frozenset((*PLACES, *USAGE_OBJECTS, *COST_OBJECTS))

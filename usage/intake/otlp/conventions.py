"""The names under which instrumentations report a model call, the preferred ones first.

OpenTelemetry GenAI (https://opentelemetry.io/docs/specs/semconv/gen-ai/) and its two earlier
spellings, OpenInference, OpenLIT, Traceloop, Langfuse, the Vercel AI SDK, LiteLLM, OpenRouter.
"""

RESPONSE_MODEL = (
    "gen_ai.response.model",
    "llm.response.model",
    "ai.response.model",
    "llm.model_name",
    "embedding.model_name",
    "langfuse.observation.model.name",
)
REQUEST_MODEL = ("gen_ai.request.model", "llm.request.model", "ai.model.id")
# Of a span above the call, where the call itself has none: Codex's turn.
MODEL_ABOVE = "model"
# A JSON object of the call's settings, in which some name the model and nothing else does.
INVOCATION_PARAMETERS = "llm.invocation_parameters"

PROVIDER = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
)
TOKENS = {
    "prompt_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    "completion_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
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
        "llm.token_count.prompt_details.cache_read",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
}
# JSON objects of a Langfuse client, and the names in them.
USAGE_DETAILS = "langfuse.observation.usage_details"
COST_DETAILS = "langfuse.observation.cost_details"
DETAILS = {
    "prompt_tokens": ("input", "prompt_tokens", "input_tokens"),
    "completion_tokens": ("output", "completion_tokens", "output_tokens"),
    "total_tokens": ("total", "total_tokens"),
    "cached_tokens": (
        "input_cached_tokens",
        "cache_read_input_tokens",
        "input_cache_read",
        "cached_tokens",
        "prompt_tokens_details.cached_tokens",
    ),
    "cache_write_tokens": (
        "cache_creation_input_tokens",
        "input_cache_creation",
        "input_cache_write",
    ),
    "reasoning_tokens": (
        "output_reasoning_tokens",
        "reasoning_tokens",
        "output_reasoning",
        "completion_tokens_details.reasoning_tokens",
    ),
}
COST = (
    "gen_ai.usage.cost",
    "gen_ai.usage.total_cost",
    "gen_ai.cost.total_cost",
    "llm.cost.total",
)

TTFT_SECONDS = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
TTFT_MS = ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
COMPLETION_START = "langfuse.observation.completion_start_time"
FIRST_TOKEN_EVENTS = (
    "First Token Stream Event",
    "ai.stream.firstChunk",
    "llm.content.completion.chunk",
    "gen_ai.content.completion.chunk",
)

HTTP_STATUS = ("http.response.status_code", "http.status_code")
ERROR_TYPE = "error.type"
EXCEPTION_EVENT, EXCEPTION_TYPE = "exception", "exception.type"
LANGFUSE_LEVEL = "langfuse.observation.level"

RESPONSE_ID = ("gen_ai.response.id", "llm.response.id", "ai.response.id")
CALL_ID = "litellm.call_id"
KEY_HASH = ("metadata.user_api_key_hash",)
USER = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "gen_ai.request.user",
    "llm.user",
    "metadata.user_api_key_end_user_id",
    "ai.telemetry.metadata.userId",
)
APP = "service.name"

LITELLM_RAW = "raw_gen_ai_request"  # the same call once more, as it went to the provider

KNOWN_EVENTS = frozenset((*FIRST_TOKEN_EVENTS, EXCEPTION_EVENT))
KNOWN_ATTRIBUTES = frozenset(
    (
        *RESPONSE_MODEL,
        *REQUEST_MODEL,
        MODEL_ABOVE,
        INVOCATION_PARAMETERS,
        *PROVIDER,
        *(name for names in TOKENS.values() for name in names),
        USAGE_DETAILS,
        COST_DETAILS,
        *COST,
        *TTFT_SECONDS,
        *TTFT_MS,
        COMPLETION_START,
        *HTTP_STATUS,
        ERROR_TYPE,
        EXCEPTION_TYPE,
        LANGFUSE_LEVEL,
        *RESPONSE_ID,
        CALL_ID,
        *KEY_HASH,
        *USER,
        APP,
    )
)

"""How senders of spans are known to count, where their figures do not tell.

Read in their sources: tests/senders.py says which and when.
"""

from functools import lru_cache

from usage.intake.otlp import conventions as names
from usage.intake.otlp import kinds
from usage.intake.otlp.span import Span
from usage.intake.otlp.told import Told
from usage.intake.token_arithmetic import (
    CACHE_BESIDE,
    REASONING_BESIDE,
    WITHIN,
    Convention,
)

_ANTHROPIC_S = ("anthropic", "claude")
_BEDROCK = ("bedrock",)
_GOOGLE = ("google", "gemini", "vertex")
_XAI = ("xai", "x_ai", "x-ai", "grok")
# Converse's input is without the cache, and so are the headers of InvokeModel's answers.
_BEDROCK_SCOPES = (
    "opentelemetry.instrumentation.bedrock",
    "opentelemetry.instrumentation.botocore",
)
_SPRING = "org.springframework"
_OPENLIT = "openlit"
_OPENLIT_THOUGHTS = Convention(is_reasoning_beside=True, is_total_telling=False)
# Its server takes the buckets for disjoint, unless OpenAI's own object came, parts in parts.
_BUCKETS = Convention(is_cache_beside=True, is_reasoning_beside=True)
_LONGEST = 100  # of a name
_BARE = ("input_tokens", "output_tokens")


def convention_of(span: Span) -> Convention:
    """By the SDK, the scope and the names of the figures, then by the provider."""
    told = span.told
    prompt_name = told.names.get("prompt_tokens", "")
    if prompt_name.startswith(names.LANGFUSE_USAGE):
        return _of_langfuse(told, prompt_name)
    if prompt_name in _BARE:  # as Claude Code has from Anthropic
        return CACHE_BESIDE
    sdk = told.get("sdk") or span.resource.get("sdk") or ""
    is_bare_vercel = kinds.VERCEL_OPERATION in span.attributes and not _has_details(told)
    provider = told.get("provider", "")
    return _convention(span.scope[:_LONGEST], str(sdk)[:_LONGEST], str(provider)[:_LONGEST],
                       is_bare_vercel=is_bare_vercel)  # fmt: skip


@lru_cache(maxsize=1024)
def _convention(scope: str, sdk: str, provider: str, *, is_bare_vercel: bool) -> Convention:
    scope, sdk, provider = scope.lower(), sdk.lower(), provider.lower()
    if scope.startswith(_BEDROCK_SCOPES):
        return CACHE_BESIDE
    if sdk == _OPENLIT or scope.startswith(_OPENLIT):
        return _by_provider(provider, CACHE_BESIDE, _OPENLIT_THOUGHTS)
    if scope.startswith(_SPRING):
        return _by_provider(provider, CACHE_BESIDE, WITHIN)
    if is_bare_vercel:
        if any(name in provider for name in _XAI):
            return REASONING_BESIDE
        return _by_provider(provider, CACHE_BESIDE, REASONING_BESIDE)
    return WITHIN


def _by_provider(provider: str, anthropic: Convention, google: Convention) -> Convention:
    """Vertex serves Anthropic's models too: `vertex.anthropic.messages`."""
    if any(name in provider for name in (*_ANTHROPIC_S, *_BEDROCK)):
        return anthropic
    return google if any(name in provider for name in _GOOGLE) else WITHIN


def _has_details(told: Told) -> bool:
    """As the Vercel AI SDK has from 6 on; before it hands on what providers tell."""
    return "counts_within" in told or any("TokenDetails." in name for name in told.names.values())


def _of_langfuse(told: Told, prompt_name: str) -> Convention:
    cached = told.names.get("cached_tokens") or told.names.get("cache_write_tokens", "")
    is_raw = prompt_name.endswith(".input_tokens") and cached.endswith("_input_tokens")
    if not prompt_name.endswith(".input") and not is_raw:  # raw as Anthropic's
        return WITHIN
    is_nested = "." in cached.removeprefix(f"{names.LANGFUSE_USAGE}.")
    return _BUCKETS._replace(is_cache_beside=not is_nested)

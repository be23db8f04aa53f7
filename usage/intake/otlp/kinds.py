"""What a span says that it is: a call of a model, or what frameworks tell round about one.

By the words of what it says, since each instrumentation has its own and new ones come weekly.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

OPERATION = "gen_ai.operation.name"
VERCEL_OPERATION = "ai.operationId"
_VERCEL_CALLS = ("doGenerate", "doStream", "doEmbed", "doRerank")
# A log record that was made a span on its way: the agent's own span tells the same.
LOGGED = "event.name"
# Of these a word that nobody here knows is no call.
_STRICT = (
    "openinference.span.kind",
    "langfuse.observation.type",
    "langsmith.span.kind",
    "traceloop.span.kind",
    "lmnr.span.type",
    "langwatch.span.type",
    "agentops.span.kind",
    "mastra.span.type",
)
_LOOSE = (
    OPERATION,
    "gen_ai.span.kind",
    "gen_ai.span_kind_name",
    "llm.request.type",
    "mlflow.spanType",
    "sentry.op",
    "span.type",
)
ATTRIBUTES = frozenset((*_STRICT, *_LOOSE, VERCEL_OPERATION, LOGGED))

_WORDS = re.compile("[A-Z]?[a-z0-9]+|[A-Z]+")
# Beginnings of words; what is done round about calls goes before what is one: execute_llm_tool.
_ROUND_ABOUT = (
    *("agent", "chain", "tool", "workflow", "retriev", "memor", "plan", "step", "task", "turn"),
    *("guardrail", "evaluat", "prompt", "parser", "fetch", "handoff", "interaction", "count"),
)
# Within words, for LiteLLM's are acompletion and aembedding.
_CALLS = (
    *("chat", "completion", "generat", "embed", "rerank", "responses", "llm", "inference"),
    *("converse", "transcription", "speech"),
)


def is_one(attributes: Mapping[str, Any]) -> bool | None:
    """Whether it says that it is a call; None where it says neither so nor otherwise."""
    said = attributes.keys() & ATTRIBUTES
    if len(said) == 1:  # as nearly always
        (name,) = said
        return _verdict(name, str(attributes[name]))
    verdicts = {_verdict(name, str(attributes[name])) for name in said}
    return False if False in verdicts else True if True in verdicts else None


def has_input_alone(attributes: Mapping[str, Any]) -> bool:
    """Of an embedding or a ranking, whose total is what went in."""
    return any(_is_input_alone(str(attributes[name])) for name in attributes.keys() & ATTRIBUTES)


@lru_cache(maxsize=1024)
def _is_input_alone(said: str) -> bool:
    return any(part in said[:100].lower() for part in ("embed", "rerank"))


@lru_cache(maxsize=4096)
def _verdict(name: str, said: str) -> bool | None:
    if name == LOGGED:
        return False
    if name == VERCEL_OPERATION:
        return said.rpartition(".")[2].startswith(_VERCEL_CALLS)
    verdict = _is_call(said)
    return bool(verdict) if name in _STRICT else verdict


def _is_call(said: str) -> bool | None:
    words = [word.lower() for word in _WORDS.findall(said[:100])]
    if any(word.startswith(_ROUND_ABOUT) for word in words):
        return False
    return True if any(part in word for word in words for part in _CALLS) else None

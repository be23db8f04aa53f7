"""Spans as senders that are not among the cases would make them, delivered in each way and order.

Made from the sources that tests/senders.py names, in other mixtures than any of them.
"""

import itertools
from typing import Any

import pytest

from tests.otlp import SECOND, START, as_json, request, span
from tests.test_otlp import JSON, post
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

Figures = tuple[str, int, int, int, int, int, str]
USED = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
PHOENIX = {"llm.token_count.prompt": 100, "llm.token_count.completion": 20}
CACHED = {"input": 12, "output": 450, "cache_read": 18000, "cache_write": 2500}
M: Figures = ("m", 100, 20, 0, 0, 0, "200")
ANTHROPIC: Figures = ("m", 20512, 450, 18000, 2500, 0, "200")


def spans(*of: tuple[int | None, dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Each has the place of the one above it, its attributes, and its own fields."""
    found = []
    for place, (parent, attributes, fields) in enumerate(of):
        ids = {"spanId": f"{place + 1:016x}"}
        if parent is not None:
            ids["parentSpanId"] = f"{parent + 1:016x}"
        end = str(START + (2 + place) * SECOND)
        found.append(span(attributes, **{**ids, "endTimeUnixNano": end, **fields}))
    return found


FAILED = {
    "status": {"code": 2},
    "events": [("exception", START, {"exception.type": "openai.RateLimitError"})],
}
MADE: dict[str, tuple[list[dict[str, Any]], list[Figures]]] = {
    "a framework's calls round an SDK's, in OpenLLMetry's words": (
        spans((None, {"traceloop.span.kind": "workflow"}, {}),
              (0, {"traceloop.span.kind": "task"}, {}),
              (1, {"llm.request.type": "chat", "gen_ai.request.model": "m",
                   "gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 20}, {}),
              (2, CHAT | USED, {})), [M],
    ),
    "an agent that sums up its two calls": (
        spans((None, {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 200,
                      "gen_ai.usage.output_tokens": 40, "gen_ai.request.model": "m"}, {}),
              (0, CHAT | USED, {}), (0, CHAT | USED, {})), [M, M],
    ),
    "sums without an operation, with spans between": (
        spans((None, {"agent": "x", "llm.prompt_tokens": 200, "llm.completion_tokens": 40}, {}),
              (0, {}, {}),
              (1, {"llm.model": "m", "llm.tokens.in": 100, "llm.tokens.out": 20}, {}),
              (1, {"llm.model": "m", "llm.prompt.tokens": 100, "llm.completion.tokens": 20}, {})),
        [M, M],
    ),
    "a web request that tells its call's usage": (
        spans((None, {"http.method": "POST", "http.status_code": 200, "prompt_tokens": 100,
                      "completion_tokens": 20}, {}), (0, CHAT | USED, {})), [M],
    ),
    "a chain that repeats its call, in OpenInference's words": (
        spans((None, {"openinference.span.kind": "CHAIN", **PHOENIX}, {}),
              (0, {"openinference.span.kind": "LLM", "llm.model_name": "m", **PHOENIX}, {})), [M],
    ),
    "a failure, and the attempt after it": (
        spans((None, CHAT | {"gen_ai.provider.name": "openai"}, FAILED), (None, CHAT | USED, {})),
        [("m", 0, 0, 0, 0, 0, "429"), M],
    ),
    "no tokens at all": (spans((None, CHAT, {})), [("m", 0, 0, 0, 0, 0, "200")]),
    "cache beside the input, under names of its own": (
        spans((None, {"llm.model": "m", **{f"acme.usage.{k}_tokens": n
                                           for k, n in CACHED.items()}}, {})), [ANTHROPIC],
    ),
    "cache beside the input, in one text": (
        spans((None, {"llm.model": "m", "llm.usage": '{"input_tokens": 12, "output_tokens": 450, '
                      '"cache_read_input_tokens": 18000, "cache_creation_input_tokens": 2500, '
                      '"cache_creation": {"ephemeral_5m_input_tokens": 2500}}'}, {})), [ANTHROPIC],
    ),
    "cache beside the input, in Bedrock's words within a map": (
        spans((None, CHAT | {"acme.usage": {"inputTokens": 12, "outputTokens": 450, "totalTokens":
               20962, "cacheReadInputTokens": 18000, "cacheWriteInputTokens": 2500}}, {})),
        [ANTHROPIC],
    ),
    "thoughts beside the output, in Google's words": (
        spans((None, CHAT | {"response.usageMetadata": '{"promptTokenCount": 100, '
               '"candidatesTokenCount": 12, "thoughtsTokenCount": 8, "totalTokenCount": 120, '
               '"cachedContentTokenCount": 50, "promptTokensDetails": [{"tokenCount": 100}]}'},
               {})), [("m", 100, 20, 50, 0, 8, "200")],
    ),
    "usage in an event of the span": (
        spans((None, CHAT, {"events": [("gen_ai.choice", START, {"finish_reason": "stop"}),
                                       ("usage", START, {"prompt_tokens": 100,
                                                         "completion_tokens": 20})]})), [M],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_each_way_of_delivery_makes_the_same_rows(client, name: str):
    made, expected = MADE[name]
    found = []
    for trace, (alone, backwards, times) in enumerate(
        itertools.product([False, True], [False, True], [1, 2])
    ):
        ours = [{**each, "traceId": f"{trace + 1:032x}"} for each in made]
        ours = ours[::-1] if backwards else ours
        for group in ([[each] for each in ours] if alone else [ours]) * times:
            assert post(client, as_json(request(*group)), JSON).content == b"{}"
        found.append(counted())
        UsageMetric.objects.all().delete()
    assert found == [sorted(expected)] * 8


def counted() -> list[Figures]:
    fields = ("model", "prompt_tokens", "completion_tokens", "cached_tokens")
    rows = UsageMetric.objects.counted().values_list(
        *fields, "cache_write_tokens", "reasoning_tokens", "status"
    )
    return sorted(tuple(0 if value is None else value for value in row) for row in rows)  # type: ignore[misc]

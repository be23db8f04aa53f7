"""Frameworks' spans round their calls: each call once, in one post or a span a post, any way round.

The trees are those of each framework's present source or documents, 2026-11.
"""

import json
from typing import Any

import pytest

from tests.otlp import SECOND, START, as_json, pairs, request, span
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db

USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
MODEL = {"gen_ai.request.model": "gpt-5"}


def does(operation: str, **more: Any) -> dict[str, Any]:
    return {"gen_ai.operation.name": operation, **more}


# Spans as (name, its parent's place or None, attributes), and the places of those that count.
Tree = list[tuple[str, int | None, dict[str, Any]]]
FRAMEWORKS: dict[str, tuple[Tree, list[int]]] = {
    "Pydantic AI before operations": (
        [
            ("agent run", None, {"agent_name": "a", "model_name": "gpt-5", **USAGE}),
            ("chat gpt-5", 0, {**does("chat"), **MODEL, **USAGE}),
            ("running 1 tool", 0, {"logfire.msg": "running 1 tool"}),
            ("running tool", 2, {"gen_ai.tool.name": "search"}),
        ],
        [1],
    ),
    "Pydantic AI": (
        [
            ("invoke_agent a", None, {**does("invoke_agent"), "model_name": "gpt-5", **USAGE}),
            ("chat gpt-5", 0, {**does("chat"), **MODEL, **USAGE}),
            ("execute_tool search", 0, {**does("execute_tool")}),
        ],
        [1],
    ),
    "Strands, with botocore's instrumentation": (
        [
            ("invoke_agent s", None, {**does("invoke_agent"), **MODEL, **USAGE}),
            ("execute_event_loop_cycle", 0, {"event_loop.cycle_id": "1"}),
            ("chat", 1, {**does("chat"), **MODEL, **USAGE}),
            ("chat us.model", 2, {**does("chat"), **MODEL, **USAGE}),
            ("execute_tool t", 1, does("execute_tool")),
        ],
        [3],
    ),
    "Microsoft Agent Framework, a workflow of two agents": (
        [
            ("workflow.run", None, {"workflow.id": "w"}),
            ("executor.process a", 0, {"executor.id": "a"}),
            ("invoke_agent a", 1, {**does("invoke_agent"), **MODEL, **USAGE}),
            ("chat gpt-5", 2, {**does("chat"), **MODEL, **USAGE}),
            ("invoke_agent b", 0, {**does("invoke_agent"), **MODEL, **USAGE}),
            ("chat gpt-5", 4, {**does("chat"), **MODEL, **USAGE}),
        ],
        [3, 5],
    ),
    "LangSmith's chain, prompt and parser": (
        [
            ("RunnableSequence", None, {"langsmith.span.kind": "chain", **does("chain"), **USAGE}),
            ("ChatPromptTemplate", 0, {"langsmith.span.kind": "prompt"}),
            ("ChatOpenAI", 0, {"langsmith.span.kind": "llm", **does("chat"), **MODEL, **USAGE}),
            ("StrOutputParser", 0, {"langsmith.span.kind": "parser"}),
        ],
        [2],
    ),
    "OpenLIT's workflow round LangChain round OpenAI": (
        [
            ("invoke_workflow g", None, {**does("framework"), **MODEL, **USAGE}),
            ("invoke_agent n", 0, {**does("agent"), **USAGE}),
            ("chat gpt-5", 1, {**does("chat"), **MODEL, **USAGE}),
            ("chat gpt-5", 2, {**does("chat"), **MODEL, **USAGE}),
        ],
        [3],
    ),
    "OpenLIT's framework without an instrumented client": (
        [("crew", None, {**does("framework"), **MODEL, **USAGE})],
        [0],
    ),
    "AI SDK 7's embedMany": (
        [
            ("embeddings m", None, {**does("embeddings"), **MODEL}),
            ("embeddings m", 0, {**does("embeddings"), **MODEL, "gen_ai.usage.input_tokens": 9}),
            ("embeddings m", 0, {**does("embeddings"), **MODEL, "gen_ai.usage.input_tokens": 8}),
        ],
        [1, 2],
    ),
    "AI SDK 7's rerank": (
        [
            ("rerank m", None, {**does("rerank"), **MODEL}),
            ("rerank m", 0, {**does("rerank"), **MODEL}),
        ],
        [1],
    ),
    "AI SDK 7's agent, steps and call": (
        [
            ("invoke_agent a", None, {**does("invoke_agent"), **MODEL, **USAGE}),
            ("agent_step 1", 0, {**does("agent_step"), **MODEL, **USAGE}),
            ("chat gpt-5", 1, {**does("chat"), **MODEL, **USAGE}),
        ],
        [2],
    ),
    "Google ADK before and after generate_content": (
        [
            ("invocation", None, {}),
            ("agent_run [root]", 0, {}),
            ("call_llm", 1, {"gen_ai.system": "gcp.vertex.agent", **MODEL, **USAGE}),
            ("call_llm", 1, {"gen_ai.system": "gcp.vertex.agent", **MODEL, **USAGE}),
            ("generate_content m", 3, {**does("generate_content"), **MODEL, **USAGE}),
        ],
        [2, 4],
    ),
    "OpenRouter's attempts below its generation": (
        [
            ("LLM Generation", None, {**does("chat"), **MODEL, **USAGE}),
            ("generation", 0, {**does("chat"), "gen_ai.response.id": "gen-1"}),
            ("provider attempt 1: x", 1, {**does("chat"), "gen_ai.response.id": "gen-1"}),
            ("provider attempt 2: y", 1, {**does("chat"), "gen_ai.response.id": "gen-1"}),
        ],
        [0],
    ),
    "memory, retrieval and a fetched response round a call": (
        [
            ("search_memory m", None, {**does("search_memory"), **MODEL}),
            ("retrieval r", None, {**does("retrieval"), **MODEL}),
            ("fetch_response r", None, {**does("fetch_response"), **MODEL}),
            ("chat gpt-5", None, {**does("chat"), **MODEL, **USAGE}),
            ("upsert_memory m", 3, {**does("upsert_memory"), **MODEL}),
        ],
        [3],
    ),
    "LiteLLM's callback and what it sent on": (
        [
            ("Received Proxy Server Request", None, {"http.method": "POST"}),
            ("litellm_request", 0, {**does("acompletion"), **MODEL, **USAGE}),
            ("raw_gen_ai_request", 1, {"llm.openai.model": "gpt-5"}),
            ("chat gpt-5", 1, {**does("chat"), **MODEL, **USAGE}),
        ],
        [3],
    ),
    "Haystack's pipeline round a generator": (
        [
            ("haystack.pipeline.run", None, {"haystack.component.name": "p"}),
            ("haystack.component.run", 0, {"openinference.span.kind": "CHAIN"}),
            ("ChatCompletion", 1, {"openinference.span.kind": "LLM", "llm.model_name": "gpt-5",
                                   "llm.token_count.prompt": 7}),
        ],
        [2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("way", ["at once", "one by one", "backwards"])
def test_each_call_counts_once(client, name: str, way: str):
    tree, expected = FRAMEWORKS[name]
    spans = [made(place, *each) for place, each in enumerate(tree)]
    posts = [spans] if way == "at once" else [[each] for each in spans]
    for _ in range(2):
        for some in reversed(posts) if way == "backwards" else posts:
            body = as_json(request(*some))
            answer = client.post("/v1/traces", body, content_type="application/json")
            assert (answer.status_code, json.loads(answer.content)) == (200, {})
    moments = UsageMetric.objects.counted().order_by("timestamp").values_list("timestamp")
    assert [round(moment.timestamp()) - START // SECOND for (moment,) in moments] == expected


def made(place: int, name: str, parent: int | None, attributes: dict[str, Any]) -> dict[str, Any]:
    above = {} if parent is None else {"parentSpanId": f"{parent + 1:016x}"}
    ids = {"spanId": f"{place + 1:016x}", "endTimeUnixNano": str(START + place * SECOND), **above}
    return span({}, name=name, startTimeUnixNano=str(START - SECOND), **ids) | {
        "attributes": pairs(attributes)
    }

"""A call that a coding agent tells in a log and in a span counts once, whichever comes first."""

import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.cases import each_alone
from tests.otlp import SECOND, START, as_json, log, logs, request, span
from tests.sums import assert_sums_equal_rows
from tests.thorough import some
from usage.intake.agents import readers
from usage.models import SuppressedPair, UsageMetric
from usage.recording import agent_reports

pytestmark = pytest.mark.django_db

FOLDER = Path(__file__).parent / "data" / "agents"
CODEX, CLAUDE, QWEN = "codex_exec", "claude-code", "qwen-code"
Delivery = tuple[str, dict[str, Any]]  # the address, the request


def deliver(client: Any, *deliveries: Delivery) -> None:
    for path, of in deliveries:
        answer = client.post(path, as_json(of), content_type="application/json")
        assert (answer.status_code, answer.content) == (200, b"{}")


def codex_log(at: float, tokens: int = 100, service: str = CODEX) -> Delivery:
    figures = {
        "event.name": "codex.sse_event",
        "event.kind": "response.completed",
        "input_token_count": str(tokens),
        "output_token_count": "7",
        "cached_token_count": 90,
        "model": "gpt-5.1",
        "conversation.id": "c-1",
    }
    record = log(figures, timeUnixNano="0", observedTimeUnixNano=moment(at))
    return "/v1/logs", logs(record, resource={"service.name": service})


def codex_span(at: float, tokens: int = 100, service: str = CODEX) -> Delivery:
    usage = {
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 90,
    }
    of = span(usage, name="handle_responses", spanId=f"{int(at * 1000):016x}", **ends(at))
    return "/v1/traces", request(of, resource={"service.name": service})


def claude_log(at: float, request_id: str = "req_1") -> Delivery:
    figures = {
        "event.name": "api_request",
        "model": "claude-sonnet-4-5",
        "input_tokens": 3,
        "output_tokens": 7,
        "request_id": request_id,
    }
    record = log(figures, timeUnixNano=moment(at))
    return "/v1/logs", logs(record, resource={"service.name": CLAUDE})


def agent_span(
    at: float, service: str = CLAUDE, response_id: str = "req_1", **fields: Any
) -> Delivery:
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.response.id": response_id,
    }
    of = span(call, spanId=f"{int(at * 1000):016x}", **ends(at), **fields)
    return "/v1/traces", request(of, resource={"service.name": service})


def qwen_log(at: float) -> Delivery:
    figures = {"event.name": "qwen-code.api_response", "model": "q", "response_id": "req_1"}
    return "/v1/logs", logs(log({**figures, "input_token_count": 3}, timeUnixNano=moment(at)))


def claude_failure(at: float, session: str = "s-1") -> list[Delivery]:
    """Told without an id, as where no answer came."""
    told = {"model": "m", "status_code": 529, "session.id": session}
    record = log({**told, "event.name": "api_error"}, timeUnixNano=moment(at))
    failed = span(
        {**told, "span.type": "llm_request", "gen_ai.request.model": "m"},
        spanId=f"{int(at * 1000):016x}",
        status={"code": 2},
        **ends(at),
    )
    resource = {"service.name": CLAUDE}
    return [
        ("/v1/logs", logs(record, resource=resource)),
        ("/v1/traces", request(failed, resource=resource)),
    ]


def moment(at: float) -> str:
    return str(START + round(at * SECOND))


def ends(at: float) -> dict[str, str]:
    return {"startTimeUnixNano": moment(at - 1), "endTimeUnixNano": moment(at)}


def counted() -> list[str | None]:
    """Sources of the rows that count, by time."""
    assert_sums_equal_rows()
    rows = UsageMetric.objects.counted().order_by("timestamp", "source")
    return list(rows.values_list("source", flat=True))


# What comes, and the sources of what counts.
COMING: dict[str, tuple[list[Delivery], list[str]]] = {
    "Codex' log and span": ([codex_log(10), codex_span(10.01)], ["codex"]),
    "two seconds apart": ([codex_log(10), codex_span(12)], ["codex"]),
    "more than two seconds apart": ([codex_log(10), codex_span(12.1)], ["codex", "otel"]),
    "other counts": ([codex_log(10), codex_span(10, 101)], ["codex", "otel"]),
    "Codex within another program": (
        [codex_log(10, service="my-bot"), codex_span(10.01, service="my-bot")],
        ["codex"],
    ),
    "a span alone": ([codex_span(10)], ["otel"]),
    "two equal calls at once": (
        [codex_log(10), codex_log(10.5), codex_span(10.01), codex_span(10.51)],
        ["codex", "codex"],
    ),
    "a log used once": ([codex_log(10), codex_span(10.01), codex_span(10.3)], ["codex", "otel"]),
    "a chain that pairs one way only": (
        [codex_log(10), codex_log(13), codex_span(8.5), codex_span(11.6)],
        ["codex", "codex"],
    ),
    "one equal call after the other": (
        [codex_log(10), codex_span(10.1), codex_log(20), codex_span(20.05)],
        ["codex", "codex"],
    ),
    "equal counts of another program": (
        [codex_log(10), ("/v1/traces", request(span({"gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 7, "gen_ai.usage.cache_read.input_tokens": 90},
            **ends(10)), resource={"service.name": "shop"}))],
        ["codex", "otel"],
    ),
    "Claude's log and span": ([claude_log(10), agent_span(10.001)], [CLAUDE]),
    "a minute apart": ([claude_log(70), agent_span(10)], [CLAUDE]),
    "other answers": (
        [claude_log(10), agent_span(10, response_id="req_2")],
        [CLAUDE, "otel"],
    ),
    "a failure of Claude's, in both": (claude_failure(10), [CLAUDE]),
    "failures of two sessions": (
        [claude_failure(10)[0], claude_failure(10.01, "s-2")[1]],
        [CLAUDE, "otel"],
    ),
    "Qwen's log and span": ([qwen_log(10), agent_span(10.001, QWEN)], [QWEN]),
    "a span without a log": ([agent_span(10.001, QWEN)], ["otel"]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMING)
@pytest.mark.parametrize("priority", [[], ["otel", "codex", "claude-code"]])
def test_all_orders_count_the_same(client, settings, name, priority):
    settings.METRICS_SOURCE_PRIORITY = priority
    deliveries, expected = COMING[name]
    for order in some(itertools.permutations(deliveries)):
        deliver(client, *order)
        assert counted() == expected, order
        deliver(client, *order)  # once more, as a retry does
        assert counted() == expected, order
        told = SuppressedPair.objects.filter(suppressed_source="otel").values_list("calls")
        assert sum(calls for (calls,) in told) == len(deliveries) - len(expected)
        UsageMetric.objects.all().delete()
        SuppressedPair.objects.all().delete()


def test_in_one_post_too(client):
    logged = [codex_log(10)[1], codex_log(10.5)[1]]
    spans = [codex_span(10.01)[1], codex_span(10.51)[1]]
    both = {"resourceLogs": [group for of in logged for group in of["resourceLogs"]]}
    all_spans = {"resourceSpans": [group for of in spans for group in of["resourceSpans"]]}
    for order in itertools.permutations([("/v1/logs", both), ("/v1/traces", all_spans)]):
        deliver(client, *order)
        assert counted() == ["codex", "codex"]
        UsageMetric.objects.all().delete()


@pytest.mark.parametrize("agent", ["claude_code_json", "codex_json", "gemini_cli_json"])
def test_what_agents_were_seen_to_send_counts_once_in_every_order(client, agent):
    expected = json.loads((FOLDER / agent / "expected.json").read_bytes())["fields"]
    bodies = sorted((FOLDER / agent).glob("*.body"))
    paths = ["/" + path.name[4:-5].replace("_", "/") for path in bodies]
    deliveries = [(p, json.loads(each.read_bytes())) for p, each in zip(paths, bodies, strict=True)]
    for order in itertools.permutations(deliveries):
        for _ in range(2):
            deliver(client, *order)
        assert list(UsageMetric.objects.counted().values(*expected[0])) == expected
        assert_sums_equal_rows()
        UsageMetric.objects.all().delete()


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("agent", ["claude_code_json", "codex_json"])
def test_one_by_one_in_both_orders(client, agent, backwards):
    expected = json.loads((FOLDER / agent / "expected.json").read_bytes())["fields"]
    alone = [
        ("/" + path.name[4:-5].replace("_", "/"), each)
        for path in sorted((FOLDER / agent).glob("*.body"))
        if "metrics" not in path.name
        for each in each_alone(json.loads(path.read_bytes()))
    ]
    deliver(client, *(reversed(alone) if backwards else alone))
    assert list(UsageMetric.objects.counted().values(*expected[0])) == expected


@pytest.mark.django_db(transaction=True)
def test_log_and_span_at_the_same_time_wait_for_each_other():
    start = threading.Barrier(2)

    def send(delivery: Delivery) -> None:
        start.wait(timeout=20)
        deliver(Client(), delivery)
        connection.close()

    for at in range(10, 60, 10):
        both = (codex_log(at), codex_span(at + 0.01))
        threads = [threading.Thread(target=send, args=(each,)) for each in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counted() == ["codex"] * 5


def test_the_agents_are_those_that_are_read():
    assert set(agent_reports.AGENTS) < readers.SOURCES

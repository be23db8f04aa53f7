"""Coding agents of others, as people install them, tell what each of their calls used."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.captures import CANARY
from tests.live.coding_agents import AGENTS, JSON, PROTOBUF
from tests.live.provider import Provider, provider

_PATIENCE = 20.0
SOURCES = {"claude-code": "claude-code", "codex": "codex", "gemini-cli": "gemini-cli",
           "copilot": "otel"}  # fmt: skip
PROVIDERS = {"claude-code": "anthropic", "codex": "openai", "gemini-cli": "google",
             "copilot": "openai"}  # fmt: skip
# Beside tokens, what docs/senders.md says of each.
TIMES = {
    "claude-code": {"latency_ms", "ttft_ms"},
    "codex": set(),
    "gemini-cli": {"latency_ms"},
    "copilot": {"latency_ms", "ttft_ms"},
}
# What they report beside it where they are told to tell all, which must not count again.
EVERYTHING = {
    "claude-code": {b"/v1/logs", b"/v1/traces", b"/v1/metrics"},
    "codex": {b"/v1/logs", b"/v1/traces", b"/v1/metrics"},
    "gemini-cli": {b"/v1/logs", b"/v1/traces", b"/v1/metrics"},
    "copilot": {b"/v1/traces", b"/v1/metrics"},
}
WAYS = [
    ("claude-code", PROTOBUF, False),
    ("claude-code", JSON, False),
    ("claude-code", PROTOBUF, True),
    ("codex", PROTOBUF, False),
    ("codex", JSON, False),
    ("codex", PROTOBUF, True),
    ("gemini-cli", JSON, False),
    ("gemini-cli", JSON, True),
    ("copilot", PROTOBUF, False),
    ("copilot", JSON, True),
]


@pytest.fixture
def models() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def agent(request, models, relay, token, tmp_path_factory):
    """The one that the test names. What it keeps of prompts is not in the portal's folder."""
    home = tmp_path_factory.mktemp("agent")
    return AGENTS[request.param](home, models.url, relay.url, token)


def settled(new_rows: Any, count: int) -> list[dict[str, Any]]:
    """The rows, once there are as many, and a moment later, lest there be more."""
    until = time.monotonic() + _PATIENCE
    while len(new_rows()) < count and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(1.0)
    found: list[dict[str, Any]] = new_rows()
    return found


@pytest.mark.parametrize(("agent", "protocol", "everything"), WAYS, indirect=["agent"])
def test_each_call_arrives_once_and_whole(
    agent, protocol, everything, models, relay, portal, new_rows
):
    done = agent.run(protocol, everything=everything)
    assert done.returncode == 0, done.stderr
    assert CANARY in done.stdout  # what the stand-in said
    assert models.calls
    expected = [
        {
            **call.row(),
            "status": "200",
            "source": SOURCES[agent.name],
            "provider": PROVIDERS[agent.name],
            "excluded_as": None,
        }
        for call in models.calls
    ]
    rows = settled(new_rows, len(expected))
    assert [told_of(row, expected[0]) for row in sorted(rows, key=by_tokens)] == sorted(
        expected, key=by_tokens
    )
    assert [{name for name in TIMES["copilot"] if row[name] is not None} for row in rows] == [
        TIMES[agent.name]
    ] * len(rows)
    assert rejected(portal) == {}
    if agent.name == "claude-code":
        assert {(row["team"], row["user"]) for row in rows} == {("platform", "ann@example.com")}
    if everything:
        assert set(re.findall(rb"POST (/v1/\w+)", relay.sent)) == EVERYTHING[agent.name]
    if everything or agent.name == "gemini-cli":
        assert CANARY.encode() in relay.sent  # and the relay finds none of it in the portal


# Of Copilot's spans of failed calls none has the status, so that it is 500; a failing `codex exec`
# ends before it sends.
@pytest.mark.parametrize(
    ("agent", "statuses"),
    [("claude-code", ["400"]), ("codex", []), ("gemini-cli", ["400"]), ("copilot", ["500"])],
    indirect=["agent"],
)
def test_a_call_that_is_refused_arrives_as_a_failure(agent, statuses, models, new_rows):
    models.refusing = 400
    done = agent.run(PROTOBUF)
    assert done.returncode != 0
    assert models.refused
    rows = settled(new_rows, len(statuses))
    assert [(row["status"], row["total_tokens"]) for row in rows] == [
        (status, 0) for status in statuses
    ]


def by_tokens(row: dict[str, Any]) -> int:
    return int(row["prompt_tokens"])


def told_of(row: dict[str, Any], names: Any) -> dict[str, Any]:
    """Those of its fields; parts that there are none of may be 0 or untold."""
    return {name: row[name] or 0 if name.endswith("_tokens") else row[name] for name in names}


def rejected(portal: Any) -> dict[str, Any]:
    """Of all sources what could not be stored."""
    sources = portal.request("GET", "/_qs/metrics/now").json()["sources"]
    return {each["source"]: each["rejected"] for each in sources if each["rejected"]}

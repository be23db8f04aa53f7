"""No value that anyone writes where another is meant makes a server error, nor ends an import."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cliproxy import record
from tests.odd_values import ODD, each_with_one, with_some
from tests.old_files import counts, run
from tests.otlp import log, logs, request, span
from tests.test_agent_logs import ANSWERED, CLAUDE, COMPLETED
from tests.test_litellm import payload
from tests.thorough import examples, some
from usage.heard import Heard
from usage.intake import cliproxy, litellm, native
from usage.intake.agents import readers
from usage.intake.otlp import calls, json_logs
from usage.intake.otlp import json as otlp_json
from usage.intake.parsed import MalformedBody
from usage.models import UsageMetric
from usage.records import InvalidRow

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
EXPORTS = Path(__file__).parent / "data" / "exports"
ROW = {
    "timestamp": "2024-01-15T10:00:00Z",
    **dict.fromkeys(("model", "provider", "requested_model", "request_id", "response_id"), "m"),
    **dict.fromkeys(("user", "event_id", "source", "api_key_hash"), "m"),
    **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"), 3),
    **dict.fromkeys(("latency_ms", "ttft_ms", "cost_usd"), 1.5),
    "status": 200,
}
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.usage.output_tokens": 4,
    "gen_ai.usage.cost": 0.5,
    "gen_ai.server.time_to_first_token": 0.5,
    "gen_ai.conversation.id": "c",
    "user.id": "u",
    "http.response.status_code": 200,
    "langfuse.observation.usage_details": '{"input": 3}',
    "langfuse.observation.cost_details": '{"total": 3}',
}
POSTED = {
    "/_qs/usage": ROW,
    "/_qs/litellm": [
        payload(
            call_type="aretrieve_batch",
            status="failure",
            stream=True,
            session_id="s",
            response={"completed_at": 1, "created_at": 2},
            error_information={"error_code": "429", "error_class": "RateLimitError"},
            metadata={
                "user_api_key_hash": "ab",
                "usage_object": {"prompt_tokens_details": {"cached_tokens": 1}},
            },
        )
    ],
    "/v1/traces": request(
        span(CALL, events=[("gen_ai.first.token", 5, {"a": 1})]), resource={"service.name": "s"}
    ),
    "/v1/logs": logs(log(ANSWERED), log(COMPLETED), scope=CLAUDE, resource={"service.name": "s"}),
}
FILES = {
    "rows": ROW,
    "queue": json.loads(record()),
    "payloads": payload(stream=True),
    "events": json.loads((EXPORTS / "keeper-events.json").read_bytes())["events"][0],
    "manager's events": json.loads(
        (EXPORTS / "cpa-manager-events.jsonl").read_text().partition("\n")[0]
    ),
}


READERS = {
    "/_qs/usage": lambda body: native.parse_json(body, NOW),
    "/_qs/litellm": lambda body: litellm.parse(body, NOW),
    "/v1/traces": lambda body: calls.records_of(otlp_json.spans(body), NOW),
    "/v1/logs": lambda body: readers.records_of(json_logs.events(body, Heard()), NOW, Heard()),
}


def is_read(read: Callable[[bytes], Any], body: str) -> bool:
    """Or refused; all else is raised."""
    try:
        read(body.encode())
    except (InvalidRow, MalformedBody):
        return False
    return True


@pytest.mark.parametrize("path", POSTED)
def test_an_odd_value_in_any_place_is_read_or_refused(path):
    found = Counter(is_read(READERS[path], body) for body in some(each_with_one(POSTED[path])))
    assert found[True] > examples(100)


def test_the_queue_reads_or_refuses_it_too():
    bodies = some(each_with_one(FILES["queue"]))
    found = Counter(is_read(lambda body: cliproxy.record_of(body, "east", NOW), b) for b in bodies)
    assert found[True] > examples(1000)


@settings(max_examples=examples(300))
@given(data=st.data(), path=st.sampled_from(sorted(POSTED)))
def test_several_make_no_server_error(client, data, path):
    body = data.draw(with_some(POSTED[path]))
    assert client.post(path, body, content_type="application/json").status_code in (200, 201, 400)


def test_a_time_of_400_digits_costs_only_the_latency(client):
    body = json.dumps(payload(startTime=10**400 - 1))
    answer = client.post("/_qs/litellm", body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (201, {"accepted": 1, "duplicates": 0})
    assert UsageMetric.objects.values_list("latency_ms", "ttft_ms").get() == (None, None)


@pytest.mark.parametrize("kind", FILES)
def test_an_import_goes_on_behind_it(tmp_path, kind):
    path = tmp_path / "file"
    literals = [each for each in ODD if len(each) < 10_000]
    first = {**FILES[kind], "note": "first"}
    path.write_text("\n".join([json.dumps(first), *some(each_with_one(FILES[kind], literals))]))
    said = counts(run(path))
    imported, there, rejected = (int(n.replace(",", "")) for n in re.findall("[0-9,]*[0-9]", said))
    assert imported + there + rejected == len(path.read_text().split("\n"))

"""`POST /_qs/litellm`: LiteLLM's standard logging payloads, whatever is in them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thorough import examples
from usage.models import UsageMetric

pytestmark = pytest.mark.django_db
URL = "/_qs/litellm"
START = 1_705_320_000.25


def payload(**fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "litellm_call_id": "call-1",
        "call_type": "acompletion",
        "stream": False,
        "status": "success",
        "custom_llm_provider": "anthropic",
        "startTime": START,
        "endTime": START + 2,
        "completionStartTime": START + 0.5,
        "model": "anthropic/claude-5",
        "model_group": "best",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "response_cost": 0.25,
        "messages": [{"role": "user", "content": "SECRET PROMPT TEXT"}],
        "metadata": {"user_api_key_hash": "ab" * 32},
        **fields,
    }


def post(client: Any, body: Any, content_type: str = "application/json") -> Any:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(URL, data, content_type=content_type, CONTENT_TYPE=content_type)


def stored(client: Any, **fields: Any) -> dict[str, Any]:
    answer = post(client, payload(**fields))
    assert (answer.status_code, answer.json()) == (201, {"accepted": 1, "duplicates": 0})
    return UsageMetric.objects.values().get()


def test_a_call_with_all_that_is_known_of_it(client):
    usage = {
        "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    metadata = {"user_api_key_hash": "ab" * 32, "usage_object": usage}
    row = stored(client, stream=True, end_user="ann", metadata=metadata)
    expected = {
        "model": "claude-5",
        "requested_model": "best",
        "provider": "anthropic",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "cached_tokens": 60,
        "cache_write_tokens": 30,
        "reasoning_tokens": 5,
        "latency_ms": 2000.0,
        "ttft_ms": 500.0,
        "cost_usd": 0.25,
        "status": "200",
        "api_key_hash": "ab" * 32,
        "response_id": "chatcmpl-1",
        "user": "ann",
        "source": "litellm",
    }
    assert {name: row[name] for name in expected} == expected


def test_anthropic_names_its_cache_in_another_way(client):
    usage = {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 30}
    row = stored(client, metadata={"usage_object": usage})
    assert (row["cached_tokens"], row["cache_write_tokens"]) == (60, 30)


def test_the_sdk_tells_the_user_among_the_parameters(client):
    row = stored(client, end_user=None, model_parameters={"user": "ann", "temperature": 1})
    assert row["user"] == "ann"


def test_a_call_that_does_not_stream_has_no_first_token(client):
    assert stored(client)["ttft_ms"] is None


def test_without_a_group_the_model_was_asked_for_itself(client):
    assert stored(client, model_group="")["requested_model"] == "claude-5"


@pytest.mark.parametrize(
    ("information", "status"),
    [
        ({"error_code": "429", "error_class": "RateLimitError"}, "429"),
        ({"error_code": "", "error_class": "ContextWindowExceededError"}, "400"),
        ({"error_code": None, "error_class": "Timeout"}, "408"),
        ({"error_code": "oops"}, "500"),
        ({}, "500"),
        (None, "500"),
    ],
)
def test_a_failure_has_its_status(client, information, status):
    assert stored(client, status="failure", error_information=information)["status"] == status


@pytest.mark.parametrize("name", ["response_cost_failure_debug_info", "zero_cost_diagnostic"])
def test_a_cost_of_zero_that_litellm_could_not_reckon_is_none(client, name):
    row = stored(client, model="my-own", response_cost=0.0, **{name: {"reason": "no price"}})
    assert (row["cost_usd"], row["cost_source"]) == (None, None)


def test_a_cost_of_zero_without_a_reason_is_one(client):
    row = stored(client, model="my-own", response_cost=0.0)
    assert (row["cost_usd"], row["cost_source"]) == (0.0, "reported")


def test_retries_share_the_providers_id_and_are_calls_of_their_own(client):
    post(client, [payload(), payload(litellm_call_id="call-2"), payload()])
    assert UsageMetric.objects.count() == 2


def test_tools_are_no_calls(client):
    answer = post(client, [payload(call_type="call_mcp_tool"), payload()])
    assert answer.json() == {"accepted": 1, "duplicates": 0}


@pytest.mark.parametrize(
    ("call_type", "is_call", "is_call_with_usage"),
    [
        ("acompletion", True, True),
        ("text_completion", True, True),
        ("aembedding", True, True),
        ("aresponses", True, True),
        ("anthropic_messages", True, True),
        ("agenerate_content_stream", True, True),
        ("aimage_generation", True, True),
        ("arerank", True, True),
        ("atranscription", True, True),
        ("", True, True),
        (None, True, True),
        ("pass_through_endpoint", False, True),
        ("some_new_thing", False, True),
        ("arun_thread", False, True),
        ("acreate_file", False, True),
        ("acreate_batch", False, True),
        ("aretrieve_batch", False, True),
        ("afile_content", False, False),
        ("alist_batches", False, False),
        ("acancel_batch", False, False),
        ("avector_store_file_content", False, False),
        ("aget_responses", False, False),
        ("alist_input_items", False, False),
        ("avideo_status", False, False),
        ("avideo_content", False, False),
        ("call_mcp_tool", False, False),
        ("list_mcp_tools", False, False),
    ],
)
def test_what_asks_no_model_is_passed_over(client, call_type, is_call, is_call_with_usage):
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "response_cost": 0.0}
    for fields, expected in ((nothing, is_call), ({}, is_call_with_usage)):
        UsageMetric.objects.all().delete()
        answer = post(client, payload(call_type=call_type, **fields))
        assert answer.status_code == (201 if expected else 200)
        assert answer.json() == {"accepted": int(expected), "duplicates": 0}
        assert UsageMetric.objects.count() == expected


def test_a_batch_counts_once_however_often_and_wherever_it_is_polled(client):
    polls = [
        payload(
            id="batch_1",
            litellm_call_id=f"poll-{number}",
            call_type="aretrieve_batch",
            endTime=START + number,
            response={"object": "batch", "created_at": START - 90, "completed_at": START - 5},
        )
        for number in range(4)
    ]
    post(client, polls[:2])
    for each in polls[2:]:
        post(client, each)
    row = UsageMetric.objects.get()
    assert (row.prompt_tokens, row.response_id) == (100, "batch_1")
    assert row.timestamp.timestamp() == START - 5


def test_calls_of_the_proxy_itself_are_told_apart(client):
    origins = {
        "autorouter_classifier": "acompletion",
        "shadow_eval_judge": "acompletion",
        "background_response_cost_poll": "aget_responses",
    }
    for number, (origin, call_type) in enumerate(origins.items()):
        metadata = {"internal_call_origin": origin}
        call = payload(litellm_call_id=f"c-{number}", call_type=call_type, metadata=metadata)
        assert post(client, call).json()["accepted"] == 1
    assert set(UsageMetric.objects.values_list("source", flat=True)) == {"litellm-internal"}


def test_who_and_where(client):
    metadata = {
        "user_api_key_user_email": "ann@example.com",
        "user_api_key_team_alias": "red",
        "user_api_key_team_id": "t-1",
        "user_api_key_project_alias": "shop",
    }
    row = stored(client, metadata=metadata, session_id="s-1", model_id="deployment-1")
    expected = {
        "user": "ann@example.com",
        "team": "red",
        "project": "shop",
        "session": "s-1",
        "account": "deployment-1",
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"id": "r" * 3000}, {"prompt_tokens": 100}),
        ({"model": ""}, {"model": "unknown"}),
        ({"model": None, "model_group": None}, {"model": "unknown"}),
        ({"model": "m" * 300}, {"model": "m" * 255}),
        ({"end_user": "a\nb"}, {"user": "a b"}),
        ({"end_user": 7}, {"user": "7"}),
        ({"response_cost": float("nan")}, {"prompt_tokens": 100}),
        ({"response_cost": -1}, {"prompt_tokens": 100}),
        ({"completion_tokens": float("inf")}, {"completion_tokens": 20, "total_tokens": 120}),
        ({"metadata": "none"}, {"prompt_tokens": 100, "api_key_hash": None}),
        ({"metadata": []}, {"prompt_tokens": 100}),
        ({"error_information": "none"}, {"status": "200"}),
        ({"model_parameters": ["user"]}, {"user": None}),
        ({"litellm_call_id": "c" * 3000}, {"prompt_tokens": 100}),
        ({"custom_llm_provider": "p" * 90, "model": "m"}, {"provider": "p" * 64}),
        ({"total_tokens": "many"}, {"total_tokens": 120}),
        ({"response_cost": "0.25"}, {"cost_usd": 0.25}),
        ({"endTime": str(START + 2)}, {"latency_ms": None, "prompt_tokens": 100}),
        ({"endTime": None}, {"latency_ms": None, "prompt_tokens": 100}),
        ({"endTime": "2024-01-15T12:00:02"}, {"prompt_tokens": 100}),
        ({"endTime": {"a": 1}, "completionStartTime": []}, {"prompt_tokens": 100}),
        (
            {
                "prompt_tokens": None,
                "completion_tokens": 0,
                "total_tokens": 0,
                "metadata": {
                    "usage_object": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
                },
            },
            {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        ),
        ({"messages": [{"logprob": float("-inf")}, 'NaN "Infinity" \\']}, {"prompt_tokens": 100}),
    ],
)
@pytest.mark.parametrize("form", ["array", "single", "lines"])
def test_an_optional_field_never_costs_the_row(client, form, fields, expected):
    calls = [payload(**fields), payload(litellm_call_id="another")]
    bodies = {
        "array": [json.dumps(calls)],
        "single": map(json.dumps, calls),
        "lines": ["\n".join(map(json.dumps, calls))],
    }
    for body in bodies[form]:
        assert post(client, body).status_code == 201
    row = UsageMetric.objects.order_by("id").values()[0]
    assert {name: row[name] for name in expected} == expected
    assert UsageMetric.objects.count() == 2


@pytest.mark.parametrize(
    "odd",
    [
        b'"\\ud800"', b'"a\x01\tb"', b'"\xff\xfe"', b'"\xc3"', b'"\\x41"', b"1e999", b"-1e999",
        b"NaN", b"9" * 5000, b"01",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["end_user", "messages", "stream"])
@pytest.mark.parametrize("form", ["array", "lines"])
def test_what_is_nearly_json_costs_no_row(client, form, field, odd):
    calls = [payload(**{field: "PUT IT HERE"}), payload(litellm_call_id="another")]
    body = {"array": json.dumps(calls), "lines": "\n".join(map(json.dumps, calls))}[form]
    answer = post(client, body.encode().replace(b'"PUT IT HERE"', odd))
    assert (answer.status_code, answer.json()) == (201, {"accepted": 2, "duplicates": 0})


@pytest.mark.parametrize("end", [1, 2, 50])
def test_a_batch_that_was_cut_off_is_refused(client, end):
    body = json.dumps([payload(), payload(litellm_call_id="another")])[:-end]
    for odd in (body.encode(), body.encode().replace(b"SECRET", b"\xff\\ud800")):
        answer = post(client, odd)
        assert answer.status_code == 400
        assert "not valid JSON" in answer.json()["error"]
    assert not UsageMetric.objects.exists()


@pytest.mark.parametrize("form", ["array", "lines", "single", "pretty"])
def test_each_format(client, form):
    calls = [payload(litellm_call_id=f"call-{number}") for number in range(3)]
    bodies = {
        "array": [json.dumps(calls)],
        "lines": ["\n".join(map(json.dumps, calls))],
        "single": map(json.dumps, calls),
        "pretty": [json.dumps(call, indent=2) for call in calls],
    }
    for body in bodies[form]:
        assert post(client, body).status_code == 201
    assert UsageMetric.objects.count() == 3


def test_a_batch_of_the_default_size(client):
    text = "SECRET PROMPT TEXT " * 600
    batch = [
        payload(litellm_call_id=f"call-{number}", messages=[{"content": text}])
        for number in range(512)
    ]
    body = json.dumps(batch)
    assert len(body) > 5_000_000
    assert post(client, body).json() == {"accepted": 512, "duplicates": 0}


def test_one_bad_record_costs_only_itself(client):
    answer = post(client, [payload(), payload(prompt_tokens=-1), {"id": 5}, "SECRET", payload()])
    found = answer.json()
    assert answer.status_code == 201
    assert (found["accepted"], found["duplicates"], found["rejected"]) == (1, 1, 3)
    assert {error["index"] for error in found["errors"]} == {1, 2, 3}
    assert "SECRET" not in answer.content.decode()


@pytest.mark.parametrize("body", ["", "nonsense", "5", '[{"id": 1}]', '{"a": 1}\nnonsense\n{}'])
def test_nothing_that_can_be_stored_is_an_error(client, body):
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_only_json_is_taken(client):
    assert post(client, "{}", "text/plain").status_code == 415


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@settings(max_examples=examples(150))
@given(fields=st.dictionaries(st.sampled_from(sorted(payload())), values))
def test_nothing_makes_a_server_error(client, fields):
    answer = post(client, json.dumps([payload(**fields)]))
    assert answer.status_code in (201, 400)

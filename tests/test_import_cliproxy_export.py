"""`manage.py import_metrics` of CLIProxyAPI's older statistics: what its details become."""

import json
from typing import Any

import pytest
from django.core.management import CommandError

from tests.factory import at
from tests.old_files import counts, rejects_of, run
from usage.identity import hash_api_key
from usage.models import UsageMetric

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("portal_folder")]
KEY = "sk-SECRET-client-key-1"
HASH = hash_api_key(KEY)
PERSON = "secret.person@example.com"
START = "2026-04-22T20:28:20.825867424-05:00"
NAMES = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "total_tokens")


def detail(*tokens: int, **fields: Any) -> dict[str, Any]:
    return {
        "timestamp": START,
        "latency_ms": 2124,
        "source": PERSON,
        "auth_index": "a1",
        "tokens": dict(zip(NAMES, tokens or (803, 9, 114, 0, 926), strict=True)),
        "failed": False,
        **fields,
    }


def snapshot(*details: dict[str, Any], key: str = KEY, model: str = "m", more: int = 0) -> Any:
    total = len(details) + more
    counted = {"total_requests": total, "total_tokens": total * 100}
    models = {model: {**counted, "details": details}}
    return {**counted, "apis": {key: {**counted, "models": models}}, "requests_by_day": {}}


@pytest.fixture
def file(tmp_path):
    def write(value: Any):
        path = tmp_path / "file"
        path.write_text(json.dumps(value))
        return path

    return write


def stored(*names: str) -> list[tuple[Any, ...]]:
    return list(UsageMetric.objects.order_by("id").values_list(*names))


def test_a_detail_becomes_a_row_of_the_time_it_was_completed(file):
    run(file({"version": 1, "usage": snapshot(detail(), model="gemini-2.5-flash")}))

    row = UsageMetric.objects.values().get()
    for name in ("id", "created_at", "is_summed", "event_id", "cost_usd", "cost_source"):
        del row[name]
    assert row == {
        "timestamp": at("2026-04-23 01:28:22.949867"),
        "model": "gemini-2.5-flash",
        "requested_model": "gemini-2.5-flash",
        "prompt_tokens": 803,
        "completion_tokens": 123,
        "total_tokens": 926,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 114,
        "request_id": None,
        "status": "200",
        "latency_ms": 2124.0,
        "ttft_ms": None,
        "api_key_hash": HASH,
        "provider": None,
        "source": "import",
        "response_id": None,
        "app": None,
        **dict.fromkeys(("user", "team", "project", "session", "account", "service_tier")),
        **dict.fromkeys(("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens")),
        **dict.fromkeys(("image_input_tokens", "image_output_tokens")),
        "excluded_as": None,
    }


@pytest.mark.parametrize(
    "wrapped",
    [
        {"version": 1, "exported_at": START, "usage": snapshot(detail())},
        {"version": 0, "usage": snapshot(detail())},
        {"usage": snapshot(detail()), "failed_requests": 0},
        snapshot(detail()),
    ],
)
def test_every_wrapping_holds_the_same_rows(file, wrapped):
    run(file({"version": 1, "usage": snapshot(detail())}))
    assert counts(run(file(wrapped))) == "0 imported, 1 there before, 0 rejected."


@pytest.mark.parametrize(
    "same",
    [
        detail(latency_ms=2124, timestamp="2026-04-23T01:28:20.825867424Z"),
        detail(latency_ms=2124, timestamp="2026-04-23T07:13:20.825867424+05:45"),
        detail(803, 9, 114, 0, 0),  # CLIProxyAPI fills the total in
    ],
)
def test_what_cliproxyapi_takes_for_one_request_is_one(file, same):
    said = run(file(snapshot(detail(), same)))
    assert counts(said) == "1 imported, 1 there before, 0 rejected."


@pytest.mark.parametrize(
    "other",
    [
        detail(timestamp="2026-04-22T20:28:20.825867425-05:00"),
        detail(source="another@example.com"),
        detail(auth_index="a2"),
        detail(failed=True),
        detail(804, 9, 114, 0, 926),
    ],
)
def test_what_it_tells_apart_is_two(file, other):
    assert counts(run(file(snapshot(detail(), other)))).startswith("2 imported")


def test_a_later_export_adds_only_the_news(file):
    run(file(snapshot(detail())))
    said = run(file(snapshot(detail(), detail(timestamp="2026-04-23T00:00:00Z"))))
    assert counts(said) == "1 imported, 1 there before, 0 rejected."


@pytest.mark.parametrize(
    ("model", "tokens", "row"),
    [
        # Reasoning is apart where the total counts it beside the output …
        ("gemini-2.5-pro", (11, 7, 3, 5, 21), (11, 10, 21, 5)),
        ("gemini-2.5-pro", (11, 7, 3, 0, 30), (11, 10, 30, 0)),
        ("gemini-2.5-pro", (11, 10, 3, 0, 21), (11, 10, 21, 0)),
        ("grok-4", (11, 7, 3, 0, 21), (11, 10, 21, 0)),
        ("grok-4", (11, 7, 3, 0, 22), (11, 7, 22, 0)),
        # … but never with OpenAI's models.
        ("gpt-5", (11, 7, 3, 5, 21), (11, 7, 21, 5)),
        ("openai/o3-mini", (11, 7, 3, 0, 21), (11, 7, 21, 0)),
        # Claude's input leaves out the cache; so does one that is smaller than what was cached.
        ("claude-sonnet-4-5", (12, 300, 0, 9000, 312), (9012, 300, 9312, 9000)),
        ("claude-sonnet-4-5", (500, 300, 0, 90, 800), (590, 300, 890, 90)),
        ("gemini-claude-opus-4-5", (500, 300, 0, 90, 800), (500, 300, 800, 90)),
        ("glm-4.6", (12, 300, 0, 9000, 312), (9012, 300, 9312, 9000)),
        ("glm-4.6", (500, 300, 0, 90, 800), (500, 300, 800, 90)),
        # The total is the file's, unless it has none, or less than both of these.
        ("m", (1, 2, 0, 0, 0), (1, 2, 3, 0)),
    ],
)
def test_tokens_are_counted_as_the_numbers_tell(file, model, tokens, row):
    run(file(snapshot(detail(*tokens), model=model)))
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens")
    assert stored(*names) == [row]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, HASH),
        ("any words", hash_api_key("any words")),
        ("POST /v1/chat/completions", None),
        ("/v1/responses", None),
        ("unknown", None),
        ("-", None),
        (" ", None),
    ],
)
def test_the_key_is_hashed_and_an_endpoint_in_its_place_is_none(file, key, expected):
    run(file(snapshot(detail(), key=key)))
    assert stored("api_key_hash") == [(expected,)]


def test_a_failure_has_a_status_of_failure(file):
    run(file(snapshot(detail(failed=True))))
    run(file(snapshot(detail(failed=True, fail_status_code=429), model="n")))
    assert stored("status") == [("500",), ("429",)]


def test_oldest_details_have_neither_latency_nor_account(file):
    old = {"timestamp": "2025-09-01T10:00:00Z", "tokens": {"input_tokens": 1, "output_tokens": 2}}
    run(file(snapshot(old, {**old, "auth_index": 5, "latency_ms": -3})))
    assert set(stored("timestamp", "latency_ms", "total_tokens")) == {
        (at("2025-09-01 10:00"), None, 3),
        (at("2025-09-01 10:00"), 0.0, 3),
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp: is Go's zero time, which stands for"),
        ({"timestamp": None}, "timestamp: is missing"),
        ({"timestamp": ""}, "timestamp: is no time that a known driver writes"),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "timestamp: is before the year 2000"),
        ({"tokens": {"input_tokens": -5}}, "prompt_tokens: must be a whole number from 0 to "),
        ({"tokens": {"input_tokens": 1.5}}, "is no detail of a request: Expected `int`"),
        ({"tokens": {"total_tokens": 2**60}}, "total_tokens: must be a whole number from 0 to "),
    ],
)
def test_a_bad_detail_costs_only_itself(file, bad, reason):
    path = file(snapshot(detail(), detail(**bad)))

    assert counts(run(path)) == "1 imported, 0 there before, 1 rejected."
    (line,) = map(json.loads, rejects_of(path).read_text().splitlines())
    assert (line["id"], line["reason"][: len(reason)]) == ("detail 2", reason)
    assert line["row"]["model"] == "m"


def test_a_latency_that_is_none_costs_no_detail(file):
    run(file(snapshot(detail(latency_ms=1e300))))
    assert stored("latency_ms", "total_tokens") == [(None, 926)]


def test_requests_without_details_are_told_of(file):
    said = run(file(snapshot(detail(), more=3)))
    assert said.splitlines()[-1] == (
        "The file tells of 3 more requests without saying when each was: they cannot be imported. "
        "It counts 4 requests and 400 tokens in all."
    )
    assert "more requests" not in run(file(snapshot(detail())))


def test_sums_without_any_details_are_told_of(file):
    said = run(file({"usage": {"total_requests": 7, "total_tokens": 70, "apis": {}}}))
    assert counts(said) == "0 imported, 0 there before, 0 rejected."
    assert "tells of 7 more requests" in said


def test_cpa_manager_answers_with_endpoints_and_hashes(file):
    mine = detail(
        provider="claude",
        api_key_hash=HASH,
        resolved_model="claude-sonnet-4-5",
        fail_status_code=529,
        failed=True,
        ttft_ms=300,
        cache_input_mode="included_in_input",
    )
    run(file(snapshot(mine, key="POST /v1/messages", model="alias")))
    names = ("model", "requested_model", "provider", "api_key_hash", "status", "ttft_ms")
    assert stored(*names) == [("claude-sonnet-4-5", "alias", "claude", HASH, "529", 300.0)]


def test_a_zone_may_be_given_for_times_that_name_none(file):
    path = file(snapshot(detail(timestamp="2026-04-22 20:28:20", latency_ms=0)))
    run(path, source_time_zone="Europe/Prague")
    assert stored("timestamp") == [(at("2026-04-22 18:28:20"),)]


def test_an_error_names_no_key(file):
    with pytest.raises(CommandError) as caught:
        run(file({"usage": {"apis": {KEY: {"models": {"m": {"details": 5}}}}}}))
    assert KEY not in str(caught.value)

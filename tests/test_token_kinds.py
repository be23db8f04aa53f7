"""Tokens that have prices of their own, and tiers: read from each sender, priced by hand."""

import datetime as dt
import json
from typing import Any

import pytest

from usage.intake import cliproxy, litellm
from usage.intake.otlp import loose_names
from usage.intake.token_kinds import KindsTold, kinds_of
from usage.models import PriceOverride, UsageMetric
from usage.pricing import TokenCounts, catalog
from usage.pricing.sources import GENAI_PRICES, GUESSED
from usage.recording import record_usage

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
M = 1_000_000


@pytest.mark.parametrize(
    ("model", "provider", "tier", "tokens", "usd"),
    [
        # Dollars a million. Sonnet 4.6: 3 in, 15 out, written 3.75, for an hour 6, read 0.3
        ("claude-sonnet-4-6", "anthropic", None, TokenCounts(M, M), 3 + 15),
        ("claude-sonnet-4-6", "anthropic", None, TokenCounts(M, 0, cache_write=M), 3.75),
        (
            "claude-sonnet-4-6",
            "anthropic",
            None,
            TokenCounts(M, 0, cache_write=M, cache_write_1h=M),
            6,
        ),
        (
            "claude-sonnet-4-6",
            "anthropic",
            None,
            TokenCounts(2 * M, 0, cached=M, cache_write=M, cache_write_1h=M // 2),
            0.3 + 3.75 / 2 + 6 / 2,
        ),
        ("claude-sonnet-4-6", "anthropic", "standard", TokenCounts(M, M), 3 + 15),
        ("claude-sonnet-4-6", "anthropic", "batch", TokenCounts(M, M), 1.5 + 7.5),
        (
            "anthropic/claude-sonnet-4.5",
            "openrouter",
            None,
            TokenCounts(100_000, 0, cache_write=100_000, cache_write_1h=100_000),
            0.6,
        ),
        # OpenAI: GPT-4.1 2 in, 8 out; priority 3.5 and 14; batch half
        ("gpt-4.1", "openai", None, TokenCounts(M, M), 2 + 8),
        ("gpt-4.1", "openai", "priority", TokenCounts(M, M), 3.5 + 14),
        ("gpt-4.1", "openai", "Batch", TokenCounts(M, M), 1 + 4),
        # o3: 2 in, 8 out; flex half
        ("o3", "openai", "flex", TokenCounts(M, M), 1 + 4),
        # GPT-4o mini realtime: text 0.6 and 2.4, audio 10 and 20
        (
            "gpt-4o-mini-realtime-preview",
            "openai",
            None,
            TokenCounts(M, M, audio_input=M // 2, audio_output=M // 4),
            0.3 + 5 + 1.8 + 5,
        ),
        # Gemini 2.5 Flash: text 0.3, audio 1 in
        ("gemini-2.5-flash", "google", None, TokenCounts(M, 0, audio_input=M), 1),
        ("gemini-2.5-flash", "google", None, TokenCounts(M, 0, image_input=M), 0.3),
        # Long contexts: Sonnet 4.5 past 200,000 tokens doubles its input
        ("claude-sonnet-4-5", "anthropic", None, TokenCounts(M, 0), 6),
        ("claude-sonnet-4-5", "anthropic", None, TokenCounts(200_000, 0), 0.6),
    ],
)
def test_a_row_costs_what_its_kinds_and_tier_cost(model, provider, tier, tokens, usd):
    offer = catalog.offer_of(model, provider, AT, tier)
    assert offer.rates.cost_usd(tokens) == pytest.approx(usd)
    assert offer.source == GENAI_PRICES


def test_a_tier_without_a_price_of_its_own_is_a_guess():
    standard = catalog.offer_of("mistral-nemo", "mistral", AT)
    assert catalog.offer_of("mistral-nemo", "mistral", AT, "priority") == (standard.rates, GUESSED)


def test_an_operators_price_counts_whatever_the_tier(db):
    PriceOverride.objects.create(
        model_pattern="m", prompt_usd_per_mtok=4, completion_usd_per_mtok=0, request_usd=0
    )
    record_usage(model="m", prompt_tokens=M, service_tier="batch", audio_input_tokens=M)
    assert UsageMetric.objects.get().cost_usd == pytest.approx(4)


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        (KindsTold(), {}),
        (KindsTold(500, "7", 3.0), {"cache_write_1h_tokens": 10, "audio_input_tokens": 7}),
        (KindsTold(None, -1, "x", True, 10**30), {}),
        (KindsTold(image_input=200, image_output=2), {"image_input_tokens": 100}),
    ],
)
def test_no_kind_is_larger_than_what_it_is_part_of(told, fields):
    row = {"prompt_tokens": 100, "completion_tokens": 20, "cache_write_tokens": 10}
    found = kinds_of(told, row)
    assert fields.items() <= found.items()
    assert all(count <= 100 for count in found.values())


def test_cliproxyapi_tells_the_tier_of_the_answer_before_that_of_the_request():
    told = {"timestamp": "2026-04-25T00:00:00Z", "model": "m", "service_tier": "auto"}
    for more, tier in (({}, "auto"), ({"response_service_tier": "flex"}, "flex")):
        record = cliproxy.record_of(json.dumps({**told, **more}).encode(), "east", AT)
        assert record.service_tier == tier


def litellm_row(**usage: Any) -> dict[str, Any]:
    call = {
        "litellm_call_id": "c",
        "startTime": 1_795_773_600,
        "endTime": 1_795_773_601,
        "model": "gpt-5",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "metadata": {"usage_object": usage},
        "model_parameters": {"service_tier": "flex"},
    }
    (record,) = litellm.parse(json.dumps(call).encode(), dt.datetime.now(dt.UTC)).records
    names = ("cache_write_tokens", "cache_write_1h_tokens", "audio_input_tokens")
    more = ("audio_output_tokens", "image_input_tokens", "image_output_tokens", "service_tier")
    return {name: getattr(record, name) for name in (*names, *more)}


def test_litellm_tells_kinds_in_its_usage_object():
    row = litellm_row(
        prompt_tokens_details={
            "audio_tokens": 5,
            "image_tokens": 6,
            "cache_creation_tokens": 30,
            "cache_creation_token_details": {"ephemeral_1h_input_tokens": 20},
        },
        completion_tokens_details={"audio_tokens": 7, "image_tokens": 8},
        service_tier="priority",
    )
    assert list(row.values()) == [30, 20, 5, 7, 6, 8, "priority"]
    assert list(litellm_row().values()) == [0, None, None, None, None, None, "flex"]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("llm.token_count.prompt_details.audio", "audio_input_tokens"),
        ("llm.token_count.completion_details.audio", "audio_output_tokens"),
        ("gen_ai.usage.details.input_audio_tokens", "audio_input_tokens"),
        ("gen_ai.usage.output_tokens.image", "image_output_tokens"),
        ("gen_ai.usage.details.cache_audio_read_tokens", None),
        ("gen_ai.usage.details.audio_tokens", None),
    ],
)
def test_names_of_kinds_are_read_by_their_words(name, field):
    place = loose_names.place_of(name)
    assert (place and place[0]) == field

"""What a request costs, and who says so: the sender, the operator, or genai-prices."""

import datetime as dt
from decimal import Decimal
from functools import cache

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st
from model_bakery import baker

from usage.asking.filters import UsageFilter
from usage.models import PriceOverride, UsageMetric
from usage.pricing import TokenCounts, catalog, current_prices, overrides
from usage.pricing.rates import Rates
from usage.pricing.sources import GENAI_PRICES
from usage.queries import usage_totals
from usage.recording import record_usage

AT = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
COUNTS = st.integers(0, 3_000_000)


def offered(model: str, provider: str | None, at: dt.datetime = AT) -> Rates | None:
    offer = catalog.offer_of(model, provider, at)
    return offer and offer.rates


@cache
def priced() -> list[tuple[str, str]]:
    """Each provider and model of the catalog that has a price for tokens."""
    return [
        (provider.id, model.id)
        for provider in get_snapshot().providers
        for model in provider.models
        if provider.find_model(model.id)
        and (offer := catalog.offer_of(model.id, provider.id, AT))
        and (offer.source, bool(offer.rates)) == (GENAI_PRICES, True)
    ]


def an_override(pattern: str = "gpt-4o*", **fields: object) -> PriceOverride:
    prices = {"prompt_usd_per_mtok": 1, "completion_usd_per_mtok": 2, "request_usd": 0}
    return baker.make(
        PriceOverride, **{"model_pattern": pattern, "provider": "", **prices, **fields}
    )


def stored(**fields: object) -> tuple[float | None, str | None]:
    record_usage(**{"model": "gpt-4o-mini", "timestamp": AT.isoformat(), **fields})
    row = UsageMetric.objects.latest("id")
    return row.cost_usd, row.cost_source


def assert_reckoned_alike(provider: str, model: str, tokens: TokenCounts) -> None:
    usage = genai_prices.Usage(
        input_tokens=tokens.prompt,
        output_tokens=tokens.completion,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=tokens.cache_write,
    )
    theirs = genai_prices.calc_price(
        usage, model, provider_id=provider, genai_request_timestamp=AT
    ).total_price
    ours = offered(model, provider).cost_usd(tokens)
    assert ours == pytest.approx(float(theirs), rel=1e-9, abs=1e-12), (provider, model)


def test_every_published_price_is_the_one_that_genai_prices_reckons():
    for provider, model in priced():
        assert_reckoned_alike(provider, model, TokenCounts(123_456, 7_890, 100_000, 2_000))


@given(st.deferred(lambda: st.sampled_from(priced())), COUNTS, COUNTS, COUNTS, COUNTS)
def test_so_it_is_for_any_number_of_tokens(offer, prompt, out, read, write):
    read, write = min(read, prompt), min(write, max(prompt - read, 0))
    assert_reckoned_alike(*offer, TokenCounts(prompt, out, read, write))


def test_most_of_the_catalog_is_priced_by_tokens():
    models = sum(len(provider.models) for provider in get_snapshot().providers)
    assert len(priced()) > 0.85 * models


@pytest.mark.parametrize(
    ("model", "provider", "like"),
    [
        ("gpt-4o-mini", None, ("gpt-4o-mini", "openai")),
        ("openai/gpt-4o-mini", None, ("gpt-4o-mini", "openai")),
        ("gpt-4o-mini", "codex", ("gpt-4o-mini", "openai")),
        ("GPT-4o-mini", "OpenAI", ("gpt-4o-mini", "openai")),
        ("claude-sonnet-4-5", "claude", ("claude-sonnet-4-5", "anthropic")),
        ("claude-sonnet-4-5", "antigravity", ("claude-sonnet-4-5", "anthropic")),
        ("claude-sonnet-4-5", "openai", ("claude-sonnet-4-5", "anthropic")),
        ("gemini-2.5-flash", "vertex", ("gemini-2.5-flash", "google")),
        ("gemini-2.5-flash", "aistudio", ("gemini-2.5-flash", "google")),
        ("gpt-4o-mini", "azure", ("gpt-4o-mini", "azure")),
    ],
)
def test_providers_are_known_by_the_names_that_proxies_give_them(model, provider, like):
    rates = offered(model, provider)
    assert rates is not None
    assert rates == offered(*like)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("nobody-knows-it", None),
        ("nobody-knows-it", "openai"),
        ("gpt-4o-mini", "ollama"),
        ("my-mistral", "a-gateway-with-prices-of-its-own"),
        ("ollama/gpt-4o-mini", None),
        ("\u200b" * 255, ""),
        ("/", "/"),
    ],
)
def test_what_nobody_has_published_is_not_priced(model, provider):
    assert catalog.offer_of(model, provider, AT) is None


def test_a_published_price_changes_on_its_day():
    changed = [
        (model, provider.id, price.constraint.start_date)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list) and model.prices[0].prices != model.prices[-1].prices
        for price in model.prices[-1:]
        if hasattr(price.constraint, "start_date")
    ]
    model, provider, day = changed[0]
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    before = offered(model.id, provider, midnight - dt.timedelta(seconds=1))
    assert before != offered(model.id, provider, midnight)


def test_more_cached_tokens_than_prompt_tokens_cost_no_less_than_nothing():
    rates = offered("gpt-4o-mini", "openai")
    assert rates.cost_usd(TokenCounts(0, 0, cached=1_000_000)) == pytest.approx(0.075)


@pytest.mark.django_db
def test_a_row_tells_what_it_cost_and_whose_price_that_is():
    tokens = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000}
    assert stored(**tokens, cost_usd=5.5) == (5.5, "reported")
    assert stored(**tokens) == (pytest.approx(0.75), "genai-prices")
    assert stored(**tokens, model="my-own") == (None, None)
    an_override("my-own")
    assert stored(**tokens, model="my-own") == (pytest.approx(3.0), "override")
    assert stored(**tokens, cost_usd=0, model="my-own") == (0.0, "reported")
    figures = usage_totals(UsageFilter())
    assert (figures.cost_usd, figures.unpriced_requests) == (pytest.approx(9.25), 1)


@pytest.mark.django_db
def test_a_price_of_zero_is_a_price():
    an_override("llama*", prompt_usd_per_mtok=0, completion_usd_per_mtok=0)
    assert stored(model="llama-3", prompt_tokens=9) == (0.0, "override")


@pytest.mark.django_db
def test_without_tokens_a_success_has_no_price_and_a_failure_costs_nothing():
    assert stored(status=200) == (None, None)
    assert stored(status=429) == (0.0, "genai-prices")
    assert stored(status=429, model="nobody-knows-it") == (None, None)
    an_override("per-request", prompt_usd_per_mtok=0, completion_usd_per_mtok=0, request_usd=2)
    assert stored(model="per-request") == (2.0, "override")


@pytest.mark.django_db
def test_an_override_has_a_price_for_each_kind_of_token_and_for_the_request():
    an_override("m", cached_usd_per_mtok=Decimal("0.5"), cache_write_usd_per_mtok=4, request_usd=7)
    tokens = TokenCounts(10_000_000, 1_000_000, cached=2_000_000, cache_write=3_000_000)
    assert current_prices().cost_of("m", None, AT, "200", tokens) == (
        pytest.approx(5 + 2 + 1 + 12 + 7),
        "override",
    )


@pytest.mark.django_db
def test_of_several_overrides_the_narrowest_counts_then_the_latest():
    day = dt.timedelta(days=1)
    an_override("*", prompt_usd_per_mtok=1)
    an_override("gpt-*", prompt_usd_per_mtok=2)
    an_override("gpt-4?", prompt_usd_per_mtok=3)
    an_override("gpt-4?", prompt_usd_per_mtok=4, valid_from=AT)
    an_override("gpt-4?", prompt_usd_per_mtok=5, valid_from=AT + day)
    an_override("gpt-4?", prompt_usd_per_mtok=6, provider="Azure")
    an_override("gpt-4o", prompt_usd_per_mtok=7, valid_from=AT)

    def price(model: str, provider: str | None = None, at: dt.datetime = AT) -> float:
        rates = overrides.current().rates_of(model, provider, at)
        return round(rates.cost_usd(TokenCounts(1_000_000, 0)), 6)

    assert price("other") == 1
    assert price("gpt-5-mini") == 2
    assert price("GPT-4x") == 4
    assert price("gpt-4x", at=AT - day) == 3
    assert price("gpt-4x", at=AT + day) == 5
    assert price("gpt-4x", "azure") == 6
    assert price("gpt-4o") == 7
    assert price("gpt-4o", at=AT - day) == 3


@pytest.mark.django_db
def test_brackets_in_a_pattern_are_letters():
    an_override("m[12]")
    assert overrides.current().rates_of("m[12]", None, AT) is not None
    assert overrides.current().rates_of("m1", None, AT) is None


@pytest.mark.django_db
def test_a_changed_or_deleted_override_counts_at_once():
    override = an_override("m")
    assert stored(model="m", prompt_tokens=1_000_000) == (1.0, "override")
    override.prompt_usd_per_mtok = 3
    override.save()
    assert stored(model="m", prompt_tokens=1_000_000) == (3.0, "override")
    override.delete()
    assert stored(model="m", prompt_tokens=1_000_000) == (None, None)


@pytest.mark.django_db
def test_an_override_of_another_process_counts_soon(monkeypatch):
    row = {"model": "m", "prompt_tokens": 1_000_000}
    assert stored(**row) == (None, None)
    theirs = PriceOverride(model_pattern="m", prompt_usd_per_mtok=1, completion_usd_per_mtok=1)
    PriceOverride.objects.bulk_create([theirs])  # tells this process nothing
    assert stored(**row) == (None, None)
    now = overrides.time.monotonic()
    monkeypatch.setattr(overrides.time, "monotonic", lambda: now + 1.5)
    assert stored(**row) == (1.0, "override")

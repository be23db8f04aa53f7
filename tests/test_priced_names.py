"""A model is priced by whatever name a sender gives it, and a cost says how sure that is."""

import datetime as dt
from pathlib import Path

import pytest

from usage.models import UsageMetric
from usage.pricing import TokenCounts, catalog
from usage.pricing.corrections import CORRECTIONS, Correction, corrections_of
from usage.pricing.model_spellings import spellings
from usage.pricing.provider_names import known_provider
from usage.pricing.published import price_list, rates_at
from usage.pricing.rates import Rates
from usage.pricing.sources import FREE, GENAI_PRICES, GUESSED, MAKER, NOT_BY_TOKENS, OPENROUTER
from usage.recording import record_usage

AT = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
NAMES = (Path(__file__).parent / "data" / "priced_names.txt").read_text().splitlines()[1:]


def cost(model: str, provider: str | None, tokens: TokenCounts, at: dt.datetime = AT) -> float:
    rates = catalog.offer_of(model, provider, at).rates
    return round(rates.cost_usd(tokens), 9)


def of_the_list(seller: str, model: str) -> Rates | None:
    if corrected := corrections_of(seller, model):
        return corrected[0].rates
    return rates_at(price_list(seller).find(model.lower()))(AT, "")


def test_more_than_nine_of_ten_names_that_senders_write_are_priced():
    unpriced = [line for line in NAMES if line.endswith(" = None")]
    assert len(unpriced) < 0.1 * len(NAMES)


@pytest.mark.parametrize("line", NAMES)
def test_a_name_is_the_model_that_its_sender_means(line):
    sent, _, meant = line.rpartition(" = ")
    provider, _, model = sent.partition("|")
    offer = catalog.offer_of(model, provider, AT)
    if meant == "None":
        assert offer is None
    elif meant == NOT_BY_TOKENS:
        assert offer == (None, NOT_BY_TOKENS)
    elif meant == FREE:
        assert (offer.rates.are_free, offer.source) == (True, FREE)
    else:
        seller, name, source = meant.split("|")
        assert offer == (of_the_list(seller, name), source)


@pytest.mark.parametrize(
    ("model", "provider", "source"),
    [
        ("gpt-5", "openai", GENAI_PRICES),
        ("gpt-5", "litellm", GENAI_PRICES),  # whoever it was passed on to
        ("gpt-5", "a-framework-of-next-year", MAKER),
        ("qwen3-235b-a22b", "nobody", OPENROUTER),
        ("gpt-5-preview-of-mine", "openai", None),
        ("acme-claude-sonnet-4-5-2", None, GUESSED),
    ],
)
def test_a_cost_says_how_sure_its_price_is(model, provider, source):
    offer = catalog.offer_of(model, provider, AT)
    assert (offer and offer.source) == source


@pytest.mark.parametrize("written", ["OpenAI", "open_ai", " openai ", "openai.chat", "openai-v2"])
def test_letters_and_digits_name_a_provider(written):
    assert known_provider(written) == "openai"


def test_a_name_from_outside_makes_no_more_work_than_another():
    for name in ("x/" * 120, "claude-" * 30, "a-1" * 80, "(" * 200 + ")" * 50, ":b" * 100):
        assert len([*spellings(name)]) <= 17


@pytest.mark.django_db
def test_what_is_not_charged_by_tokens_says_so_and_has_no_cost():
    record_usage(model="whisper-1", provider="openai", prompt_tokens=10, timestamp=AT.isoformat())
    row = UsageMetric.objects.get()
    assert (row.cost_usd, row.cost_source) == (None, NOT_BY_TOKENS)


MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "provider", "tokens", "usd"),
    [
        ("deepseek-chat", "deepseek", TokenCounts(MILLION, MILLION), 0.28 + 0.42),
        ("deepseek-chat", None, TokenCounts(MILLION, 0, cached=MILLION), 0.028),
        ("mistral-large-latest", "mistralai", TokenCounts(MILLION, MILLION), 0.5 + 1.5),
        ("grok-4-fast", "xai", TokenCounts(100_000, 100_000), 0.02 + 0.05),
        ("grok-4-fast", "x_ai", TokenCounts(200_000, 100_000), 0.08 + 0.1),
        ("qwen-plus", "dashscope", TokenCounts(100_000, 100_000), 0.04 + 0.12),
    ],
)
def test_a_price_that_the_package_has_wrong_is_corrected(model, provider, tokens, usd):
    assert cost(model, provider, tokens) == pytest.approx(usd)


def test_a_correction_counts_from_its_day_on():
    then = dt.datetime(2025, 1, 10, 12, tzinfo=dt.UTC)
    assert cost("deepseek-chat", "deepseek", TokenCounts(MILLION, 0), then) == 0.27
    in_september = dt.datetime(2025, 9, 10, 12, tzinfo=dt.UTC)
    assert cost("deepseek-chat", "deepseek", TokenCounts(MILLION, 0), in_september) == 0.56


@pytest.mark.parametrize("correction", CORRECTIONS, ids=lambda each: each.models[0])
def test_a_correction_is_there_as_long_as_the_package_is_wrong(correction: Correction):
    """Where this fails after an update of genai-prices, the entry can go."""
    theirs = price_list(correction.maker)
    models = [theirs.find(name) if theirs else None for name in correction.models]
    assert correction.rates not in [model and rates_at(model)(AT, "") for model in models]

"""The prices that come with the package genai-prices: never fetched, as old as the package.

https://github.com/pydantic/genai-prices
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from usage.pricing.rates import Rate, Rates

# Names that proxies and SDKs give to providers, and what the package calls those.
_ALIASES = {
    "aistudio": "google",
    "azure.ai.inference": "azure",
    "azure_ai": "azure",
    "claude": "anthropic",
    "codex": "openai",
    "fireworks_ai": "fireworks",
    "kimi": "moonshotai",
}
# Who passes requests on to others: the model's name tells whose price it is.
_GO_BETWEENS = {
    *("", "antigravity", "custom_openai", "litellm", "litellm_proxy", "openai-compatibility"),
    *("openai_like", "qwen", "unknown"),
}
# SDKs call everything so that speaks its protocol.
_COMMON_PROTOCOL = "openai"
_MILLION = 1_000_000
_MOST_KNOWN = 4096  # models; their names come from clients

_RatesAt = Callable[[dt.datetime], Rates | None]


def rates_of(model: str, provider: str | None, at: dt.datetime) -> Rates | None:
    """What the model cost then; None if the package does not know."""
    return _rates_by_time(model, provider or "")(at)


@lru_cache(maxsize=_MOST_KNOWN)
def _rates_by_time(model: str, provider: str) -> _RatesAt:
    found = _find(model, provider.strip().lower())
    if found is None:
        return lambda _: None
    if isinstance(found.prices, ModelPrice):
        always = _rates(found.prices)
        return lambda _: always
    rates = {id(each.prices): _rates(each.prices) for each in found.prices}
    return lambda at: rates[id(found.get_prices(at))]


def _find(model: str, provider: str) -> ModelInfo | None:
    """Not by the package's own search, which remembers every name that it could not find."""
    if provider in _GO_BETWEENS:
        return _find_by_name(model)
    known = find_provider_by_id(get_snapshot().providers, _ALIASES.get(provider, provider))
    if known is None:
        return None  # somebody with prices of their own, or a machine of one's own
    found = known.find_model(model, all_providers=get_snapshot().providers)
    if found is None and known.id == _COMMON_PROTOCOL:
        return _find_by_name(model)
    return found


def _find_by_name(model: str) -> ModelInfo | None:
    """`model`, or `provider/model` as go-betweens write it."""
    maker, slash, name = model.partition("/")
    providers = get_snapshot().providers
    if slash and (known := find_provider_by_id(providers, _ALIASES.get(maker, maker))):
        if found := known.find_model(name, all_providers=providers):
            return found
    for each in providers:
        if each.model_match is not None and each.model_match.is_match(model.lower()):
            return each.find_model(model, all_providers=providers)
    return None


def _rates(prices: ModelPrice) -> Rates | None:
    """None for what is not charged by tokens, such as hours of speech."""
    prompt, completion = _rate(prices.input_mtok), _rate(prices.output_mtok)
    if prompt is None and completion is None:
        return None
    free = Rate(0.0)
    return Rates(
        prompt=prompt or free,
        completion=completion or free,
        cached=_rate(prices.cache_read_mtok),
        cache_write=_rate(prices.cache_write_mtok),
        reasoning=_rate(prices.output_reasoning_mtok),
        request_usd=_usd(prices.requests_kcount) / 1000,
    )


def _rate(price: Decimal | TieredPrices | None) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, TieredPrices):
        return Rate(
            _usd(price.base) / _MILLION,
            tuple(tier.start for tier in price.tiers),
            tuple(_usd(tier.price) / _MILLION for tier in price.tiers),
        )
    return Rate(_usd(price) / _MILLION)


def _usd(price: Decimal | TieredPrices | None) -> float:
    if isinstance(price, TieredPrices):
        price = price.base
    return float(price or 0)

"""The catalog of genai-prices as lists, one of each provider, in which a name is found quickly.

The package's own search goes through every rule of a list, and remembers what it did not find.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
    TieredPrices,
)

from usage.pricing.rates import Rate, Rates

_MILLION = 1_000_000
_ANTHROPICS = "claude"
# Tiers as providers call them in answers, and the package's words for them.
_CONTEXTS: dict[str, dict[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}
TIERS = frozenset(_CONTEXTS)  # others cost what all costs
RatesAt = Callable[[dt.datetime, str], Rates | None]  # the tier is of TIERS, or none


class PriceList:
    """What one provider asks for its models."""

    def __init__(self, provider: Provider) -> None:
        self._by_name: dict[str, ModelInfo] = {}
        self._by_rule: list[ModelInfo] = []
        prefixes: list[str] = []
        self._others: list[MatchLogic] = []
        for model in provider.models:
            rules = _alternatives(model.match)
            names = [each.equals.lower() for each in rules if isinstance(each, ClauseEquals)]
            self._by_name |= {name: model for name in names if name not in self._by_name}
            if len(names) < len(rules):
                self._by_rule.append(model)
            for rule in rules:
                if isinstance(rule, ClauseStartsWith):
                    prefixes.append(rule.starts_with.lower())
                elif not isinstance(rule, ClauseEquals):
                    self._others.append(rule)
        self._prefixes = tuple(prefixes)

    def find(self, name: str) -> ModelInfo | None:
        """`name` in lower case."""
        if found := self._by_name.get(name):
            return found
        # Names come from outside: to refuse one must be quick.
        if name.startswith(self._prefixes) or any(rule.is_match(name) for rule in self._others):
            return next((model for model in self._by_rule if model.is_match(name)), None)
        return None


def _alternatives(rule: MatchLogic) -> list[MatchLogic]:
    if isinstance(rule, ClauseOr):
        return [each for other in rule.or_ for each in _alternatives(other)]
    return [rule]


@cache
def price_list(provider_id: str) -> PriceList | None:
    """None of somebody whom the catalog does not have."""
    found = find_provider_by_id(get_snapshot().providers, provider_id)
    return None if found is None or found.id != provider_id else PriceList(found)


@cache
def offered_by(provider_id: str) -> tuple[str, ...]:
    """Whose models somebody offers at the makers' prices."""
    found = find_provider_by_id(get_snapshot().providers, provider_id)
    return tuple((found and found.fallback_model_providers) or ())


def rates_at(model: ModelInfo) -> RatesAt:
    """By time and tier; None where it is not charged by tokens, such as hours of speech."""
    known: dict[tuple[int, str, tuple[bool, ...]], Rates | None] = {}
    variants = model.price_variants or []

    def rates_then(at: dt.datetime, tier: str) -> Rates | None:
        standard = model.get_prices(at)
        active: tuple[bool, ...] = ()
        if tier and variants:
            active = tuple(
                each.constraint is None or each.constraint.active(at) for each in variants
            )
        key = (id(standard), tier if active else "", active)  # which lives as long as the model
        if key not in known:
            known[key] = _rates(
                model, model.get_prices(at, _CONTEXTS[tier]) if active else standard
            )
        return known[key]

    return rates_then


def has_tier(model: ModelInfo, tier: str) -> bool:
    """Whether it has prices of its own for a tier."""
    wanted = _CONTEXTS[tier].items()
    return any(wanted >= each.when.items() for each in model.price_variants or ())


def _rates(model: ModelInfo, prices: ModelPrice) -> Rates | None:
    prompt, completion = _rate(prices.input_mtok), _rate(prices.output_mtok)
    if prompt is None and completion is None:
        return None
    free = Rate(0.0)
    cache_write, for_an_hour = _rate(prices.cache_write_mtok), _rate(prices.cache_write_1h_mtok)
    if for_an_hour is None and cache_write and prompt and _ANTHROPICS in model.id:
        for_an_hour = prompt.times(2)  # Anthropic's rule, which not every list repeats
    return Rates(
        prompt=prompt or free,
        completion=completion or free,
        cached=_rate(prices.cache_read_mtok),
        cache_write=cache_write,
        reasoning=_rate(prices.output_reasoning_mtok),
        cache_write_1h=for_an_hour,
        audio_input=_rate(prices.input_audio_mtok),
        audio_output=_rate(prices.output_audio_mtok),
        image_input=_rate(prices.input_image_mtok),
        image_output=_rate(prices.output_image_mtok),
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

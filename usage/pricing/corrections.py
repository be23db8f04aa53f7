"""List prices that genai-prices has wrong or has not: each until the package has caught up.

A test says when it has: then the entry goes.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from usage.pricing.rates import Rate, Rates

_MILLION = 1_000_000


class Tier(NamedTuple):
    """US dollars for a million tokens where a prompt is longer than `past` tokens."""

    past: int
    prompt: float
    completion: float


@dataclass(frozen=True)
class Correction:
    """Prices of some models of one maker, in US dollars for a million tokens."""

    maker: str  # as the catalog calls it
    models: tuple[str, ...]
    prompt: float
    completion: float
    cached: float
    source: str
    seen_on: dt.date
    since: dt.date = dt.date.min  # before, the package is right
    tiers: tuple[Tier, ...] = ()

    @property
    def rates(self) -> Rates:
        past = tuple(tier.past for tier in self.tiers)
        prompt, completion = (
            Rate(usd / _MILLION, past, tuple(each / _MILLION for each in then))
            for usd, then in (
                (self.prompt, [tier.prompt for tier in self.tiers]),
                (self.completion, [tier.completion for tier in self.tiers]),
            )
        )
        return Rates(prompt, completion, Rate(self.cached / _MILLION))


ALIBABA = "alibaba"  # which the catalog does not have
_DEEPSEEK = "https://api-docs.deepseek.com/quick_start/pricing"
_QWEN = "https://www.alibabacloud.com/help/en/model-studio/models"
_SEEN = dt.date(2026, 11, 28)
CORRECTIONS = (
    Correction(
        *("deepseek", ("deepseek-chat", "deepseek-reasoner"), 0.56, 1.68, 0.07, _DEEPSEEK, _SEEN),
        since=dt.date(2025, 9, 6),
    ),
    Correction(
        "deepseek",
        ("deepseek-chat", "deepseek-reasoner", "deepseek-v3.2"),
        *(0.28, 0.42, 0.028, _DEEPSEEK, _SEEN),
        since=dt.date(2025, 9, 29),
    ),
    Correction(
        *("mistral", ("mistral-large-latest",), 0.5, 1.5, 0.05),
        *("https://mistral.ai/pricing", _SEEN),
        since=dt.date(2025, 12, 2),
    ),
    Correction(
        "x-ai",
        ("grok-4-fast", "grok-4-fast-reasoning", "grok-4-fast-non-reasoning"),
        *(0.2, 0.5, 0.05, "https://docs.x.ai/docs/models", _SEEN),
        tiers=(Tier(128_000, 0.4, 1.0),),
    ),
    Correction(
        *(
            ALIBABA,
            ("qwen-plus", "qwen-plus-latest", "qwen-plus-2025-07-28"),
            0.4,
            1.2,
            0.08,
            _QWEN,
            _SEEN,
        ),
        tiers=(Tier(256_000, 1.2, 3.6),),
    ),
    Correction(
        *(ALIBABA, ("qwen-flash",), 0.05, 0.4, 0.01, _QWEN, _SEEN),
        tiers=(Tier(256_000, 0.25, 2.0),),
    ),
    Correction(*(ALIBABA, ("qwen-max", "qwen-max-latest"), 1.6, 6.4, 0.32, _QWEN, _SEEN)),
    Correction(
        *(ALIBABA, ("qwen3-max",), 1.2, 6.0, 0.24, _QWEN, _SEEN),
        tiers=(Tier(32_000, 2.4, 12.0), Tier(128_000, 3.0, 15.0)),
    ),
    Correction(
        *(ALIBABA, ("qwen3-coder-plus",), 1.0, 5.0, 0.2, _QWEN, _SEEN),
        tiers=(Tier(32_000, 1.8, 9.0), Tier(128_000, 3.0, 15.0), Tier(256_000, 6.0, 60.0)),
    ),
    Correction(
        *(ALIBABA, ("qwen3-coder-flash",), 0.3, 1.5, 0.06, _QWEN, _SEEN),
        tiers=(Tier(32_000, 0.5, 2.5), Tier(128_000, 0.8, 4.0), Tier(256_000, 1.6, 9.6)),
    ),
)


def corrections_of(maker: str, model: str) -> list[Correction]:
    """The latest first."""
    return _OF_MODELS.get((maker, model), [])


_OF_MODELS: dict[tuple[str, str], list[Correction]] = {}
for _each in sorted(CORRECTIONS, key=lambda each: each.since, reverse=True):
    for _name in _each.models:
        _OF_MODELS.setdefault((_each.maker, _name), []).append(_each)

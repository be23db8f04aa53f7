"""What a request cost: as reported, else by an operator's override, else by genai-prices."""

from usage.pricing.overrides import forget
from usage.pricing.price import GENAI_PRICES, OVERRIDE, REPORTED, cost_of, load, priced
from usage.pricing.rates import TokenCounts

__all__ = [
    "GENAI_PRICES",
    "OVERRIDE",
    "REPORTED",
    "TokenCounts",
    "cost_of",
    "forget",
    "load",
    "priced",
]

"""What a request cost: as reported, else by an operator's override, else by genai-prices."""

from usage.pricing.overrides import forget
from usage.pricing.price import (
    GENAI_PRICES,
    OVERRIDE,
    REPORTED,
    current_prices,
    load_prices,
    priced,
)
from usage.pricing.rates import TokenCounts

__all__ = [
    "GENAI_PRICES",
    "OVERRIDE",
    "REPORTED",
    "TokenCounts",
    "current_prices",
    "forget",
    "load_prices",
    "priced",
]

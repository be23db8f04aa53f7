"""What a request cost: as reported, else by an operator's override, else by published prices."""

from usage.pricing.overrides import forget
from usage.pricing.price import current_prices, load_prices, priced
from usage.pricing.rates import TokenCounts

__all__ = ["TokenCounts", "current_prices", "forget", "load_prices", "priced"]

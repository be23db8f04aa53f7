"""The prices that an operator has set in the admin, and which of them counts for a row."""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from usage.models import PriceOverride
from usage.pricing.rates import Rate, Rates

# Other processes see a change after this; the one that made it sees it at once.
_KEPT_SECONDS = 1.0
_MOST_KNOWN = 4096
_MILLION = 1_000_000

_Period = tuple[dt.datetime, Rates]  # valid from


@dataclass(frozen=True)
class Overrides:
    """All of them at one moment, the one that counts before others first."""

    in_order: Sequence[PriceOverride]
    _periods: dict[tuple[str, str], list[_Period]] = field(default_factory=dict)

    def rates_of(self, model: str, provider: str | None, at: dt.datetime) -> Rates | None:
        """The first that fits the model and was valid then; None if none was."""
        if not self.in_order:
            return None
        key = (model.lower(), (provider or "").lower())
        periods = self._periods.get(key)
        if periods is None:
            if len(self._periods) >= _MOST_KNOWN:
                self._periods.clear()
            periods = self._periods[key] = self._fitting(*key)
        return next((rates for valid_from, rates in periods if valid_from <= at), None)

    def _fitting(self, model: str, provider: str) -> list[_Period]:
        return [
            (each.valid_from, _rates(each))
            for each in self.in_order
            if fnmatchcase(model, each.model_pattern.lower().replace("[", "[[]"))
            and each.provider.lower() in ("", provider)
        ]


@dataclass
class _Known:
    """What was read last."""

    overrides: Overrides | None = None
    until: float = 0.0  # by the monotonic clock
    changes: int = 0

    def current(self) -> Overrides:
        changes = PriceOverride.changes
        if self.overrides is None or time.monotonic() > self.until or changes != self.changes:
            self.overrides = Overrides(sorted(PriceOverride.objects.all(), key=_rank, reverse=True))
            self.until, self.changes = time.monotonic() + _KEPT_SECONDS, changes
        return self.overrides

    def forget(self) -> None:
        self.overrides = None


_known = _Known()
current = _known.current
"""The overrides as they are in the database, or were there a second ago."""
forget = _known.forget
"""Read them anew next time."""


def _rank(override: PriceOverride) -> tuple[Any, ...]:
    """A narrow pattern before a wide one, a named provider before any, a later one before."""
    letters = sum(letter not in "*?" for letter in override.model_pattern)
    is_exact = letters == len(override.model_pattern)
    return is_exact, letters, bool(override.provider), override.valid_from, override.pk


def _rates(override: PriceOverride) -> Rates:
    return Rates(
        prompt=Rate(float(override.prompt_usd_per_mtok) / _MILLION),
        completion=Rate(float(override.completion_usd_per_mtok) / _MILLION),
        cached=_rate(override.cached_usd_per_mtok),
        cache_write=_rate(override.cache_write_usd_per_mtok),
        request_usd=float(override.request_usd),
    )


def _rate(usd_per_mtok: Any) -> Rate | None:
    return None if usd_per_mtok is None else Rate(float(usd_per_mtok) / _MILLION)

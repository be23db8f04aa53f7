"""Costs of rows whose sender did not report any, and where each cost is from."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from usage.pricing import overrides
from usage.pricing.overrides import Overrides
from usage.pricing.rates import Rates, TokenCounts
from usage.pricing.sources import OVERRIDE
from usage.records import UsageRecord
from usage.statuses import is_failure

if TYPE_CHECKING:
    from usage.pricing.catalog import Offer


@dataclass(frozen=True)
class Prices:
    """All that are known at one moment."""

    mine: Overrides
    published: Callable[[str, str | None, dt.datetime, str | None], "Offer | None"]

    def cost_of(
        self,
        model: str,
        provider: str | None,
        at: dt.datetime,
        status: str | None,
        tokens: TokenCounts,
        tier: str | None = None,
    ) -> tuple[float | None, str | None]:
        """US dollars and whose price it is; None and None, or why not, where nobody can know.

        A success without tokens is one of which nobody told the tokens: its cost is not zero.
        """
        rates, source = self._offer_of(model, provider, at, tier)
        if rates is None:
            return None, source
        if tokens.are_none and not rates.are_free and not is_failure(status):
            return None, None
        return rates.cost_usd(tokens), source

    def _offer_of(
        self, model: str, provider: str | None, at: dt.datetime, tier: str | None
    ) -> tuple[Rates | None, str | None]:
        if mine := self.mine.rates_of(model, provider, at):
            return mine, OVERRIDE
        return self.published(model, provider, at, tier) or (None, None)


def current_prices() -> Prices:
    from usage.pricing import catalog  # noqa: PLC0415  # most commands price nothing

    return Prices(overrides.current(), catalog.offer_of)


def priced(records: Sequence[UsageRecord]) -> Sequence[UsageRecord]:
    """The records, those without a cost with one, as far as prices of their models are known."""
    if all(record.cost_usd is not None for record in records):
        return records
    prices = current_prices()
    return [_priced(record, prices) if record.cost_usd is None else record for record in records]


def load_prices() -> None:
    """What the first row would wait for: half a second for the published prices, and 30 MB."""
    from usage.pricing import catalog  # noqa: PLC0415

    catalog.offer_of("", None, dt.datetime.now(dt.UTC))


def _priced(record: UsageRecord, prices: Prices) -> UsageRecord:
    tokens = TokenCounts(
        record.prompt_tokens,
        record.completion_tokens,
        record.cached_tokens or 0,
        record.cache_write_tokens or 0,
        record.reasoning_tokens or 0,
        record.cache_write_1h_tokens or 0,
        record.audio_input_tokens or 0,
        record.audio_output_tokens or 0,
        record.image_input_tokens or 0,
        record.image_output_tokens or 0,
    )
    cost, source = prices.cost_of(
        record.model, record.provider, record.timestamp, record.status, tokens, record.service_tier
    )
    if source is None:
        return record
    return msgspec.structs.replace(record, cost_usd=cost, cost_source=source)

"""Published prices, found step by step: whoever the provider is, and however the model is written.

They come with the package genai-prices (https://github.com/pydantic/genai-prices): never fetched,
as old as the package, and corrected where it is known to be wrong.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from usage.pricing.corrections import Correction, corrections_of
from usage.pricing.model_spellings import (
    Spelling,
    is_free,
    is_not_by_tokens,
    makers_of,
    prefixes_of,
    seller_of,
    spellings,
)
from usage.pricing.provider_names import Standing, known_provider, standing
from usage.pricing.published import TIERS, RatesAt, has_tier, offered_by, price_list, rates_at
from usage.pricing.rates import Rate, Rates
from usage.pricing.sources import (
    CORRECTED,
    FREE,
    GENAI_PRICES,
    GUESSED,
    MAKER,
    NOT_BY_TOKENS,
    OPENROUTER,
)

_RESELLER = "openrouter"
_FREE = Rates(prompt=Rate(0.0), completion=Rate(0.0))
_MOST_KNOWN = 4096  # models; their names come from clients


class Offer(NamedTuple):
    """What tokens cost, None where they are not what is charged; and whose price it is."""

    rates: Rates | None
    source: str


class _Found(NamedTuple):
    rates_at: RatesAt
    source: str
    tiers: frozenset[str] = frozenset()  # those with prices of their own


def offer_of(
    model: str, provider: str | None, at: dt.datetime, tier: str | None = None
) -> Offer | None:
    """What the model cost then, in that tier; None where nobody has published it."""
    found = _found(model, provider or "")
    if found is None:
        return None
    tier = tier.strip().lower() if tier else ""
    tier = tier if tier in TIERS else ""
    rates = found.rates_at(at, tier)
    if rates is None:
        return Offer(None, NOT_BY_TOKENS)
    return Offer(rates, GUESSED if tier and tier not in found.tiers else found.source)


@lru_cache(maxsize=_MOST_KNOWN)
def _found(model: str, provider: str) -> _Found | None:
    known, stands = _whose(model, provider)
    if stands is Standing.OWN_MACHINE:
        return None
    if is_free(model):
        return _Found(lambda *_: _FREE, FREE, TIERS)
    now = dt.datetime.now(dt.UTC)
    without_price = None
    written = [*spellings(model)]
    for found in _steps(written, known, stands):
        if found.rates_at(now, "") is not None:
            return found
        without_price = without_price or found
    if any(is_not_by_tokens(each.name) for each in written):
        return _Found(lambda *_: None, NOT_BY_TOKENS)
    return without_price


def _whose(model: str, provider: str) -> tuple[str | None, Standing]:
    """Who sells it, as the catalog calls them; a name such as `groq/…` says so as well."""
    if known := known_provider(provider):
        return known, Standing.KNOWN
    stands = standing(provider)
    if stands is not Standing.OWN_MACHINE and (seller := seller_of(model)):
        return seller, Standing.KNOWN
    first, slash, _ = model.partition("/")
    if not slash or stands is Standing.OWN_MACHINE:
        return None, stands
    if known := known_provider(first):
        return known, Standing.KNOWN
    return None, Standing.OWN_MACHINE if standing(first) is Standing.OWN_MACHINE else stands


def _steps(written: list[Spelling], known: str | None, stands: Standing) -> Iterator[_Found]:
    """All that may be meant, the likeliest first."""
    makers = GENAI_PRICES if stands is Standing.GO_BETWEEN else MAKER
    for is_sure in (True, False):
        some = [each.name for each in written if each.is_sure is is_sure]
        sellers = (known, *offered_by(known)) if known else ()
        own = [(seller, name) for name in some for seller in sellers]
        yield from _listed(own, GENAI_PRICES if is_sure else GUESSED)
        theirs = [(maker, name) for name in some for maker in makers_of(name)]
        yield from _listed(theirs, makers if is_sure else GUESSED)
        resold = [(_RESELLER, prefix + name) for name in some for prefix in prefixes_of(name)]
        yield from _listed(resold, OPENROUTER if is_sure else GUESSED)


def _listed(wanted: Iterable[tuple[str, str]], source: str) -> Iterator[_Found]:
    """Those that a seller's list has by that name."""
    for seller, name in wanted:
        prices = price_list(seller)
        model = prices.find(name) if prices else None
        published: RatesAt = rates_at(model) if model else lambda *_: None
        if corrected := corrections_of(seller, name):
            yield _Found(_corrected(corrected, published), CORRECTED)
        elif model:
            tiers = frozenset(tier for tier in TIERS if has_tier(model, tier))
            yield _Found(published, source, tiers)


def _corrected(corrected: list[Correction], published: RatesAt) -> RatesAt:
    periods = [(each.since, each.rates) for each in corrected]

    def rates_then(at: dt.datetime, tier: str) -> Rates | None:
        day = at.astimezone(dt.UTC).date()
        now = next((rates for since, rates in periods if since <= day), None)
        return now or published(at, tier)

    return rates_then

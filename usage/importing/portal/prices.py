"""An operator's prices, and the counts of suppressed duplicates."""

from usage.importing.portal.file import PortalFile, moment_from_sqlite
from usage.live_keys import without_keys
from usage.models import PriceOverride
from usage.recording.cross_source import count_suppressed

_PRICES = (
    *("prompt_usd_per_mtok", "completion_usd_per_mtok", "cached_usd_per_mtok"),
    *("cache_write_usd_per_mtok", "request_usd"),
)


def take_over_prices(source: PortalFile) -> None:
    """Those that are not here yet; of one that is, what it says here stays."""
    for row in source.dicts("usage_priceoverride"):
        PriceOverride.objects.get_or_create(
            model_pattern=without_keys(row["model_pattern"]),
            provider=without_keys(row["provider"]),
            valid_from=moment_from_sqlite(row["valid_from"]),
            defaults={name: row[name] for name in _PRICES},
        )


def add_suppressed_pairs(source: PortalFile) -> None:
    """Once for a file: they are added to those of here."""
    for row in source.dicts("usage_suppressedpair"):
        pair = without_keys(row["counted_source"]), without_keys(row["suppressed_source"])
        count_suppressed({pair: row["calls"]}, {pair: moment_from_sqlite(row["last_at"])})

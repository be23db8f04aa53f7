"""What is used of upstream accounts' quotas, for Prometheus; without people's names."""

from collections.abc import Iterator
from itertools import islice

from django.utils import timezone

from usage.openmetrics import gauge, labels
from usage.queries import WindowState, accounts_at

_NAMES = ("source", "account", "provider", "window")


def quota_gauges(most: int) -> Iterator[list[str]]:
    """Of windows that were not reset since they were seen, at most so many."""
    windows = dict(islice(_known_windows(), most))
    used = {each: window.used_ratio for each, window in windows.items()}
    resets = {each: window.resets_at for each, window in windows.items()}
    yield gauge(
        "qsmetrics_account_quota_used_ratio",
        "Used of an account's quota, as its provider said last.",
        {each: ratio for each, ratio in used.items() if ratio is not None},
    )
    yield gauge(
        "qsmetrics_account_quota_reset_timestamp_seconds",
        "When the window is reset.",
        {each: moment.timestamp() for each, moment in resets.items() if moment is not None},
    )
    yield gauge(
        "qsmetrics_account_quota_seen_timestamp_seconds",
        "When the provider said so.",
        {each: window.seen_at.timestamp() for each, window in windows.items()},
    )


def _known_windows() -> Iterator[tuple[str, WindowState]]:
    for account in accounts_at(timezone.now(), with_hours=False):
        for window in account.windows:
            if window.unknown_since is None:
                values = (*account.key, account.provider or "", window.span)
                yield labels(_NAMES, values), window

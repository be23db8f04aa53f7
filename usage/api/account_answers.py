"""Upstream accounts as `/_qs/metrics/now` answers them."""

from usage.api.shapes.accounts_now import AccountNow, WindowHour, WindowNow
from usage.queries import AccountState, WindowState


def answer_of(found: AccountState) -> AccountNow:
    windows = list(map(_window, found.windows))
    source, account = found.key
    return AccountNow(account, found.label, source, found.provider, found.kind, windows)


def _window(found: WindowState) -> WindowNow:
    hours = [WindowHour(each.begins_at, each.used_ratio, each.resets_at) for each in found.hours]
    return WindowNow(
        window=found.span,
        used_ratio=found.used_ratio,
        resets_at=found.resets_at,
        status=found.status,
        seen_at=found.seen_at,
        unknown_since=found.unknown_since,
        history=hours,
    )

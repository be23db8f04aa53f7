"""Upstream accounts: what they are called, and what is known now of their quotas.

No figure is ever reckoned from tokens: what no provider has told is not known.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from usage.database.snapshots import read_snapshot
from usage.models import QuotaHour, QuotaWindow, UpstreamAccount
from usage.upstream_accounts import HISTORY, UpstreamKey, duration_of, unknown_since

MOST_HOURS = 20_000  # of all windows together: the newest


@dataclass(frozen=True)
class HourOfWindow:
    """The last that an hour told."""

    begins_at: dt.datetime
    used_ratio: float | None
    resets_at: dt.datetime | None


@dataclass(frozen=True)
class WindowState:
    """`unknown_since` is when the window was reset since it was seen: then nothing is known."""

    span: str
    used_ratio: float | None
    resets_at: dt.datetime | None
    status: str | None
    seen_at: dt.datetime
    unknown_since: dt.datetime | None
    hours: Sequence[HourOfWindow] = ()  # oldest first


@dataclass
class AccountState:
    key: UpstreamKey
    label: str | None = None
    provider: str | None = None
    kind: str | None = None
    windows: list[WindowState] = field(default_factory=list)  # the shortest first


def accounts_at(now: dt.datetime, *, with_hours: bool = True) -> list[AccountState]:
    """All that have a name or a window, by source and id."""
    found: dict[UpstreamKey, AccountState] = {}
    with read_snapshot():
        hours = _hours_since(now - HISTORY) if with_hours else {}
        for named in UpstreamAccount.objects.all():
            key = UpstreamKey(named.source, named.account)
            found[key] = AccountState(
                key, named.label or None, named.provider or None, named.kind or None
            )
        for window in QuotaWindow.objects.all():
            key = UpstreamKey(window.source, window.account)
            account = found.setdefault(key, AccountState(key))
            account.provider = account.provider or window.provider or None
            account.windows.append(_state(window, now, hours.get((*key, window.span), ())))
    for account in found.values():
        account.windows.sort(key=lambda each: (duration_of(each.span), each.span))
    return [found[key] for key in sorted(found)]


def _state(window: QuotaWindow, now: dt.datetime, hours: Sequence[HourOfWindow]) -> WindowState:
    since = unknown_since(window.span, window.seen_at, window.resets_at)
    is_known = since > now
    return WindowState(
        window.span,
        window.used_ratio if is_known else None,
        window.resets_at,
        window.status or None if is_known else None,
        window.seen_at,
        None if is_known else since,
        hours,
    )


def _hours_since(since: dt.datetime) -> dict[tuple[str, str, str], list[HourOfWindow]]:
    found: defaultdict[tuple[str, str, str], list[HourOfWindow]] = defaultdict(list)
    newest = QuotaHour.objects.filter(hour__gte=int(since.timestamp())).order_by("-hour", "-id")
    for each in reversed(newest[:MOST_HOURS]):
        begins_at = dt.datetime.fromtimestamp(each.hour, dt.UTC)
        hour = HourOfWindow(begins_at, each.used_ratio, each.resets_at)
        found[each.source, each.account, each.span].append(hour)
    return found

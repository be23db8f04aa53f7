"""Keeps what senders tell of upstream accounts, in the transaction of the rows beside it.

Of each window and each of its hours the newest, by when the calls were completed, in whatever order
they come. What is older than the history is no news.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from operator import itemgetter

import msgspec
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from usage import kept_texts
from usage.database import locks, times
from usage.database.statements import MOST_VALUES, execute_for_each, slices
from usage.models import QuotaHour, QuotaWindow, UpstreamAccount
from usage.upstream_accounts import HISTORY, AccountName, AccountsTold, QuotaReading, UpstreamKey

MOST_WINDOWS = 2_000  # of all accounts; then the one goes that was seen longest ago
MOST_NAMES = 2_000
_TOLD_AGAIN = dt.timedelta(hours=1)
_VALUES = ("source", "account", "span", "used_ratio", "resets_at", "status", "seen_at")


def _upsert(table: str, key: str, more: str) -> str:
    columns = (*_VALUES, more)
    told = "COALESCE({}.used_ratio, -1)".format
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in columns[3:])} "
        f"WHERE excluded.seen_at > {table}.seen_at OR (excluded.seen_at = {table}.seen_at "
        f"AND {told('excluded')} >= {told(table)})"
    )


_STATE = _upsert("usage_quotawindow", "source, account, span", "provider")
_HOUR = _upsert("usage_quotahour", "source, account, span, hour", "hour")
_NAME = (
    "INSERT INTO usage_upstreamaccount "
    "(source, account, label, provider, kind, named_at, is_forgotten) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (source, account) DO UPDATE SET "
    "label = excluded.label, provider = excluded.provider, kind = excluded.kind, "
    "named_at = excluded.named_at WHERE NOT usage_upstreamaccount.is_forgotten"
)


def keep(told: AccountsTold) -> None:
    """Within the caller's transaction."""
    if told.hours:
        _keep_readings(_of_late(told))
    if told.names:
        keep_names(told.names)


def keep_names(names: Mapping[UpstreamKey, AccountName]) -> None:
    """Within the caller's transaction, but no name of an account whose name was erased."""
    names = {
        UpstreamKey(source, _kept("account", account)): msgspec.structs.replace(
            name, label=_kept("label", name.label)
        )
        for (source, account), name in names.items()
    }
    now = timezone.now()
    known = {
        UpstreamKey(each.source, each.account): each
        for some in slices(sorted({account for _, account in names}))
        for each in UpstreamAccount.objects.filter(account__in=some)
    }
    (named_at,) = times.stored([now])
    rows = [
        (*account, name.label, name.provider or "", name.kind or "", named_at, False)
        for account, name in sorted(names.items())
        if _is_news(name, known.get(account), now)
    ]
    if rows:
        execute_for_each(_NAME, rows)
        _forget_beyond("usage_upstreamaccount", "named_at", MOST_NAMES, "NOT is_forgotten")


def _kept(column: str, text: str) -> str:
    """As rows have it."""
    return kept_texts.changes({column: text}).get(column, text)


def _is_news(name: AccountName, known: UpstreamAccount | None, now: dt.datetime) -> bool:
    """Whether it is another name, or so long ago that it was told that it may seem forgotten."""
    if known is None:
        return True
    if known.is_forgotten:
        return False
    told = AccountName(known.label, known.provider or None, known.kind or None)
    return told != name or now - known.named_at > _TOLD_AGAIN


def _of_late(told: AccountsTold) -> AccountsTold:
    """Within the history. What is told of the future would outlast all that is told until then."""
    now = timezone.now()
    found = AccountsTold()
    for reading in told.hours.values():
        if reading.at > now - HISTORY:
            account = _kept("account", reading.account)
            found.add(msgspec.structs.replace(reading, at=min(reading.at, now), account=account))
    return found


def _keep_readings(told: AccountsTold) -> None:
    # In one order for all writers, so that two of them cannot wait for each other.
    states = sorted(told.states(), key=lambda each: each.key)
    if states:
        execute_for_each(_STATE, [(*_row(each), each.provider or "") for each in states])
        hours = [each for _, each in sorted(told.hours.items(), key=itemgetter(0))]
        execute_for_each(_HOUR, [(*_row(each), each.hour) for each in hours])
        _forget_beyond("usage_quotawindow", "seen_at", MOST_WINDOWS)


def _row(reading: QuotaReading) -> tuple[object, ...]:
    resets_at = reading.resets_at and times.stored([reading.resets_at])[0]
    (seen_at,) = times.stored([reading.at])
    return (*reading.key, reading.used_ratio, resets_at, reading.status or "", seen_at)


def _forget_beyond(table: str, by: str, most: int, where: str = "true") -> None:
    """Of more rows than that the oldest, and none that another writer holds just now."""
    lock = locks.for_update(table, skip_locked=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        (count,) = cursor.fetchone()
        if count > most:
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {where} "
                f"ORDER BY {by} LIMIT %s {lock})",
                [count - most],
            )


def forget_old_hours() -> Iterator[None]:
    """A job: hours older than the history, and of windows that are gone; some at a time."""
    oldest = int((timezone.now() - HISTORY).timestamp())
    windows = QuotaWindow.objects.filter(
        source=OuterRef("source"), account=OuterRef("account"), span=OuterRef("span")
    )
    old = QuotaHour.objects.filter(Q(hour__lt=oldest) | ~Exists(windows))
    while some := list(old.values_list("pk", flat=True)[:MOST_VALUES]):
        QuotaHour.objects.filter(pk__in=some).delete()
        yield

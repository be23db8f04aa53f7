"""Upstream accounts of a portal's file: their names, those that were erased, and their windows."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from usage.importing.portal.file import PortalFile, moment_from_sqlite
from usage.models import UpstreamAccount
from usage.recording import account_states
from usage.upstream_accounts import AccountName, AccountsTold, QuotaReading, UpstreamKey, name_of


def take_over_upstream_accounts(source: PortalFile) -> None:
    """Names that nobody knows here, and windows that are newer; what was erased stays erased."""
    told = AccountsTold()
    forgotten: list[UpstreamKey] = []
    known = {UpstreamKey(*key) for key in UpstreamAccount.objects.values_list("source", "account")}
    for row in source.dicts("usage_upstreamaccount"):
        key = UpstreamKey(row["source"], row["account"])
        name = _name_in(row)
        if row["is_forgotten"]:
            forgotten.append(key)
        elif key not in known and name is not None:
            told.name(key, name)
    for table in ("usage_quotawindow", "usage_quotahour"):
        for row in source.dicts(table):
            told.add(_reading_in(row))
    with transaction.atomic():
        _forget(forgotten)
        account_states.keep(told)


def _forget(accounts: list[UpstreamKey]) -> None:
    for source, account in accounts:
        UpstreamAccount.objects.update_or_create(
            source=source,
            account=account,
            defaults={"label": "", "is_forgotten": True},
            create_defaults={"is_forgotten": True, "named_at": timezone.now()},
        )


def _name_in(row: dict[str, Any]) -> AccountName | None:
    return name_of([row["label"]], row["provider"], row["kind"])


def _reading_in(row: dict[str, Any]) -> QuotaReading:
    resets_at = row["resets_at"]
    return QuotaReading(
        source=row["source"],
        account=row["account"],
        span=row["span"],
        at=moment_from_sqlite(row["seen_at"]),
        used_ratio=row["used_ratio"],
        resets_at=None if resets_at is None else moment_from_sqlite(resets_at),
        status=row["status"] or None,
        provider=row.get("provider") or None,
    )

"""Which of the known accounts a file tells of: it has ids of accounts, and not whose they are."""

from collections import defaultdict

import msgspec

from usage.database.statements import slices
from usage.importing.source import SOURCE
from usage.models import QuotaWindow
from usage.upstream_accounts import AccountsTold


def attributed(told: AccountsTold) -> AccountsTold:
    """With the source of the account of that id, where there is one and no other has such."""
    ids = {each.account for each in told.hours.values() if each.source == SOURCE}
    sources: dict[str, set[str]] = defaultdict(set)
    for some in slices(sorted(ids)):
        windows = QuotaWindow.objects.filter(account__in=some).exclude(source=SOURCE)
        for account, source in windows.values_list("account", "source").distinct():
            sources[account].add(source)
    found = AccountsTold(names=dict(told.names))
    for each in told.hours.values():
        known = sources.get(each.account, set()) if each.source == SOURCE else set()
        found.add(
            msgspec.structs.replace(each, source=next(iter(known))) if len(known) == 1 else each
        )
    return found

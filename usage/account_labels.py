"""What upstream accounts are called, for those who read rows; and forgetting a name."""

from collections import defaultdict
from functools import cached_property

from django.db.models import Q, QuerySet

from usage.database.overwriting import overwriting
from usage.models import UpstreamAccount


class AccountLabels:
    """All names, which are few, as they are when the first is looked for."""

    def of(self, source: str | None, account: str | None) -> str | None:
        """The name of a row's account; of one that came another way the only name of that id."""
        if account is None:
            return None
        return self._known.get((source or "", account)) or self._alone.get(account)

    @cached_property
    def _known(self) -> dict[tuple[str, str], str]:
        named = UpstreamAccount.objects.exclude(label="")
        rows = named.values_list("source", "account", "label")
        return {(source, account): label for source, account, label in rows}

    @cached_property
    def _alone(self) -> dict[str, str]:
        by_id: defaultdict[str, set[str]] = defaultdict(set)
        for (_, account), label in self._known.items():
            by_id[account].add(label)
        return {account: label for account, (label, *more) in by_id.items() if not more}


def accounts_named(name: str) -> QuerySet[UpstreamAccount]:
    """Those whose name is this one, or holds it as files of credentials do: `codex-ann@x.com`."""
    whole = Q(label=name)
    return UpstreamAccount.objects.filter(
        whole | Q(label__icontains=name) if "@" in name else whole
    )


def forget_accounts(accounts: QuerySet[UpstreamAccount]) -> int:
    """Erase their names, for good: senders that tell them again are not listened to."""
    with overwriting():
        return accounts.update(label="", is_forgotten=True)

"""What upstream accounts are called, for those who read rows; and forgetting a name."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet

from usage import pseudonyms
from usage.database.overwriting import overwriting
from usage.database.transactions import write_transaction
from usage.models import QuotaHour, QuotaWindow, UpstreamAccount


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
    whole = Q(label__in=[name, pseudonyms.pseudonym(name)])
    return UpstreamAccount.objects.filter(
        whole | Q(label__icontains=name) if "@" in name else whole
    )


def hide_accounts(*, is_dry: bool) -> Iterator[str]:
    """E-mail addresses in names and ids, as METRICS_HASH_USERS keeps them; tells of each entry."""
    for model in (UpstreamAccount, QuotaWindow, QuotaHour):
        for entry in model._default_manager.all():
            texts = {
                name: getattr(entry, name) for name in ("account", "label") if name in vars(entry)
            }
            if found := pseudonyms.changes(texts):
                if not is_dry:
                    _set(entry, found)
                yield str(model._meta.verbose_name)


def _set(entry: Model, values: dict[str, str]) -> None:
    """Where what it becomes is there already, told since, that one is the newer."""
    try:
        with write_transaction(), transaction.atomic():
            type(entry)._default_manager.filter(pk=entry.pk).update(**values)
    except IntegrityError:
        entry.delete()


def forget_accounts(accounts: QuerySet[UpstreamAccount]) -> int:
    """Erase their names, for good: senders that tell them again are not listened to."""
    with overwriting():
        return accounts.update(label="", is_forgotten=True)

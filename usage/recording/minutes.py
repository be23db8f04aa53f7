"""The ledger's minutes: what is past two hours joins the sum of all that is older."""

from collections import defaultdict
from collections.abc import Iterator

from django.utils import timezone

from usage.database.transactions import write_transaction
from usage.models import HeardCount
from usage.recording import ledger

_KEPT = 120  # minutes: a clock that goes wrong by less than an hour adds to none that has joined
_AT_ONCE = 500
_OLDER = 0  # as the minute


def join_old_minutes() -> Iterator[None]:
    """A step is a short transaction."""
    until = int(timezone.now().timestamp()) // ledger.A_MINUTE - _KEPT
    old = HeardCount.objects.filter(minute__gt=_OLDER, minute__lt=until)
    while some := list(old.order_by("minute", "pk")[:_AT_ONCE]):
        with write_transaction():
            _join(some)
        yield


def _join(some: list[HeardCount]) -> None:
    found: defaultdict[tuple[str, str, str, str], list[HeardCount]] = defaultdict(list)
    for each in some:
        found[each.source, each.writer, each.kind, each.detail].append(each)
    ledger.add_lines(
        [
            (
                *(*entry, _OLDER, sum(each.count for each in counts)),
                *(min(each.since for each in counts), max(each.last_at for each in counts)),
            )
            for entry, counts in sorted(found.items())
        ]
    )
    HeardCount.objects.filter(pk__in=[each.pk for each in some]).delete()

"""The ledger's minutes: what is past two hours joins the sum of all that is older."""

from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Min
from django.utils import timezone

from usage.database import times
from usage.database.transactions import write_transaction
from usage.models import HeardCount
from usage.recording import ledger

_KEPT = 120  # minutes: a clock that goes wrong by less than an hour adds to none that has joined
_OLDER = 0  # as the minute


def join_old_minutes() -> Iterator[None]:
    """A step is a short transaction, of one minute."""
    until = int(timezone.now().timestamp()) // ledger.A_MINUTE - _KEPT
    old = HeardCount.objects.filter(minute__gt=_OLDER, minute__lt=until)
    while (minute := old.aggregate(minute=Min("minute"))["minute"]) is not None:
        with write_transaction():
            _join(minute)
        yield


def _join(minute: int) -> None:
    found: defaultdict[tuple[str, str, str, str], list[HeardCount]] = defaultdict(list)
    of_minute = HeardCount.objects.filter(minute=minute)
    for each in of_minute:
        found[each.source, each.writer, each.kind, each.detail].append(each)
    ledger.add_lines(
        [
            (
                *(*entry, _OLDER, sum(each.count for each in counts)),
                *times.stored(
                    [min(each.since for each in counts), max(each.last_at for each in counts)]
                ),
            )
            for entry, counts in sorted(found.items())
        ]
    )
    of_minute.delete()

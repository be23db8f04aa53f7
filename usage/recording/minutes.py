"""The ledger's minutes: what is past two hours joins the sum of all that is older."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.utils import timezone

from usage.database import times
from usage.database.statements import execute_for_each
from usage.database.transactions import write_transaction
from usage.heard import Entry
from usage.models import HeardCount
from usage.recording import ledger

_KEPT = 120  # minutes: a clock that goes wrong by less than an hour adds to none that has joined
_AT_ONCE = 500  # lines, since posts wait meanwhile
_OLDER = 0  # as the minute
_DELETE = (
    "DELETE FROM usage_heardcount WHERE source = %s AND writer = %s AND kind = %s AND detail = %s "
    "AND minute = %s"
)


def join_old_minutes() -> Iterator[None]:
    """Goes through the ledger in the order in which it lies; a step is a short transaction."""
    until = int(timezone.now().timestamp()) // ledger.A_MINUTE - _KEPT
    lines = HeardCount.objects.order_by("pk")
    some = list(lines[:_AT_ONCE])
    while some:
        old = [each for each in some if _OLDER < each.minute < until]
        if old:
            with write_transaction():
                _join(old)
            yield
        some = list(lines.filter(pk__gt=some[-1].pk)[:_AT_ONCE])


def _join(old: Sequence[HeardCount]) -> None:
    found: defaultdict[Entry, list[HeardCount]] = defaultdict(list)
    for each in old:
        found[each.source, each.writer, each.kind, each.detail].append(each)
    ledger.add_lines(
        [
            (
                *(*entry, _OLDER, sum(each.count for each in lines)),
                *times.stored(
                    [min(each.since for each in lines), max(each.last_at for each in lines)]
                ),
            )
            for entry, lines in sorted(found.items())
        ]
    )
    execute_for_each(_DELETE, [(*entry, each.minute) for entry in found for each in found[entry]])

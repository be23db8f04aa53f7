"""Removing what is past its age: oldest first, in batches, each its own short transaction."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from usage.database import extensions, storage
from usage.database.pace import Pace
from usage.database.statements import most_parameters
from usage.models import HeardCount, IdempotentPost, TracedPost, UsageMetric
from usage.recording.idempotency import KEPT_FOR
from usage.recording.span_trees import KEPT_FOR as TRACES_KEPT_FOR
from usage.retention import chunks
from usage.rollups import keeping, unsummed
from usage.rollups.horizon import move_purge_horizon

SHORTEST_AGE = dt.timedelta(minutes=1)
LONGEST_AGE = dt.timedelta(days=36_500)
_FIRST_BATCH = 500
_LARGEST_BATCH = 5_000

_Batch = list[tuple[Any, dt.datetime]]  # primary keys and times


@dataclass(frozen=True)
class Expired:
    """Rows that are past their age, and the times of the first and the last of them."""

    rows: int = 0
    oldest: dt.datetime | None = None
    newest: dt.datetime | None = None

    def __add__(self, later: "Expired") -> "Expired":
        """`later` holds the rows that follow these in time."""
        newest = self.newest if later.newest is None else later.newest
        return Expired(self.rows + later.rows, self.oldest or later.oldest, newest)


def cutoff_for(age: dt.timedelta, now: dt.datetime) -> dt.datetime:
    """Rows before this are past `age`; ValueError when no one can mean it."""
    if age < SHORTEST_AGE:
        raise ValueError("an age must be at least 1m, or new rows would go as they come")
    if age > LONGEST_AGE:
        raise ValueError(f"an age must be at most {LONGEST_AGE.days}d, which is 100 years")
    return now - age


def reachable(cutoff: dt.datetime) -> dt.datetime:
    """How far a purge up to `cutoff` comes: TimescaleDB drops whole chunks and nothing less."""
    return chunks.last_end_before(cutoff) if extensions.is_hypertable() else cutoff


def expired_rows(cutoff: dt.datetime) -> Expired:
    """How many rows a purge would remove. Reads the index on time as far as the cutoff."""
    return _figures(UsageMetric.objects.filter(timestamp__lt=cutoff))


def add_waiting_rows_to_sums() -> None:
    """Those of plain SQL, which the sums must hold before the rows may go."""
    for _ in unsummed.add_waiting_rows():
        pass


def remove_expired_rows(cutoff: dt.datetime) -> Iterator[Expired]:
    """Remove the rows before `cutoff`, and tell after each batch what it removed.

    The sums stay. A row that comes in meanwhile with an older time than those already removed
    waits for the next purge.
    """
    add_waiting_rows_to_sums()  # which writes their times so that they can be compared
    if not UsageMetric.objects.filter(timestamp__lt=cutoff).exists():
        return
    move_purge_horizon(cutoff)
    if extensions.is_hypertable():
        for start, end in chunks.ends_until(cutoff):
            expired = _figures(UsageMetric.objects.filter(timestamp__gte=start, timestamp__lt=end))
            chunks.drop_until(end)
            yield expired
    else:
        yield from _remove(UsageMetric.objects.all(), "timestamp", cutoff, _delete_but_keep_sums)


def forget_old_posts(now: dt.datetime) -> int:
    """Drop Idempotency-Keys past their 48 hours; how many there were."""
    posts = IdempotentPost.objects.all()
    batches = _remove(posts, "created_at", now - KEPT_FOR, lambda some: some.delete()[0])
    return sum(batch.rows for batch in batches)


def forget_old_traces(now: dt.datetime) -> int:
    """Drop what posts told of traces an hour ago; how many posts there were."""
    batches = _remove(
        TracedPost.objects.all(), "created_at", now - TRACES_KEPT_FOR, lambda some: some.delete()[0]
    )
    return sum(batch.rows for batch in batches)


def forget_old_sources(cutoff: dt.datetime) -> int:
    """Drop what was last heard of a source before that, by kind; how many entries there were."""
    entry = ("source", "writer", "kind", "detail")
    last = HeardCount.objects.values(*entry).annotate(last=Max("last_at")).filter(last__lt=cutoff)
    found = list(last.order_by().values_list(*entry))
    for values in found:  # what comes of it meanwhile stays
        of_entry = HeardCount.objects.filter(**dict(zip(entry, values, strict=True)))
        of_entry.filter(last_at__lt=cutoff).delete()
    return len(found)


def _figures(rows: QuerySet[UsageMetric]) -> Expired:
    figures = rows.aggregate(
        rows=Count("timestamp"), oldest=Min("timestamp"), newest=Max("timestamp")
    )
    return Expired(**figures)


def _remove(
    table: QuerySet[Any], time: str, cutoff: dt.datetime, delete: Callable[[Any], int]
) -> Iterator[Expired]:
    """Batches are looked up outside the lock, so that it is held for the deletion only."""
    pace = Pace(first=_FIRST_BATCH, most=min(_LARGEST_BATCH, most_parameters() // 2))
    expired = table.filter(**{f"{time}__lt": cutoff})
    remaining = expired
    while batch := list(remaining.order_by(time).values_list("pk", time)[: pace.size]):
        oldest, newest = batch[0][1], batch[-1][1]
        with pace.step():
            removed = delete(_unlocked(expired, [pk for pk, _ in batch]))
        if removed:
            yield Expired(removed, oldest, newest)
        if storage.shows_removed_rows():
            # On from there, instead of over what is gone each time. Past it when another purge
            # was faster, since its rows may still be in sight.
            remaining = expired.filter(**{f"{time}__{'gte' if removed else 'gt'}": newest})


def _unlocked(expired: QuerySet[Any], ids: Sequence[Any]) -> QuerySet[Any]:
    """Skipping what another purge has locked, two on PostgreSQL cannot deadlock."""
    batch = expired.filter(pk__in=ids)
    if extensions.is_distributed():  # Citus locks rows of one shard only, and finds deadlocks
        return batch
    return expired.filter(pk__in=batch.select_for_update(skip_locked=True).values("pk"))


def _delete_but_keep_sums(rows: Any) -> int:
    """Those that came just now in plain SQL are added first."""
    if UsageMetric.objects.filter(is_summed=None).exists():
        keeping.add_rows(list(rows.filter(is_summed=None).values_list("pk", flat=True)))
    return int(rows.delete_but_keep_sums())

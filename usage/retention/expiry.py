"""Removing what is past its age: oldest first, in batches, each its own short transaction."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, QuerySet

from usage.models import IdempotentPost, UsageMetric
from usage.recording.idempotency import KEPT_FOR
from usage.retention.pace import Pace

SHORTEST_AGE = dt.timedelta(minutes=1)
LONGEST_AGE = dt.timedelta(days=36_500)
_FIRST_BATCH = 500
_LARGEST_BATCH = 5_000  # SQLite takes at most 32,766 parameters


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


def expired_rows(cutoff: dt.datetime) -> Expired:
    """How many rows a purge would remove. Reads the index on time as far as the cutoff."""
    figures = UsageMetric.objects.filter(timestamp__lt=cutoff).aggregate(
        rows=Count("timestamp"), oldest=Min("timestamp"), newest=Max("timestamp")
    )
    return Expired(**figures)


def remove_expired_rows(cutoff: dt.datetime) -> Iterator[Expired]:
    """Remove the rows before `cutoff`, and tell after each batch what it removed.

    A row that comes in meanwhile with an older time than those already removed waits for the
    next purge.
    """
    yield from _remove(UsageMetric.objects.all(), "timestamp", cutoff)


def forget_old_posts(now: dt.datetime) -> int:
    """Drop Idempotency-Keys past their 48 hours; how many there were."""
    posts = IdempotentPost.objects.all()
    return sum(batch.rows for batch in _remove(posts, "created_at", now - KEPT_FOR))


def _remove(table: QuerySet[Any], time: str, cutoff: dt.datetime) -> Iterator[Expired]:
    """Batches are looked up outside the lock, so that it is held for the deletion only."""
    pace = Pace(first=_FIRST_BATCH, most=_LARGEST_BATCH)
    expired = table.filter(**{f"{time}__lt": cutoff})
    remaining = expired
    while batch := list(remaining.order_by(time).values_list("pk", time)[: pace.size]):
        ids, oldest, newest = [pk for pk, _ in batch], batch[0][1], batch[-1][1]
        # Skipping what another purge has locked, two on PostgreSQL cannot deadlock.
        unlocked = expired.filter(pk__in=ids).select_for_update(skip_locked=True).values("pk")
        with pace.step():
            removed, _ = table.filter(pk__in=unlocked).delete()
        if removed:
            yield Expired(removed, oldest, newest)
        if connection.features.has_select_for_update_skip_locked:
            # On from there: PostgreSQL would walk over what is gone each time. Past it when
            # another purge was faster, since its rows may still be in sight.
            remaining = expired.filter(**{f"{time}__{'gte' if removed else 'gt'}": newest})

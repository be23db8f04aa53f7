"""Rows that no sum holds yet, as plain SQL leaves them: how many wait, and adding them.

What they add is reckoned before any lock is taken: other writers wait for the writing alone.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from django.db import connection

from usage.database import extensions, locks, times
from usage.database.deferred_sync import deferred_sync
from usage.database.pace import Pace
from usage.rollups import keeping, names, tables
from usage.rollups.aggregation import Renaming, aggregate
from usage.rollups.places import Place

_FIRST_STEP = 500
_LARGEST_STEP = 5_000
_SMALLEST_STEP = 200  # fewer would take longer together than others have to gain
_HELD_SECONDS = 0.03  # for which posts wait
_SECOND = dt.timedelta(seconds=1)


class Waiting(NamedTuple):
    """How many rows wait, no more than were counted, and since when: the first one's arrival."""

    rows: int
    since: dt.datetime | None


class _Sums(NamedTuple):
    """What rows add if they are still these, and names and series are what they were."""

    rows: Counter[tuple[Any, ...]]
    renaming: Renaming | None
    version: int
    to_add: tables.SumRows


class _Reckoned(NamedTuple):
    """Some waiting rows, and what they add to the sums where that can be told beforehand."""

    ids: list[int]
    place: Place | None
    sums: _Sums | None


def waiting(most: int) -> Waiting:
    """No more than `most` are counted, and looked at for the time."""
    arrived = times.unix_seconds("created_at")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*), MIN(arrived) FROM (SELECT {arrived} AS arrived FROM usage_metrics"
            " WHERE is_summed IS NULL ORDER BY timestamp LIMIT %s) AS found",
            [most],
        )
        rows, since = cursor.fetchone()
    return Waiting(rows, None if since is None else dt.datetime.fromtimestamp(since, dt.UTC))


def add_waiting_rows() -> Iterator[None]:
    """Add all of them, in the order of time, a step at a time; yields after each.

    Whoever else does it at once adds others, or finds them added.
    """
    pace = Pace(
        first=_FIRST_STEP, least=_SMALLEST_STEP, most=_LARGEST_STEP, held_seconds=_HELD_SECONDS
    )
    with deferred_sync() as between:
        while reckoned := _reckon(pace.size):
            with pace.step():
                _add(reckoned)
            pace.is_alone = between()
            yield


def take_some(most: int) -> list[tuple[Any, ...]]:
    """So many of the newest, locked and marked: the caller adds them to the sums now.

    Two that do it at once take different rows, and `add_waiting_rows` begins at the other end.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM usage_metrics WHERE is_summed IS NULL ORDER BY timestamp DESC"
            f" LIMIT %s {locks.for_update(skip_locked=True)}",
            [most],
        )
        ids = [number for (number,) in cursor.fetchall()]
    return keeping.take_waiting([(ids, None)]) if ids else []


def _reckon(most: int) -> _Reckoned | None:
    """The next ones; None where none wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {times.unix_seconds('timestamp')}, {keeping.columns()} FROM usage_metrics"
            " WHERE is_summed IS NULL ORDER BY timestamp LIMIT %s",
            [most],
        )
        read = cursor.fetchall()
    if not read:
        return None
    place = _place([row[1] for row in read])
    return _Reckoned([row[0] for row in read], place, _sums_of([row[2:] for row in read]))


def _sums_of(rows: list[tuple[Any, ...]]) -> _Sums | None:
    """None where names are new: to decide on them, and to make their series, takes locks."""
    version = names.version()
    found = list(keeping.timed(rows))
    is_all, renaming = names.if_all_are_decided(found)
    if not is_all:
        return None
    to_add = tables.rows_of(aggregate(found, renaming))
    return _Sums(Counter(rows), renaming, version, to_add)


def _add(reckoned: _Reckoned) -> None:
    """In the caller's transaction; reckoned anew where others have changed something since."""
    names.hold()
    taken = keeping.take_waiting([(reckoned.ids, reckoned.place)])
    found = list(keeping.timed(taken))
    if not found:
        return
    renaming, sums = names.agree_on(found), reckoned.sums
    if (
        sums is not None
        and (sums.version, sums.renaming) == (names.version(), renaming)
        and sums.rows == Counter(taken)
    ):
        tables.add_rows(sums.to_add)
    else:
        tables.add(aggregate(found, renaming))


def _place(seconds: list[int | None]) -> Place | None:
    """Where TimescaleDB has them; None where it is to look everywhere, or they are elsewhere."""
    if not extensions.is_hypertable() or None in seconds:
        return None
    known = [each for each in seconds if each is not None]
    with suppress(ValueError, OverflowError, OSError):  # a year that Python's calendar has not
        first, last = (dt.datetime.fromtimestamp(f(known), dt.UTC) for f in (min, max))
        return Place(first, last + _SECOND)
    return None

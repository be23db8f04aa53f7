"""Rows that no sum holds yet, as plain SQL leaves them: how many wait, and adding them.

What they add is reckoned before any lock is taken: other writers wait for the writing alone.
"""

import datetime as dt
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection

from usage.database import locks, times
from usage.database.deferred_sync import deferred_sync
from usage.database.pace import Pace
from usage.rollups import keeping, names, tables
from usage.rollups.aggregation import Renaming, aggregate
from usage.rollups.unlocked import ReadRows, mark_unchanged, read_waiting

_FIRST_STEP = 500
_LARGEST_STEP = 20_000
_SMALLEST_STEP = 200  # fewer would take longer together than others have to gain
_HELD_SECONDS = 0.02  # for which posts wait


class Waiting(NamedTuple):
    """How many rows wait, no more than were counted, and since when: the first one's arrival."""

    rows: int
    since: dt.datetime | None


class _Sums(NamedTuple):
    """What rows add as long as names and series are what they were."""

    names: names.Names
    latest: int
    renaming: Renaming | None
    version: int
    to_add: tables.SumRows


class _Reckoned(NamedTuple):
    """Some waiting rows, and what they add to the sums where that can be told beforehand."""

    read: ReadRows
    sums: _Sums | None


class _OthersByNow(Exception):
    """Rows, or names, are not what they were when it was reckoned what they add."""


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
            try:
                with pace.step():
                    _add(reckoned)
            except _OthersByNow:
                with pace.step():
                    _add_anew(reckoned)
            pace.note(is_alone=between())
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
    with _no_search_for_cycles():
        read = read_waiting(most)
        return _Reckoned(read, _sums_of(read)) if read.rows else None


def _sums_of(read: ReadRows) -> _Sums | None:
    """None where names are new: to decide on them, and to make their series, takes locks."""
    version = names.version()
    found = list(read.timed())
    wanted = names.names_of(found)
    is_all, renaming = names.if_all_are_decided(wanted, version)
    if not is_all:
        return None
    latest = max((at for at, _ in found), default=0)
    return _Sums(wanted, latest, renaming, version, tables.rows_of(aggregate(found, renaming)))


def _add(reckoned: _Reckoned) -> None:
    """In the caller's transaction. _OthersByNow, with which it is to be rolled back."""
    sums = reckoned.sums
    if sums is None:
        _add_anew(reckoned)
        return
    renaming = names.agree(sums.names, sums.latest)
    if (sums.version, sums.renaming) != (names.version(), renaming):
        raise _OthersByNow
    if not mark_unchanged(reckoned.read):
        raise _OthersByNow
    tables.add_rows(sums.to_add)


def _add_anew(reckoned: _Reckoned) -> None:
    """Reckoned under the lock, of those that wait still."""
    keeping.add_rows(reckoned.read.ids, reckoned.read.place())


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Python looks for some with every few hundred tuples; of a step's there are none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Sums that came in a later version: filled from the rows that were there before, newest first.

Of each such group of sums (`Grouping.came_with`) the table usage_filling says from when on they
hold rows: exactly those that were completed since then, whoever adds, changes or removes them. A
step reads the rows of a stretch before that moment, adds them, and moves it, while no other writer
of sums is at work. Where rows were purged before they were reached, `unknown_before` remembers it.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from usage.database import locks, times
from usage.database.deferred_sync import deferred_sync
from usage.database.pace import Pace
from usage.rollups import horizon, keeping, name_entries, names, tables
from usage.rollups.aggregation import Additions, TimedRow, added_up, aggregate
from usage.rollups.declarations import HOUR, ROLLUPS, TOTAL
from usage.rollups.name_entries import ALWAYS, NEVER
from usage.rollups.standing import ALL_FILLED, Filling, fillings

_FIRST_STEP, _LARGEST_STEP = 200, 5_000
_HELD_SECONDS = 0.03  # for which posts wait
_WAITS_SECONDS = 0.2  # for those that write now, while others wait behind it
_ROWS_AT_ONCE = 50_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ALL_BY_HOUR = next(r.number for r in ROLLUPS if (r.grouping, r.width) == (TOTAL, HOUR))
_SET = "UPDATE usage_filling SET filled_from = %s, unknown_before = %s WHERE came_with = %s"


def fill_later_sums() -> Iterator[None]:
    """Fill all that lack rows, a step at a time; yields after each."""
    for came_with, state in fillings().items():
        if state.filled_from > ALWAYS:
            yield from _fill(came_with)


def share_filled() -> float:
    """From 0 to 1: of the requests, to the hour, of which rows were not purged."""
    moments = [each.filled_from for each in fillings().values() if each.filled_from > ALWAYS]
    if not moments:
        return 1.0
    purged_before = horizon.purged_before()
    first = ALWAYS if purged_before is None else math.ceil(purged_before.timestamp())
    begin = times.at_unix_seconds()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT SUM(CASE WHEN bucket >= {begin} THEN requests ELSE 0 END), SUM(requests)"
            f" FROM usage_rollups WHERE rollup = %s AND bucket >= {begin}",
            [max(moments), _ALL_BY_HOUR, first],
        )
        filled, whole = cursor.fetchone()
    return float(filled / whole) if whole else 0.0


def note_unknown(came_with: str, before: int) -> None:
    """That sums which came from elsewhere lack rows from before that Unix second. In a transaction
    of the caller's, who holds the lock on names."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_filling (came_with, filled_from, unknown_before)"
            f" VALUES (%s, {ALWAYS}, %s) ON CONFLICT (came_with) DO UPDATE"
            " SET unknown_before = excluded.unknown_before"
            " WHERE usage_filling.unknown_before < excluded.unknown_before",
            [came_with, before],
        )


def _fill(came_with: str) -> Iterator[None]:
    pace = Pace(first=_FIRST_STEP, most=_LARGEST_STEP, held_seconds=_HELD_SECONDS)
    with deferred_sync() as between:
        is_left = True
        while is_left:
            with pace.step():
                is_left = _step(came_with, pace.size)
            pace.note(is_alone=between())
            yield


def _step(came_with: str, most: int) -> bool:
    """Whether there is more to do, in the caller's transaction."""
    if not locks.hold_soon(locks.NAMES, names.CHANGES, _WAITS_SECONDS):
        return True
    state = fillings().get(came_with, ALL_FILLED)
    if state.filled_from == ALWAYS:
        return False
    since, portions = _newest_before(state.filled_from, most)
    additions: list[Additions] = []
    for rows in portions:
        additions = [added_up([*additions, _additions(rows, came_with)])]
    if additions:
        tables.add(additions[0])
    with connection.cursor() as cursor:
        cursor.execute(_SET, [since, _unknown_before(state), came_with])
    return since > ALWAYS


def _additions(rows: Sequence[TimedRow], came_with: str) -> Additions:
    with name_entries.without_daily_bound():  # history has many names
        renaming = names.agree_on(rows)
    return aggregate(rows, renaming and renaming.in_all_sums(), came_with)


def _unknown_before(state: Filling) -> int:
    """What a purge takes, it takes from below what was not reached yet."""
    purged_before = horizon.purged_before()
    if purged_before is None:
        return state.unknown_before
    purged = math.ceil(purged_before.timestamp())
    return max(state.unknown_before, min(purged, state.filled_from))


def _newest_before(until: int, most: int) -> tuple[int, Iterator[list[TimedRow]]]:
    """The second from which on all rows before `until` are told, and these rows; about `most`, but
    a second's rows are never told apart. ALWAYS where there are no others."""
    before, parameters = _before(until)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {keeping.columns()} FROM usage_metrics WHERE is_summed {before}"
            " ORDER BY timestamp DESC LIMIT %s",
            [*parameters, most + 1],
        )
        rows = list(keeping.timed(cursor.fetchall()))
    if len(rows) <= most:
        return ALWAYS, iter([rows] if rows else [])
    oldest = rows[-1][0]
    if whole := [row for row in rows if row[0] > oldest]:
        return oldest + 1, iter([whole])
    return oldest, _of_second(oldest)


def _of_second(second: int) -> Iterator[list[TimedRow]]:
    (before, ends), (_, begins) = _before(second + 1), _before(second)
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT {keeping.columns()} FROM usage_metrics WHERE is_summed {before}"
            " AND timestamp >= %s",
            [*ends, *begins],
        )
        while found := cursor.fetchmany(_ROWS_AT_ONCE):
            yield list(keeping.timed(found))


def _before(second: int) -> tuple[str, list[Any]]:
    if second == NEVER:
        return "", []
    moment = _EPOCH + dt.timedelta(seconds=second)
    return "AND timestamp < %s", [connection.ops.adapt_datetimefield_value(moment)]

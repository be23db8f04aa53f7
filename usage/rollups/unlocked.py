"""Waiting rows read without a lock, and marked later where they are still what was read."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import connection

from usage.database import extensions, storage, times
from usage.database.statements import execute_for_each
from usage.rollups import keeping
from usage.rollups.aggregation import TimedRow
from usage.rollups.places import Place

_SECOND = dt.timedelta(seconds=1)
# A row as it is read, and as it is given to the statement that marks it.
_AT, _ID, _TEXT, _COUNTED = 0, 1, 2, slice(4, None)
_Row = tuple[Any, ...]


class ReadRows(NamedTuple):
    """In the order of time: all that decides on what they add to the sums."""

    rows: list[_Row]
    seconds: list[int | None]  # of a hypertable's, since 1970, where the calendar has the day
    kept: list[_Row]
    rewritten: list[_Row]  # those of which SQLite's text is to be another, with that in front

    @property
    def ids(self) -> list[int]:
        return list(map(itemgetter(_ID), self.rows))

    def timed(self) -> Iterator[TimedRow]:
        """As `aggregate` takes them, without those that no figure counts."""
        return ((row[_AT], row[_COUNTED]) for row in self.rows if row[_AT] is not None)

    def place(self) -> Place | None:
        """Where TimescaleDB has them; None where it is to look everywhere, or elsewhere."""
        known = [each for each in self.seconds if each is not None]
        if len(known) < len(self.rows):
            return None
        with suppress(ValueError, OverflowError, OSError):  # a year that Python's calendar has not
            first, last = (dt.datetime.fromtimestamp(f(known), dt.UTC) for f in (min, max))
            return Place(first, last + _SECOND)
        return None


def read_waiting(most: int) -> ReadRows:
    """The first of those that are in no sum yet."""
    seconds = f"{times.unix_seconds('timestamp')}, " if extensions.is_hypertable() else ""
    with connection.cursor() as cursor:
        cursor.execute(
            # An expression of the text: as a column Django would parse it.
            f"SELECT {seconds}{keeping.counted_at()}, id, timestamp || '', excluded_as IS NULL,"
            f" {', '.join(keeping.counted_columns())} FROM usage_metrics"
            " WHERE is_summed IS NULL ORDER BY timestamp LIMIT %s",
            [most],
        )
        rows = cursor.fetchall()
    if seconds:
        return ReadRows([row[1:] for row in rows], [row[0] for row in rows], [], [])
    kept: list[_Row] = []
    rewritten: list[_Row] = []
    if storage.has_one_writer():
        for row in rows:
            text = times.comparable_text(row[_TEXT])
            if text == row[_TEXT]:
                kept.append(row)
            else:
                rewritten.append((text, *row))
    return ReadRows(rows, [], kept, rewritten)


def mark_unchanged(read: ReadRows) -> bool:
    """Mark the rows, which must be added now. False, and the caller is to roll back, where some
    are others by now, or their times written so are those of reports of their events."""
    if not storage.has_one_writer():
        taken = keeping.take_waiting([(read.ids, read.place())])
        return Counter(taken) == Counter((row[_AT], *row[_COUNTED]) for row in read.rows)
    # One visit to each row, where reading it and marking it would be three.
    same = "".join(f" AND {each} IS %s" for each in keeping.counted_columns())
    change = "is_summed = (%s IS NOT NULL)"  # the time at which it counts
    where = (
        f"WHERE id = %s AND timestamp = %s AND (excluded_as IS NULL) = %s{same}"
        " AND is_summed IS NULL"
    )
    update = "UPDATE OR IGNORE usage_metrics SET"
    return len(read.rows) == sum(
        execute_for_each(f"{update} {changes} {where}", some)
        for changes, some in ((change, read.kept), (f"timestamp = %s, {change}", read.rewritten))
        if some
    )

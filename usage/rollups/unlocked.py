"""Waiting rows read without a lock, and marked later where they are still what was read."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from django.db import connection

from usage.database import extensions, storage, times
from usage.database.statements import execute_for_each
from usage.rollups import keeping
from usage.rollups.places import Place

_SECOND = dt.timedelta(seconds=1)


class ReadRow(NamedTuple):
    """A row as it was read: all that decides on what it adds to the sums."""

    id: int
    seconds: int | None  # since 1970, where the calendar has the day
    stored_time: Any
    kept_time: Any  # as SQLite's text is to be written
    is_included: bool
    values: tuple[Any, ...]  # of `keeping.columns()`


def read_waiting(most: int) -> list[ReadRow]:
    """The first of those that are in no sum yet."""
    seconds = times.unix_seconds("timestamp") if extensions.is_hypertable() else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            # An expression of the text: as a column Django would parse it.
            f"SELECT id, {seconds}, timestamp || '', {times.comparable('timestamp')},"
            f" excluded_as IS NULL, {keeping.columns()} FROM usage_metrics"
            " WHERE is_summed IS NULL ORDER BY timestamp LIMIT %s",
            [most],
        )
        return [
            ReadRow(number, seconds, stored, kept, bool(is_included), tuple(values))
            for number, seconds, stored, kept, is_included, *values in cursor.fetchall()
        ]


def mark_unchanged(rows: Sequence[ReadRow]) -> bool:
    """Mark the rows, which must be added now. False, and the caller is to roll back, where some
    are others by now, or their times written so are those of reports of their events."""
    if not storage.has_one_writer():
        taken = keeping.take_waiting([([row.id for row in rows], place_as_read(rows))])
        return Counter(taken) == Counter(row.values for row in rows)
    # One visit to each row, where reading it and marking it would be three.
    same = "".join(f" AND {each} IS %s" for each in keeping.counted_columns())
    where = (
        "WHERE id = %s AND is_summed IS NULL AND timestamp = %s"
        f" AND (excluded_as IS NULL) = %s{same}"
    )
    kept: list[tuple[Any, ...]] = []
    rewritten: list[tuple[Any, ...]] = []
    for row in rows:
        at, *counted = row.values
        seen = (at is not None, row.id, row.stored_time, row.is_included, *counted)
        if row.stored_time == row.kept_time:
            kept.append(seen)
        else:
            rewritten.append((row.kept_time, *seen))
    update = "UPDATE OR IGNORE usage_metrics SET"
    return len(rows) == sum(
        execute_for_each(f"{update} {change} {where}", some)
        for change, some in (
            ("is_summed = %s", kept),
            ("timestamp = %s, is_summed = %s", rewritten),
        )
        if some
    )


def place_as_read(rows: Sequence[ReadRow]) -> Place | None:
    """Where TimescaleDB has them; None where it is to look everywhere, or they are elsewhere."""
    known = [row.seconds for row in rows if row.seconds is not None]
    if len(known) < len(rows):
        return None
    with suppress(ValueError, OverflowError, OSError):  # a year that Python's calendar has not
        first, last = (dt.datetime.fromtimestamp(f(known), dt.UTC) for f in (min, max))
        return Place(first, last + _SECOND)
    return None

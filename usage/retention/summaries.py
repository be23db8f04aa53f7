"""Removing sums: whole buckets before a UTC day, and that part of the wide one that it is in."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from usage.database import times
from usage.database.pace import Pace
from usage.rollups import names, tables
from usage.rollups.declarations import ROLLUPS_AND_HISTOGRAMS, Histogram, Rollup
from usage.rollups.folding import fold_days, table_of
from usage.rollups.horizon import move_purge_horizon

_KINDS = ROLLUPS_AND_HISTOGRAMS
_FIRST_BATCH = 500
_LARGEST_BATCH = 20_000


def first_day_kept(cutoff: dt.datetime) -> dt.datetime:
    """The UTC day that holds `cutoff`: sums of the days before it are past their age."""
    return cutoff.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def expired_sums(cutoff: dt.datetime) -> int:
    """How many sums `remove_expired_sums` would remove."""
    day = int(first_day_kept(cutoff).timestamp())
    return sum(_count(kind, day) for kind in _KINDS)


def remove_expired_sums(cutoff: dt.datetime) -> Iterator[int]:
    """Remove the sums of whole days before `cutoff`; tells after each batch how many went.

    A bucket of 30 days that begins before and ends after is made anew from the days that stay,
    so that it goes on to say what they say.
    """
    day = int(first_day_kept(cutoff).timestamp())
    if expired_sums(cutoff):
        move_purge_horizon(cutoff)
        for kind in _KINDS:
            yield from _remove(kind, day)
    with transaction.atomic():  # also after a run that broke off before this
        names.hold()
        tables.keep_writers_out()
        fold_days(day)


def _count(kind: Rollup | Histogram, day: int) -> int:
    where, parameters = _ended_by(kind, day)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table_of(kind)[0]} WHERE {where}", parameters)
        return int(cursor.fetchone()[0])


def _remove(kind: Rollup | Histogram, day: int) -> Iterator[int]:
    """In the order of the primary key, in which writers lock sums as well."""
    table, columns, length = table_of(kind)
    key = ", ".join(columns[1:length])
    read = ", ".join([times.unix_seconds("bucket"), *columns[2:length]])
    marks = ", ".join([times.at_unix_seconds(), *["%s"] * (length - 2)])
    where, parameters = _ended_by(kind, day)
    pace = Pace(first=_FIRST_BATCH, most=_LARGEST_BATCH)
    edge: tuple[Any, ...] | None = ()
    with connection.cursor() as cursor:
        while edge is not None:
            cursor.execute(
                f"SELECT {read} FROM {table} WHERE {where} ORDER BY {key} LIMIT 1 OFFSET %s",
                [*parameters, pace.size],
            )
            edge = cursor.fetchone()
            until = f" AND ({key}) <= ({marks})" if edge else ""
            with pace.step():
                names.hold()  # lest what is deleted be moved to another name meanwhile
                cursor.execute(
                    f"DELETE FROM {table} WHERE {where}{until}", [*parameters, *(edge or ())]
                )
            yield cursor.rowcount


def _ended_by(kind: Rollup | Histogram, day: int) -> tuple[str, list[int]]:
    """SQL for those buckets of a kind that end at or before the begin of `day`."""
    where = f"{table_of(kind)[1][0]} = %s AND bucket <= {times.at_unix_seconds()}"
    return where, [kind.number, day - kind.width]

"""What a report can count: where there is usage, and what of it is still there as raw rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from usage.database import times
from usage.database.versions import LAST_CHANGE, require_known
from usage.periods import Period
from usage.queries.covering import rollups_of, smallest_grouping, widened
from usage.queries.microseconds import FIRST, LAST, SECOND, microseconds, moment_of
from usage.queries.waiting import MOST_READ, waiting_rows
from usage.rollups import keeping
from usage.rollups.declarations import CAME_LATER, DAY, MONTH, SUMMED, TOTAL
from usage.rollups.horizon import PURGED_BEFORE
from usage.rollups.name_entries import ALWAYS
from usage.rollups.standing import ALL_FILLED, Filling

_DAY, _WIDEST = DAY * SECOND, MONTH * SECOND


@dataclass(frozen=True)
class Holdings:
    """What there is, in microseconds since 1970; `begin` is `end` where there is nothing."""

    begin: int
    end: int
    purged_until: int
    unsummed: int  # raw rows that no sums hold yet, counted up to MOST_READ and one more
    newest: Any  # as the database compares times; None without raw rows
    renamed: frozenset[str]  # dimensions of which some names count as (other)
    fillings: Mapping[str, Filling]  # by `Grouping.came_with`, of sums that may lack rows

    def is_filled(self, dimension: str) -> bool:
        """Whether the sums by it hold all rows that there ever were."""
        came_with = smallest_grouping([dimension]).came_with
        return self.fillings.get(came_with, ALL_FILLED) == ALL_FILLED


@dataclass(frozen=True)
class Scope:
    """A period as it can be counted: [begin, end) in microseconds."""

    begin: int
    end: int
    period: Period  # as asked for
    covered: Period  # the same, unless its ends would need raw rows that were purged


def holdings() -> Holdings:
    """One statement; a second one only where plain SQL has just written.

    NewerDatabase where a newer version has set it up.
    """
    days = rollups_of(TOTAL)[_DAY]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT {times.unix_seconds('MIN(bucket)')} FROM usage_rollups"
            f" WHERE rollup = %s), (SELECT {times.unix_seconds('MAX(bucket)')} FROM usage_rollups"
            " WHERE rollup = %s),"
            f" {PURGED_BEFORE},"
            f" (SELECT {times.readable('MAX(timestamp)')} FROM usage_metrics),"
            f" (SELECT COUNT(*) FROM ({waiting_rows()} LIMIT %s) AS found),"
            f" {', '.join([*map(_is_renamed, SUMMED), *map(_filling, CAME_LATER)])},"
            f" {LAST_CHANGE}",
            [days, days, MOST_READ + 1],
        )
        first, last, horizon, newest, unsummed, *more, change = cursor.fetchone()
        require_known(change)
        moments = [] if first is None else [first, last + DAY]
        if unsummed > MOST_READ:  # nobody looks at all of them
            moments += [FIRST // SECOND, LAST // SECOND]
        elif unsummed:
            moment = keeping.counted_at()
            cursor.execute(waiting_rows(f"MIN({moment}), MAX({moment}) + 1"), [])
            moments += [moment for moment in cursor.fetchone() if moment is not None]
    begin, end = (min(moments), max(moments)) if moments else (0, 0)
    purged_before = times.with_zone(horizon)
    renamed, filled = more[: len(SUMMED)], iter(more[len(SUMMED) :])
    return Holdings(
        max(begin * SECOND, FIRST),
        min(end * SECOND, LAST),
        FIRST if purged_before is None else microseconds(purged_before),
        unsummed,
        newest,
        frozenset(name for name, is_so in zip(SUMMED, renamed, strict=True) if is_so),
        {
            name: Filling(since, before)
            for name, since, before in zip(CAME_LATER, filled, filled, strict=True)
            if since is not None
        },
    )


def scope_of(period: Period, held: Holdings, grain: int) -> Scope:
    """The part of the period that can be counted.

    Before the purge horizon only buckets are left: an end of the period there moves outwards to
    the next end of a bucket of `grain`, and `covered` tells so.
    """
    begin = FIRST if period.start is None else microseconds(period.start)
    end = LAST if period.end is None else microseconds(period.end) + 1
    purged_until = widened(0, held.purged_until, grain)[1]
    start_is_cut = period.start is not None and begin % grain and begin < purged_until
    end_is_cut = period.end is not None and end % grain and end < purged_until
    outer_begin, outer_end = widened(begin, end, grain)
    begin, end = (outer_begin if start_is_cut else begin), (outer_end if end_is_cut else end)
    covered = Period(
        moment_of(begin) if start_is_cut else period.start,
        moment_of(end - 1) if end_is_cut else period.end,
    )
    # Past the first and the last row nothing needs to be cut off, so that wide sums do.
    all_begin, all_end = widened(held.begin, held.end, _WIDEST)
    is_open = not end_is_cut and (end >= held.end or _is_past_newest(period, end, held))
    return Scope(
        all_begin if begin <= held.begin else begin,
        all_end if is_open else end,
        period,
        covered,
    )


def _is_past_newest(period: Period, end: int, held: Holdings) -> bool:
    """Compared as the database does: rows may have been written in plain SQL."""
    if period.end is None or held.newest is None:
        return period.end is None or end >= held.purged_until
    newest_end = connection.ops.adapt_datetimefield_value(period.end)
    return end >= held.purged_until and newest_end >= held.newest


def _filling(came_with: str) -> str:
    entry = f"FROM usage_filling WHERE came_with = '{came_with}'"
    return f"(SELECT filled_from {entry}), (SELECT unknown_before {entry})"


def _is_renamed(dimension: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM usage_names"
        f" WHERE dimension = '{dimension}' AND counts_from > {ALWAYS})"
    )

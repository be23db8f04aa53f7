"""The figures that prove a move, by UTC day: of the sums, of the rows they hold, of other rows."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

from django.db import connection

from usage.database import numbers, times
from usage.importing.portal.file import PortalFile
from usage.rollups.declarations import DAY, ROLLUPS
from usage.rollups.measures import HALF, HALF_BITS

_TOKENS = ("total_tokens", "prompt_tokens", "completion_tokens")
_TOTAL_BY_DAY = next(r.number for r in ROLLUPS if not r.grouping.dimensions and r.width == DAY)


class DayFigures(NamedTuple):
    requests: int = 0
    total_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def plus(self, other: Self) -> "DayFigures":
        return DayFigures._make(mine + theirs for mine, theirs in zip(self, other, strict=True))

    def minus(self, other: Self) -> "DayFigures":
        return DayFigures._make(mine - theirs for mine, theirs in zip(self, other, strict=True))


ByDay = dict[int, DayFigures]  # days since 1970


class Held(NamedTuple):
    """What a database holds: its sums, the rows that are in them, and those that are not yet."""

    sums: ByDay
    rows: ByDay
    waiting: ByDay

    def purged(self, day: int) -> DayFigures:
        """What only the sums have of the day."""
        return at(self.sums, day).minus(at(self.rows, day))


def at(figures: ByDay, day: int) -> DayFigures:
    return figures.get(day, DayFigures())


def add_days(figures: ByDay, more: ByDay) -> None:
    for day, some in more.items():
        figures[day] = at(figures, day).plus(some)


def held_by_source(source: PortalFile) -> Held:
    return _held(source.file.execute(_all_sql(times.unix_seconds_in_file)).fetchall())


def held_by_target() -> Held:
    """In one statement, so that it is of one moment while others write."""
    with connection.cursor() as cursor:
        cursor.execute(_all_sql(times.unix_seconds), [])
        return _held(cursor.fetchall())


def columns_of_rows(table: str = "usage_metrics") -> str:
    """SQL for the columns that `by_day` reads, of a group of raw rows."""
    tokens = (f"COALESCE(CAST({table}.{name} AS BIGINT), 0)" for name in _TOKENS)
    halves = (
        half
        for count in tokens
        for half in (f"SUM({count} & {HALF - 1})", f"SUM({count} >> {HALF_BITS})")
    )
    return f"COUNT(*), {', '.join(halves)}, SUM({numbers.finite(f'{table}.cost_usd')})"


def by_day(rows: Iterable[tuple[Any, ...]]) -> ByDay:
    """Of rows of a day and `columns_of_rows`; those of no day in the calendar are left out."""
    found: ByDay = {}
    for day, requests, *halves, cost in rows:
        if day is not None:
            tokens = (
                int(low) + (int(high) << HALF_BITS)
                for low, high in zip(halves[::2], halves[1::2], strict=True)
            )
            figures = DayFigures._make((int(requests), *tokens, float(cost or 0)))
            add_days(found, {int(day): figures})
    return found


def _held(rows: list[tuple[Any, ...]]) -> Held:
    return Held(*(by_day(row[1:] for row in rows if row[0] == kind) for kind in range(3)))


def _all_sql(seconds: Callable[[str], str]) -> str:
    """`seconds` is SQL for those of a column of times."""
    halves = ", ".join(
        f"SUM(CASE WHEN token_shift = 0 THEN {name} ELSE 0 END), "
        f"SUM(CASE WHEN token_shift = {HALF_BITS} THEN {name} ELSE 0 END)"
        for name in _TOKENS
    )
    return (
        f"SELECT 0, {seconds('bucket')} / {DAY}, SUM(requests), {halves}, SUM(cost_usd_sum) "
        "FROM usage_rollups JOIN usage_series ON usage_series.id = series "
        f"WHERE rollup = {_TOTAL_BY_DAY} GROUP BY 2 "
        "UNION ALL SELECT CASE WHEN is_summed IS NULL THEN 2 ELSE 1 END, "
        f"{seconds('timestamp')} / {DAY}, {columns_of_rows()} FROM usage_metrics "
        "WHERE excluded_as IS NULL GROUP BY 1, 2"
    )

"""Keeps the sums equal to the raw rows, whoever changes those: in one transaction with them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from usage.database import extensions, locks, numbers, times
from usage.database.compression import without_bound
from usage.database.statements import slices
from usage.rollups import names, tables
from usage.rollups.aggregation import COLUMNS, TimedRow, aggregate
from usage.rollups.declarations import quoted
from usage.rollups.measures import NUMBER_COLUMNS, TOKEN_COLUMNS
from usage.rollups.places import Place, which

Portion = tuple[Sequence[int], Place | None]  # ids of rows, and where those are


def columns() -> str:
    """Of usage_metrics, what `timed` takes."""
    return ", ".join([counted_at(), *counted_columns()])


def counted_columns() -> list[str]:
    """COLUMNS in SQL. Plain SQL may have stored text for a number."""
    casts = dict.fromkeys(TOKEN_COLUMNS, "COALESCE(CAST({0} AS BIGINT), 0)")
    casts |= dict.fromkeys(NUMBER_COLUMNS, numbers.finite("{0}"))
    return [casts.get(name, "{0}").format(quoted(name)) for name in COLUMNS]


def timed(rows: Iterable[tuple[Any, ...]]) -> Iterator[TimedRow]:
    """Rows of `columns()` as `aggregate` takes them, without those that no figure counts."""
    return ((row[0], row[1:]) for row in rows if row[0] is not None)


def counted_at() -> str:
    """When a row was completed, in SQL; NULL where no figure counts it.

    That is on days which no calendar has, and where the row was excluded.
    """
    return f"CASE WHEN excluded_as IS NULL THEN {times.unix_seconds('timestamp')} END"


def is_counted() -> str:
    """Whether figures count a row, in SQL that Citus takes in an UPDATE."""
    return f"excluded_as IS NULL AND {times.is_in_calendar('timestamp')}"


def add_rows(ids: Sequence[int], place: Place | None = None) -> None:
    """Add those of the rows that are not in the sums yet."""
    add_portions([(ids, place)])


def take_out_rows(ids: Sequence[int], place: Place | None = None) -> None:
    """Take those of the rows that are in the sums out of them, before they change or go."""
    take_out_portions([(ids, place)])


def add_portions(portions: Sequence[Portion]) -> None:
    names.hold()
    found = list(timed(take_waiting(portions)))
    if found:
        tables.add(aggregate(found, names.agree_on(found)))


def take_out_portions(portions: Sequence[Portion]) -> None:
    names.hold()
    with without_bound():  # the others too, lest a reader adds them now and they go all the same
        locks.hold_rows(_each(portions))
    found = list(timed(_take(portions, "is_summed IS NOT NULL", "NULL")))
    if found:
        tables.subtract(aggregate(found, names.agree_on(found)))


def take_waiting(portions: Sequence[Portion]) -> list[tuple[Any, ...]]:
    """Those of the rows that are in no sum yet, locked and marked: they must be added now."""
    # False where no figure counts the row: it is in no sum, and need not be looked at again.
    return _take(portions, "is_summed IS NULL", is_counted())


def _take(portions: Sequence[Portion], condition: str, mark: str) -> list[tuple[Any, ...]]:
    """The rows, locked and marked."""
    found: list[tuple[Any, ...]] = []
    with without_bound():
        for some, parameters in _each(portions):
            found += _marked(f"{some} AND {condition}", parameters, mark)
    return found


def _each(portions: Sequence[Portion]) -> Iterator[tuple[str, list[Any]]]:
    """SQL that chooses some of the rows, and its parameters."""
    for ids, place in portions:
        for part in slices(ids):
            yield which(sorted(part), place)


def _marked(which: str, parameters: Sequence[Any], mark: str) -> list[tuple[Any, ...]]:
    if extensions.is_distributed():
        return _marked_on_nodes(which, parameters, mark)
    update = f"UPDATE usage_metrics SET is_summed = {mark} WHERE {which}"
    with connection.cursor() as cursor:
        if extensions.is_hypertable():
            cursor.execute(f"{update} RETURNING {columns()}", parameters)
            return list(cursor.fetchall())
        cursor.execute(
            f"SELECT {columns()} FROM usage_metrics WHERE {which} ORDER BY id {locks.for_update()}",
            parameters,
        )
        found = list(cursor.fetchall())
        times.make_comparable(which, parameters, mark)
        cursor.execute(update, parameters)
    return found


def _marked_on_nodes(which: str, parameters: Sequence[Any], mark: str) -> list[tuple[Any, ...]]:
    """Marking is what tells two apart that take the same rows, so it comes first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE usage_metrics SET is_summed = {mark} WHERE {which} RETURNING id", parameters
        )
        marked = [number for (number,) in cursor.fetchall()]
        if not marked:
            return []
        those = ", ".join(["%s"] * len(marked))
        cursor.execute(f"SELECT {columns()} FROM usage_metrics WHERE id IN ({those})", marked)
        return list(cursor.fetchall())

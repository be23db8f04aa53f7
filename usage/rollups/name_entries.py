"""The table of names: what was decided on each, how much room is left for more, and new ones."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection

from usage.database.statements import insert_new, slices
from usage.rollups.declarations import DAY

ALWAYS, NEVER = -(2**62), 2**62  # from when on rows count under a name
_COLUMNS = ("dimension", "name", "counts_from", "first_day", "last_day", "is_folded")


class Entry(NamedTuple):
    """What the table says of a name."""

    row_id: int
    counts_from: int
    last_day: int


Entries = dict[str, dict[str, Entry]]  # by dimension and name
_has_daily_bound: ContextVar[bool] = ContextVar("has_daily_bound", default=True)


@contextmanager
def without_daily_bound() -> Iterator[None]:
    """For what an operator brings in: the bound by day is against what senders make up."""
    token = _has_daily_bound.set(False)
    try:
        yield
    finally:
        _has_daily_bound.reset(token)


def today() -> int:
    """The UTC day, in Unix seconds."""
    return int(time.time()) // DAY * DAY


def find(wanted: Mapping[str, Sequence[str]]) -> Entries:
    """The entries that there are."""
    found: Entries = {dimension: {} for dimension in wanted}
    pairs = [(dimension, name) for dimension, names in wanted.items() for name in names]
    with connection.cursor() as cursor:
        for some in slices(pairs):
            conditions, parameters = [], []
            for dimension, named in groupby(some, key=itemgetter(0)):
                names = [name for _, name in named]
                marks = ", ".join(["%s"] * len(names))
                conditions.append(f"(dimension = %s AND name IN ({marks}))")
                parameters += [dimension, *names]
            cursor.execute(
                "SELECT dimension, name, id, counts_from, last_day FROM usage_names"
                f" WHERE {' OR '.join(conditions)}",
                parameters,
            )
            _add(found, cursor.fetchall())
    return found


def rooms(dimensions: Collection[str]) -> dict[str, int]:
    """How many more names of each may be told apart now."""
    left = dict.fromkeys(dimensions, _left(0, 0))
    marks = ", ".join(["%s"] * len(left))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT dimension, COUNT(*), SUM(CASE WHEN first_day = %s THEN 1 ELSE 0 END)"
            f" FROM usage_names WHERE dimension IN ({marks}) AND counts_from < {NEVER}"
            " GROUP BY dimension",
            [today(), *left],
        )
        left |= {name: _left(told, int(new)) for name, told, new in cursor.fetchall()}
    return left


def bounds() -> tuple[int, ...]:
    """What `rooms` depends on, beside the table."""
    return settings.METRICS_MAX_NAMES, settings.METRICS_MAX_NEW_NAMES, today()


def has_daily_bound() -> bool:
    return _has_daily_bound.get()


def make(entries: Iterable[tuple[str, str, int, int, int, bool]]) -> Entries | None:
    """Make those that are missing, of _COLUMNS, and tell them; None where the engine cannot.

    In the order that all writers keep, so that two of them cannot wait for each other.
    """
    rows = sorted(entries)
    if not rows:
        return {}
    made = insert_new("usage_names", _COLUMNS, rows, "dimension, name, id, counts_from, last_day")
    return None if made is None else _add({}, made)


def _left(told: int, new: int) -> int:
    left = settings.METRICS_MAX_NAMES - told
    if has_daily_bound():
        left = min(left, settings.METRICS_MAX_NEW_NAMES - new)
    return max(0, left)


def _add(found: Entries, rows: Iterable[tuple[Any, ...]]) -> Entries:
    for dimension, name, *entry in rows:
        found.setdefault(dimension, {})[name] = Entry(*entry)
    return found

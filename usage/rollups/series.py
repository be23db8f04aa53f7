"""The ids of series: looked up once in each process, made where they are new."""

import threading
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction

from usage.database.joins import each_of, given_texts
from usage.database.statements import execute_for_each
from usage.rollups.aggregation import Dimensions
from usage.rollups.declarations import SERIES_DIMENSIONS, Grouping, quoted

_NAMES = SERIES_DIMENSIONS
# All of them, in the order of the index, so that a series is found by equality.
_TYPES = dict.fromkeys(("grouping", *map(quoted, _NAMES)), "text") | {"token_shift": "smallint"}
_COLUMNS = tuple(_TYPES)
MOST_REMEMBERED = 20_000  # of each kind; what is forgotten is looked up again

_Key = tuple[Any, ...]  # the values of _COLUMNS
_Kind = tuple[str, int]  # name of the grouping, token shift
_known: defaultdict[_Kind, dict[Dimensions, int]] = defaultdict(dict)
_change = threading.Lock()


def ids_of(
    grouping: Grouping, token_shift: int, groups: Collection[tuple[Any, ...]]
) -> dict[Dimensions, int]:
    """The id of the series of each group, whose second item is its dimensions.

    New ones are made in the caller's transaction, and remembered once that is committed.
    """
    known = _known[grouping.name, token_shift]
    wanted = {group[1] for group in groups}
    ids = {each: number for each in wanted if (number := known.get(each)) is not None}
    if len(ids) == len(wanted):
        return ids
    keys = {_key(grouping, token_shift, each): each for each in sorted(wanted - ids.keys())}
    found = _find([*keys])
    if new := [key for key in keys if key not in found]:
        with transaction.atomic(savepoint=False):  # all at once, where the caller has none
            _make(new)
        found |= _find(new)
    looked_up = {keys[key]: number for key, number in found.items()}
    transaction.on_commit(lambda: _remember(known, looked_up))
    return ids | looked_up


def forget() -> None:
    """Look all up anew, after the tables were emptied."""
    global _known  # noqa: PLW0603  # in its place, for what a transaction goes on to remember
    _known = defaultdict(dict)


def _remember(known: dict[Dimensions, int], found: dict[Dimensions, int]) -> None:
    with _change:
        known.update(found)
        for each in list(islice(known, max(0, len(known) - MOST_REMEMBERED))):  # the oldest
            del known[each]


def _key(grouping: Grouping, token_shift: int, dimensions: Dimensions) -> _Key:
    values = dict(zip(grouping.dimensions, dimensions, strict=True))
    return (grouping.name, *(values.get(name, "") for name in _NAMES), token_shift)


def _find(keys: Sequence[_Key]) -> dict[_Key, int]:
    """Each by one step through the index, however many there are."""
    columns = ", ".join(f"given.{name}" for name in _COLUMNS)
    is_same = " AND ".join(f"usage_series.{name} = given.{name}" for name in _COLUMNS)
    found: dict[_Key, int] = {}
    with connection.cursor() as cursor:
        for given, parameters in given_texts(_TYPES, keys):
            source = each_of(given, "usage_series", is_same, is_on_every_node=True)
            cursor.execute(f"SELECT usage_series.id, {columns} {source}", parameters)
            found |= {tuple(key): number for number, *key in cursor.fetchall()}
    return found


def _make(keys: Sequence[_Key]) -> None:
    """In the order that all writers keep, so that two of them cannot wait for each other."""
    marks = ", ".join(["%s"] * len(_COLUMNS))
    execute_for_each(
        f"INSERT INTO usage_series ({', '.join(_COLUMNS)}) VALUES ({marks}) ON CONFLICT DO NOTHING",
        keys,
    )
